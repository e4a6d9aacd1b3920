// The main thread waits uninterruptibly for a vfork child that sleeps; another one works. The child ends after the number
// of milliseconds of the first argument.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static volatile int turns;

__attribute__((noinline, noclone)) int step(int of) { return of + 1; }

static void *work(void *unused) {
  for (;;) turns = step(turns) & 0xffff;
  return unused;
}

int main(int count, char **arguments) {
  const int milliseconds = count > 1 ? atoi(arguments[1]) : 1000;
  const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
  pthread_t thread;
  if (pthread_create(&thread, NULL, work, NULL) != 0) return 1;
  printf("ready step=%p\n", (void *)step);
  fflush(stdout);
  if (vfork() == 0) {
    nanosleep(&time, NULL);
    _exit(0);
  }
  puts("child ended");
  fflush(stdout);
  for (;;) pause();
}
