// A thread was interrupted by a signal while it was in interrupted(), and its handler sleeps: on an alternate stack when
// the first argument is "alternate", else on top of the interrupted frames.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile int isIn;
static volatile int spins;

__attribute__((noinline, noclone)) void interrupted(void) {
  isIn = 1;
  while (isIn) ++spins;
}

__attribute__((noinline, noclone)) void callsInterrupted(void) {
  interrupted();
  ++spins;
}

__attribute__((noinline, noclone)) void handler(int number) {
  (void)number;
  isIn = 2;
  for (;;) pause();
}

static void *work(void *isAlternate) {
  static char room[65536];
  const stack_t stack = {.ss_sp = room, .ss_size = sizeof room};
  if (isAlternate != NULL) sigaltstack(&stack, NULL);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR1, &action, NULL);
  callsInterrupted();
  return NULL;
}

__attribute__((noinline, noclone)) void elsewhere(void) { ++spins; }

int main(int count, char **arguments) {
  pthread_t thread;
  char *const isAlternate = count > 1 && strcmp(arguments[1], "alternate") == 0 ? arguments[1] : NULL;
  if (pthread_create(&thread, NULL, work, isAlternate) != 0) return 1;
  while (isIn != 1) usleep(1000);
  pthread_kill(thread, SIGUSR1);
  while (isIn != 2) usleep(1000);
  usleep(20000);
  elsewhere();
  printf("ready interrupted=%p callsInterrupted=%p handler=%p elsewhere=%p\n", (void *)interrupted, (void *)callsInterrupted, (void *)handler, (void *)elsewhere);
  fflush(stdout);
  for (;;) pause();
}
