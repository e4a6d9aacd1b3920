// A second process in the memory of this one: clone() with CLONE_VM and without CLONE_THREAD, which is nobody's thread
// and no child of vfork either. It calls step() over and over, or waits inside of inside() until the pipe is written to.
// On standard input, a word a line:
//   ask       a line "answers: ONES TWOS" with how often step() gave 1 and 2 since the last time, in the other process
//   leave     the other process leaves inside(); "left"
// Argument `inside`: the other process stands in inside().
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

static int base = 1;
static unsigned counts[4];
static int way[2], waits;
static volatile int hasLeft;

__attribute__((noinline, noclone)) int step(int of) {
  __asm__ volatile("" : "+r"(of));
  return base + (of < 0);
}

__attribute__((noinline, noclone)) void inside(int from) {
  char byte;
  while (read(from, &byte, 1) != 1) {}
  __asm__ volatile("" ::: "memory");
}

static int live(void *unused) {
  (void)unused;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (waits) {
    inside(way[0]);
    hasLeft = 1;
  }
  for (;;) __atomic_fetch_add(&counts[step(1) & 3], 1, __ATOMIC_RELAXED);
  return 0;
}

int main(int count, char **arguments) {
  enum { size = 1 << 18 };
  waits = count > 1 && strcmp(arguments[1], "inside") == 0;
  char *const stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED || pipe(way) != 0) return 1;
  const int pid = clone(live, stack + size, CLONE_VM | SIGCHLD, NULL);
  if (pid < 0) return 1;
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("ready pid=%d step=%p inside=%p\n", pid, (void *)step, (void *)inside);
  char line[64];
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (strcmp(line, "ask\n") == 0) {
      const unsigned ones = __atomic_exchange_n(&counts[1], 0, __ATOMIC_RELAXED);
      printf("answers: %u %u\n", ones, __atomic_exchange_n(&counts[2], 0, __ATOMIC_RELAXED));
    }
    if (strcmp(line, "leave\n") == 0) {
      (void)!write(way[1], "", 1);
      while (!hasLeft) usleep(1000);
      printf("left\n");
    }
  }
}
