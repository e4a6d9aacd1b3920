// Coroutines as libraries make them, on memory of their own: with the argument "ucontext" by makecontext and swapcontext, with
// "sigaltstack" as QEMU does where it has nothing better: a signal handler on an alternate stack keeps where it is, and is jumped back
// into when it is long over. On standard input:
//   enter   the coroutine goes into inside() and is suspended there
//   leave   it comes out, and is suspended elsewhere; what it left behind is overwritten
//   ask     value() is called
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

enum { size = 262144, staysOutside = 4 };

static ucontext_t homeContext, ownContext;
static sigjmp_buf homeJump, ownJump;
static int isByContext;
static volatile int broken, isMade;

__attribute__((noinline, noclone)) void suspend(void) {
  if (isByContext) swapcontext(&ownContext, &homeContext);
  else if (sigsetjmp(ownJump, 0) == 0) siglongjmp(homeJump, 1);
}

static void resume(void) {
  if (isByContext) swapcontext(&homeContext, &ownContext);
  else if (sigsetjmp(homeJump, 0) == 0) siglongjmp(ownJump, 1);
}

__attribute__((noinline, noclone)) int value(void) {
  __asm__ volatile("");
  return 1;
}

__attribute__((noinline, noclone)) int inside(void) {
  const int first = value();
  suspend();
  return first == value();
}

__attribute__((noinline, noclone)) static void scrub(void) {
  char room[4096];
  memset(room, 0, sizeof room);
  __asm__ volatile("" : : "r"(room) : "memory");
}

static void body(void) {
  for (;;) {
    if (!inside()) ++broken;
    for (int i = 0; i < staysOutside; ++i) {
      scrub();
      suspend();
    }
  }
}

/** The first time on the alternate stack; the second time by a jump, when no signal is handled any more. */
static void onAlternateStack(int signal) {
  (void)signal;
  if (sigsetjmp(ownJump, 0) == 0) {
    isMade = 1;
    return;
  }
  body();
}

static void make(void) {
  char *const stack = malloc(size);
  if (isByContext) {
    getcontext(&ownContext);
    ownContext.uc_stack.ss_sp = stack;
    ownContext.uc_stack.ss_size = size;
    ownContext.uc_link = &homeContext;
    makecontext(&ownContext, body, 0);
    return;
  }
  const stack_t alternate = {.ss_sp = stack, .ss_size = size};
  stack_t before;
  struct sigaction action = {.sa_handler = onAlternateStack, .sa_flags = SA_ONSTACK};
  sigaltstack(&alternate, &before);
  sigaction(SIGUSR2, &action, NULL);
  raise(SIGUSR2);
  sigaltstack(&before, NULL);
  if (!isMade) exit(1);
}

int main(int count, char **arguments) {
  char word[16];
  isByContext = count > 1 && strcmp(arguments[1], "ucontext") == 0;
  setvbuf(stdout, NULL, _IOLBF, 0);
  make();
  printf("ready\n");
  while (scanf("%15s", word) == 1) {
    if (strcmp(word, "enter") == 0) {
      resume();
      printf("entered\n");
    } else if (strcmp(word, "leave") == 0) {
      for (int i = 0; i < staysOutside; ++i) resume();
      printf("left\n");
    } else if (strcmp(word, "ask") == 0) {
      printf("value %d, broken %d\n", value(), broken);
    }
  }
}
