// A thread has been in visited() and is not any more: it sleeps in a function whose large, uninitialised array covers the
// frames that are gone, so that their return addresses still lie on the used stack.
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static volatile int sink;

__attribute__((noinline, noclone)) void deeper(int depth) {
  volatile char room[256];
  room[0] = (char)depth;
  if (depth > 0) deeper(depth - 1);
  sink += room[0];
}

__attribute__((noinline, noclone)) void visited(void) {
  deeper(4);
  ++sink;
}

__attribute__((noinline, noclone)) void sleepOnTop(void) {
  volatile char cover[8192];
  __asm__ volatile("" ::"r"(cover) : "memory");
  for (;;) pause();
}

static void *work(void *unused) {
  visited();
  sleepOnTop();
  return unused;
}

int main(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, work, NULL) != 0) return 1;
  usleep(50000);
  printf("ready visited=%p sleepOnTop=%p\n", (void *)visited, (void *)sleepOnTop);
  fflush(stdout);
  for (;;) pause();
}
