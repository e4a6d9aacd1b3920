// A thread sleeps inside hold(), called by caller(). A line on standard input lets it out for good; then "out" is printed.
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static int gate[2];

__attribute__((noinline, noclone)) int hold(int of) {
  char byte;
  const int got = (int)read(gate[0], &byte, 1);
  return of + got;
}

__attribute__((noinline, noclone)) int caller(int of) { return hold(of) * 3; }

static void *enter(void *unused) {
  if (caller(1) == 6) puts("out");
  fflush(stdout);
  pause();
  return unused;
}

int main(void) {
  pthread_t thread;
  if (pipe(gate) != 0 || pthread_create(&thread, NULL, enter, NULL) != 0) return 1;
  usleep(50000);
  printf("ready hold=%p caller=%p\n", (void *)hold, (void *)caller);
  fflush(stdout);
  char line[8];
  while (fgets(line, sizeof line, stdin) != NULL) (void)!write(gate[1], "x", 1);
}
