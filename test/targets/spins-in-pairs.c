// Eight threads that compute without a pause and call outer() every few hundred instructions, and resident() beside it. outer() and inner() are patched together
// (spins-in-pairs.patch): 11 is old with old, 22 new with new, anything else must never be seen. resident() has a patch of
// its own (spins-in-pairs-resident.patch) that stays: 1 before, 2 with it.
//
// A line on standard input is answered by the counts since the last one: "answers OLD NEW WRONG".
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { threads = 8, calls_between_counts = 1000, rounds_between_calls = 200 };

__attribute__((noipa)) static int inner(int x) {
  return x + 1;
}

__attribute__((noipa)) int outer(int x) {
  return 10 * (x + 1) + inner(x);
}

__attribute__((noipa)) int resident(int x) {
  return x + 1;
}

/** Would they do nothing else, one of eight would always be in the way. */
static int compute(int value) {
  for (int i = 0; i < rounds_between_calls; i++) __asm__ volatile("rol $7, %0" : "+r"(value));
  return value;
}

static atomic_long old_answers, new_answers, wrong_answers;

static void *call(void *unused) {
  for (int value = 1;;) {
    long old = 0, new = 0, wrong = 0;
    for (int i = 0; i < calls_between_counts; i++) {
      value = compute(value);
      const int answer = outer(0), beside = resident(0);
      old += answer == 11;
      new += answer == 22;
      wrong += (answer != 11 && answer != 22) || (beside != 1 && beside != 2);
    }
    atomic_fetch_add(&old_answers, old);
    atomic_fetch_add(&new_answers, new);
    atomic_fetch_add(&wrong_answers, wrong);
  }
  return unused;
}

int main(void) {
  char line[64];
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int i = 0; i < threads; i++) pthread_create(&(pthread_t){0}, NULL, call, NULL);
  puts("ready");
  while (fgets(line, sizeof line, stdin)) {
    printf("answers %ld %ld %ld\n", atomic_exchange(&old_answers, 0), atomic_exchange(&new_answers, 0), atomic_exchange(&wrong_answers, 0));
  }
  return 0;
}
