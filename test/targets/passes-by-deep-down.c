// THREADS threads that go 64 KiB down on their stacks, compute there for a while and come back, again and again; every 32nd time by way of passage(), whose
// frame then lies as far from the stack pointer as any. passage() and version() are patched together: 11 is old with old, 22 new with new,
// and a 12 or 21 has been in an old passage() while new code was called. So on most stacks, at most times, there is nothing in the way, and a
// moment later there may be.
//
// A line on standard input is answered by the counts since the last one: "answers OLD NEW WRONG".
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { frames = 64, frame_size = 1024, rounds = 20000, goes_between_passages = 32 };

__attribute__((noipa)) int version(void) { return 1; }

__attribute__((noipa)) static void compute(int value) {
  for (int i = 0; i < rounds; i++) __asm__ volatile("rol $7, %0" : "+r"(value));
}

__attribute__((noipa)) void descend(int left) {
  char frame[frame_size];
  memset(frame, left, sizeof frame);
  __asm__ volatile("" : : "r"(frame) : "memory");
  if (left > 0) descend(left - 1);
  else compute(left);
  __asm__ volatile("" : : "r"(frame) : "memory");
}

__attribute__((noipa)) int passage(int left) {
  int first = version();
  descend(left);
  return 10 * first + version();
}

static atomic_long old_answers, new_answers, wrong_answers;

static void *work(void *argument) {
  for (unsigned goes = (unsigned)(uintptr_t)argument;; goes++) {
    if (goes % goes_between_passages != 0) {
      descend(frames);
      continue;
    }
    const int answer = passage(frames);
    atomic_fetch_add(answer == 11 ? &old_answers : answer == 22 ? &new_answers : &wrong_answers, 1);
  }
  return NULL;
}

int main(int count, char **arguments) {
  const int threads = count > 1 ? atoi(arguments[1]) : 24;
  char line[64];
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int i = 0; i < threads; i++) {
    pthread_t thread;
    // Not all of them in step.
    if (pthread_create(&thread, NULL, work, (void *)(uintptr_t)(i * 7 + 1)) != 0) return 1;
  }
  puts("ready");
  while (fgets(line, sizeof line, stdin)) {
    printf("answers %ld %ld %ld\n", atomic_exchange(&old_answers, 0), atomic_exchange(&new_answers, 0), atomic_exchange(&wrong_answers, 0));
  }
  return 0;
}
