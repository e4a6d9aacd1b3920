// A thread stands at the bottom of a recursion, 20,000 calls deep; the first call was made by entrance().
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static volatile int sink;

__attribute__((noinline, noclone)) int recurse(int depth) {
  while (depth == 0) {
    pause();
    if (sink < 0) return 0;
  }
  const int got = recurse(depth - 1);
  ++sink;
  return got + depth;
}

__attribute__((noinline, noclone)) int entrance(int depth) { return recurse(depth) + 1; }

__attribute__((noinline, noclone)) int elsewhere(int of) { return of + sink; }

static void *work(void *unused) {
  sink = entrance(20000);
  return unused;
}

int main(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, work, NULL) != 0) return 1;
  usleep(100000);
  printf("ready recurse=%p entrance=%p elsewhere=%p %d\n", (void *)recurse, (void *)entrance, (void *)elsewhere, elsewhere(1));
  fflush(stdout);
  for (;;) pause();
}
