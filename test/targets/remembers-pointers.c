// Keeps addresses that it is told, in a global, on the heap, on its stack or nowhere, and forgets them again. Or a thread that works keeps
// one, in a general register, in an SSE register or in the upper half of an AVX register. Answers each line with "ok".
//   data HEX | heap HEX | stack HEX | general HEX | vector HEX | upper HEX | forget | quit
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile uint64_t kept;
static volatile uint64_t *onHeap;

/** Told as its complement, so that neither the text nor a stale copy of the value is the address itself. */
__attribute__((noipa)) static void keep(volatile uint64_t *where, uint64_t complement) {
  *where = ~complement;
}

static volatile int isWorking;
static volatile int isToForget;
static volatile uint64_t given;

#define WORK_WITH(load, forget) \
  __asm__ volatile("mov %[given], %%r12\n not %%r12\n" load "movl $1, %[working]\n 1: pause\n cmpl $0, %[end]\n je 1b\n xor %%r12, %%r12\n" forget \
                   : [working] "+m"(isWorking) : [given] "m"(given), [end] "m"(isToForget) : "r12", "xmm9", "memory", "cc")

static void *workWithGeneral(void *unused) { WORK_WITH("", ""); return unused; }
static void *workWithVector(void *unused) { WORK_WITH("movq %%r12, %%xmm9\n xor %%r12, %%r12\n", "pxor %%xmm9, %%xmm9\n"); return unused; }
static void *workWithUpper(void *unused) {
  WORK_WITH("vmovq %%r12, %%xmm9\n xor %%r12, %%r12\n vperm2f128 $0x08, %%ymm9, %%ymm9, %%ymm9\n", "vzeroall\n");
  return unused;
}

static pthread_t worker;

static int beginToWork(const char *with, uint64_t complement) {
  void *(*work)(void *) = strcmp(with, "general") == 0 ? workWithGeneral : strcmp(with, "vector") == 0 ? workWithVector : strcmp(with, "upper") == 0 ? workWithUpper : NULL;
  if (!work) return 0;
  given = complement;
  isToForget = 0;
  if (pthread_create(&worker, NULL, work, NULL) != 0) abort();
  while (!isWorking) {
  }
  return 1;
}

static void endWork(void) {
  if (!isWorking) return;
  isToForget = 1;
  pthread_join(worker, NULL);
  isWorking = 0;
}

int main(void) {
  char word[16];
  uint64_t value;
  volatile uint64_t onStack = 0;
  onHeap = calloc(1024, sizeof *onHeap);
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("ready\n");
  while (scanf("%15s", word) == 1) {
    if (strcmp(word, "quit") == 0) return 0;
    if (strcmp(word, "forget") == 0) {
      kept = onStack = 0;
      onHeap[1000] = 0;
      endWork();
    } else if (scanf("%lx", &value) == 1) {
      if (!beginToWork(word, value)) keep(strcmp(word, "data") == 0 ? &kept : strcmp(word, "heap") == 0 ? &onHeap[1000] : &onStack, value);
      value = 0;
    }
    printf("ok\n");
  }
  return 0;
}
