// Fifty pairs of functions, outer and inner, that are patched together. Threads call all outer ones again and again; each
// says which version of itself and of its inner one ran: 11 is old with old, 22 new with new, 33 newest with newest, anything
// else a mix, which must never be seen; so is a function that finds `setting` not as its version expects it. The first argument says how many of the
// pairs are called, all without one; the second by how many threads. With a third one their naps are of the kind that the kernel
// continues after an interruption, and not begins anew. "ask" prints the counts since the last time: "answers OLD NEW MIXED NEWEST".
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/** A patch that sets it has functions that expect the value that it sets. */
int setting = 1;

#define PAIR(n)                                                                                                 \
  __attribute__((noipa)) int inner_##n(int x) { return x + 1; }                                                 \
  __attribute__((noipa)) int outer_##n(int x) { return 10 * (x + 1) + inner_##n(x) + 100 * (setting - 1); }
#define TEN(n) PAIR(n##0) PAIR(n##1) PAIR(n##2) PAIR(n##3) PAIR(n##4) PAIR(n##5) PAIR(n##6) PAIR(n##7) PAIR(n##8) PAIR(n##9)
TEN(1) TEN(2) TEN(3) TEN(4) TEN(5)

#define NAMES(n) outer_##n##0, outer_##n##1, outer_##n##2, outer_##n##3, outer_##n##4, outer_##n##5, outer_##n##6, outer_##n##7, outer_##n##8, outer_##n##9,
static int (*const outers[])(int) = {NAMES(1) NAMES(2) NAMES(3) NAMES(4) NAMES(5)};

static unsigned called = sizeof outers / sizeof *outers;
static atomic_long oldAnswers, newAnswers, mixedAnswers, newestAnswers;

static atomic_long *counterOf(int answer) {
  switch (answer) {
    case 11: return &oldAnswers;
    case 22: return &newAnswers;
    case 33: return &newestAnswers;
    default: return &mixedAnswers;
  }
}

static int is_continued;

/** No signal comes: a nap that is interrupted counts as a mix. */
static void nap(void) {
  const struct timespec length = {.tv_nsec = 50000};
  const int end = is_continued ? nanosleep(&length, NULL) : ppoll(NULL, 0, &length, NULL);
  if (end != 0) atomic_fetch_add(&mixedAnswers, 1);
}

static void *call_all(void *unused) {
  (void)unused;
  for (;;) {
    for (unsigned i = 0; i < called; i++) {
      atomic_fetch_add(counterOf(outers[i](0)), 1);
    }
    nap();
  }
}

int main(int count, char **words) {
  char word[16];
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (count > 1) called = (unsigned)atoi(words[1]);
  is_continued = count > 3;
  const int threads = count > 2 ? atoi(words[2]) : 4;
  for (int i = 0; i < threads; i++) pthread_create(&(pthread_t){0}, NULL, call_all, NULL);
  printf("ready\n");
  while (scanf("%15s", word) == 1) {
    printf("answers %ld %ld %ld %ld\n", atomic_exchange(&oldAnswers, 0), atomic_exchange(&newAnswers, 0), atomic_exchange(&mixedAnswers, 0), atomic_exchange(&newestAnswers, 0));
  }
  return 0;
}
