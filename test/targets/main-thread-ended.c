// The main thread has ended, and two others go on: one works, one sleeps.
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static volatile int turns;

__attribute__((noinline, noclone)) int step(int of) { return of + 1; }

static void *work(void *unused) {
  for (;;) turns = step(turns) & 0xffff;
  return unused;
}

static void *rest(void *unused) {
  usleep(50000);
  printf("ready step=%p\n", (void *)step);
  fflush(stdout);
  for (;;) pause();
  return unused;
}

int main(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, work, NULL) != 0 || pthread_create(&thread, NULL, rest, NULL) != 0) return 1;
  pthread_exit(NULL);
}
