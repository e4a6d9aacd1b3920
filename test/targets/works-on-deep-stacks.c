// N threads that work without a pause below 64 KiB of their stacks. The last of them came there through entrance(), whose return address is as
// far from its stack pointer as any; the others through otherEntrance(). In every frame lies a word that could be a return address into
// mentioned(), and is none.
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { frames = 64, words_of_frame = 128 };

static _Atomic int arrived;
static _Atomic uint64_t calls;
static _Atomic pid_t last;

__attribute__((noinline, noclone, aligned(16))) int elsewhere(int of) { return of + 1; }
__attribute__((noinline, noclone, aligned(16))) int mentioned(int of) { return elsewhere(of * 3) + 2; }

__attribute__((noinline, noclone)) static void descend(int left) {
  volatile uintptr_t frame[words_of_frame];
  for (int i = 0; i < words_of_frame; i++) frame[i] = i == words_of_frame / 2 ? (uintptr_t)mentioned + 5 : 1;
  if (left > 0) {
    descend(left - 1);
  } else {
    atomic_fetch_add(&arrived, 1);
    for (;;) atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
  }
  frame[0] = 2;
}

__attribute__((noinline, noclone)) void entrance(void) {
  last = (pid_t)syscall(SYS_gettid);
  descend(frames);
  __asm__ volatile("");
}
__attribute__((noinline, noclone)) void otherEntrance(void) {
  descend(frames);
  __asm__ volatile("");
}

static void *work(void *isLast) {
  if (isLast != NULL) entrance();
  else otherEntrance();
  return NULL;
}

int main(int count, char **arguments) {
  const int threads = count > 1 ? atoi(arguments[1]) : 8;
  for (int i = 0; i < threads; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, i + 1 == threads ? &arrived : NULL) != 0) return 1;
  }
  while (arrived < threads) usleep(1000);
  printf("ready elsewhere=%p last=%d\n", (void *)elsewhere, (int)last);
  fflush(stdout);
  char line[64];
  while (fgets(line, sizeof line, stdin) != NULL) {
    printf("calls=%lu result=%d\n", (unsigned long)calls, mentioned((int)calls));
    fflush(stdout);
  }
  return 0;
}
