// One thread calls small functions of several shapes again and again and counts their answers: those of the old function,
// those of the new one (other tags), and any other, which would be a mix. The counts lie where the first line says, three
// for each function, to be read while the process is stopped at an instruction of the reader's choice.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { oldTag = 1000, newTag = 5000 };
enum { isOld, isNew, isMixed };

static volatile long counts[3][3];
static volatile long handled;

#define FUNCTION __attribute__((noipa)) int

FUNCTION inner(int n) { return n + 1; }

__attribute__((noipa, cold)) int rare(int n) { return n + 7; }

/** Calls nothing, and has two ways through it. */
FUNCTION leaf(int n) {
  int x = n + oldTag;
  if (n & 1) x += 2 * n;
  else x -= 3;
  __asm__ volatile("" : "+r"(x));
  return x + oldTag;
}

/** Keeps something on the stack over a call. */
FUNCTION framed(int n) {
  int kept = n * 3;
  int x = inner(n + oldTag);
  return x + kept + oldTag;
}

/** Its rare way lies elsewhere, where the compiler splits functions. */
FUNCTION split(int n) {
  int x = n + oldTag;
  if (__builtin_expect(n % 4 == 0, 0)) x = rare(x) + rare(n);
  __asm__ volatile("" : "+r"(x));
  return x + oldTag;
}

/** A tail call where the compiler makes one. */
FUNCTION towardsLeaf(int n) { return leaf(n + 1); }

static int leafAnswer(int n, int tag) { return n + 2 * tag + (n & 1 ? 2 * n : -3); }
static int framedAnswer(int n, int tag) { return n + 2 * tag + 1 + 3 * n; }
static int splitAnswer(int n, int tag) { return n + 2 * tag + (n % 4 == 0 ? 7 + n + 7 : 0); }

static void count(volatile long into[3], int answer, int ofOld, int ofNew) {
  into[answer == ofOld ? isOld : answer == ofNew ? isNew : isMixed]++;
}

static void *work(void *unused) {
  for (int n = 0;; n = (n + 1) % 8) {
    count(counts[0], leaf(n), leafAnswer(n, oldTag), leafAnswer(n, newTag));
    count(counts[0], towardsLeaf(n), leafAnswer(n + 1, oldTag), leafAnswer(n + 1, newTag));
    count(counts[1], framed(n), framedAnswer(n, oldTag), framedAnswer(n, newTag));
    count(counts[2], split(n), splitAnswer(n, oldTag), splitAnswer(n, newTag));
  }
  return unused;
}

__attribute__((noipa)) void handler(int number) { handled += number != 0; }

int main(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  sigaction(SIGUSR1, &action, NULL);
  pthread_t thread;
  if (pthread_create(&thread, NULL, work, NULL) != 0) return 1;
  printf("ready leaf=%p work=%p counts=%p\n", (void *)leaf, (void *)work, (void *)counts);
  fflush(stdout);
  for (;;) pause();
}
