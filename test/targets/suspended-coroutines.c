// Coroutines that no thread is on, with a hand-made switch, on stacks from where the first argument says: mmap, malloc,
// static, local (an array in the frame of main) or thread (one more array, in that of a second thread). On standard input:
//   enter   the coroutine goes into inside() and is suspended there
//   leave   it comes out, and is suspended elsewhere; what it left behind is overwritten
//   ask     value() is called
//   spread  touches that many MiB of memory
// With "switch" as a second argument a thread does nothing but switch between coroutines that call inside(), each of which
// must see the same value() from its beginning to its end; `?` asks how often it was called and how often it did not.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { size = 65536, coroutines = 2, staysOutside = 4 };

struct coroutine {
  void *stackPointer;
};
static struct coroutine all[coroutines], home;
static struct coroutine *current;
static volatile long calls, broken, ones, twos;
static int isSwitching;

/** Saves what a callee must keep, and where it is, and goes on where the other one was. */
void switchTo(void **from, void *to);
__asm__(
    ".text\n.type switchTo, @function\nswitchTo:\n"
    "  push %rbp\n  push %rbx\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
    "  mov %rsp, (%rdi)\n  mov %rsi, %rsp\n"
    "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbx\n  pop %rbp\n"
    "  ret\n.size switchTo, .-switchTo\n");

__attribute__((noinline, noclone)) static void suspend(void) { switchTo(&current->stackPointer, home.stackPointer); }

static void resume(struct coroutine *coroutine) {
  current = coroutine;
  switchTo(&home.stackPointer, coroutine->stackPointer);
}

__attribute__((noinline, noclone)) int value(void) {
  __asm__ volatile("");
  return 1;
}

__attribute__((noinline, noclone)) int otherValue(void) {
  __asm__ volatile("");
  return 2;
}

__attribute__((noinline, noclone)) int inside(void) {
  const int first = value();
  suspend();
  const int second = value();
  ++*(second == 1 ? &ones : &twos);
  return first == second;
}

__attribute__((noinline, noclone)) static void scrub(void) {
  char room[2048];
  memset(room, 0, sizeof room);
  __asm__ volatile("" : : "r"(room) : "memory");
}

__attribute__((noinline, noclone)) static void body(void) {
  for (;;) {
    ++calls;
    if (!inside()) ++broken;
    for (int i = 0; i < staysOutside; ++i) {
      scrub();
      suspend();
    }
  }
}

static void prepare(struct coroutine *coroutine, char *stack) {
  // The lowest word of a frame that body() returns to is nothing; then its address, and six registers.
  uint64_t *top = (uint64_t *)(((uintptr_t)stack + size) & ~(uintptr_t)15);
  *--top = 0;
  *--top = (uint64_t)body;
  for (int i = 0; i < 6; ++i) *--top = 0;
  coroutine->stackPointer = top;
}

static void *switchForEver(void *unused) {
  for (;;) {
    for (int i = 0; i < coroutines; ++i) resume(&all[i]);
  }
  return unused;
}

static void answer(void) {
  char word[64];
  for (int i = 0; i < staysOutside; ++i) scrub();
  while (scanf("%63s", word) == 1) {
    if (strcmp(word, "enter") == 0) {
      resume(&all[0]);
      printf("entered\n");
    } else if (strcmp(word, "leave") == 0) {
      for (int i = 0; i < staysOutside; ++i) resume(&all[0]);
      printf("left\n");
    } else if (strcmp(word, "ask") == 0) {
      printf("value %d, broken %ld\n", value(), broken);
    } else if (strcmp(word, "?") == 0) {
      printf("calls=%ld broken=%ld ones=%ld twos=%ld\n", calls, broken, ones, twos);
    } else if (strcmp(word, "spread") == 0) {
      long wanted = 0;
      if (scanf("%ld", &wanted) != 1) exit(1);
      char *const room = mmap(NULL, (size_t)wanted << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      memset(room, 1, (size_t)wanted << 20);
      printf("spread\n");
    }
  }
}

static void begin(const char *kind, char *local) {
  static char room[coroutines][size];
  for (int i = 0; i < coroutines; ++i) {
    char *stack = room[i];
    if (strcmp(kind, "mmap") == 0) stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (strcmp(kind, "malloc") == 0) stack = malloc(size);
    if (local != NULL) stack = local + i * size;
    prepare(&all[i], stack);
  }
  if (isSwitching) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, switchForEver, NULL) != 0) exit(1);
  }
  printf("ready inside=%p value=%p otherValue=%p\n", (void *)inside, (void *)value, (void *)otherValue);
  answer();
}

static void *beginWithLocal(void *kind) {
  char local[coroutines * size];
  begin(kind, local);
  exit(0);
}

int main(int count, char **arguments) {
  char *const kind = count > 1 ? arguments[1] : "mmap";
  setvbuf(stdout, NULL, _IOLBF, 0);
  isSwitching = count > 2;
  if (strcmp(kind, "local") == 0) beginWithLocal(kind);
  if (strcmp(kind, "thread") == 0) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, beginWithLocal, kind) != 0) return 1;
    for (;;) pause();
  }
  begin(kind, NULL);
}
