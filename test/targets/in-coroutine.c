// The main thread runs a coroutine on a stack in the heap, where it sleeps; resumer(), which switched to it, is still
// under way on the thread's own stack. The argument says how many MiB of other data lie above that stack.
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

static ucontext_t home, routine;
static volatile int turns;

__attribute__((noinline, noclone)) void inCoroutine(void) {
  for (;;) pause();
}

__attribute__((noinline, noclone)) void resumer(void) {
  swapcontext(&home, &routine);
  ++turns;
}

__attribute__((noinline, noclone)) void elsewhere(void) { ++turns; }

int main(int count, char **arguments) {
  enum { size = 262144 };
  elsewhere();
  getcontext(&routine);
  routine.uc_stack.ss_sp = calloc(1, size + ((size_t)(count > 1 ? atoi(arguments[1]) : 0) << 20));
  routine.uc_stack.ss_size = size;
  routine.uc_link = &home;
  makecontext(&routine, inCoroutine, 0);
  printf("ready inCoroutine=%p resumer=%p elsewhere=%p\n", (void *)inCoroutine, (void *)resumer, (void *)elsewhere);
  fflush(stdout);
  resumer();
}
