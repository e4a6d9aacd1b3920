// Return addresses into visited() lie where nothing is alive any more: on the stack of a thread that has ended, which libc
// keeps for the next one, and below the stack pointers of one that sleeps and of the main thread.
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static volatile int sink;

__attribute__((noinline, noclone)) void deeper(int depth) {
  volatile char room[64];
  room[0] = (char)depth;
  if (depth > 0) deeper(depth - 1);
  sink += room[0];
}

__attribute__((noinline, noclone)) void visited(void) {
  deeper(2);
  ++sink;
}

__attribute__((noinline, noclone)) static void visitFarBelow(void) {
  volatile char room[8192];
  room[0] = 1;
  visited();
  sink += room[0];
}

static void *visitAndEnd(void *unused) {
  visitFarBelow();
  return unused;
}

static void *visitAndSleep(void *unused) {
  visitFarBelow();
  sink = -1;
  for (;;) pause();
  return unused;
}

int main(void) {
  pthread_t ended, asleep;
  if (pthread_create(&asleep, NULL, visitAndSleep, NULL) != 0) return 1;
  while (sink != -1) usleep(1000);
  if (pthread_create(&ended, NULL, visitAndEnd, NULL) != 0) return 1;
  pthread_join(ended, NULL);
  visitFarBelow();
  printf("ready visited=%p\n", (void *)visited);
  fflush(stdout);
  for (;;) pause();
}
