// The main thread has ended, and two others go on: one works, one says over and over what step(1) is. With an argument the main
// thread ends when a line comes on standard input.
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
  for (;; usleep(10000)) {
    printf("step %d\n", step(1));
    fflush(stdout);
  }
  return unused;
}

int main(int count, char **arguments) {
  (void)arguments;
  pthread_t thread;
  if (pthread_create(&thread, NULL, work, NULL) != 0 || pthread_create(&thread, NULL, rest, NULL) != 0) return 1;
  if (count > 1) (void)getchar();
  pthread_exit(NULL);
}
