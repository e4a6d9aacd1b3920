// Two threads on one processor that count together, each in a restartable sequence (rseq): read, take a while, write. The kernel has a
// sequence begin anew when its thread was interrupted in it; one that goes on instead writes over what the other has counted meanwhile.
// A third thread only works. None ever sleeps: the main thread, which is one of the two, looks for its input in between. On a line of it:
// "counted SUM missing N". With "alone" as the argument there is but the main thread, which is most of the time in no sequence, though the
// kernel still knows of its last one.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/rseq.h>
#include <unistd.h>

enum { longTime = 20000, shortTime = 10 };
static volatile uint64_t together;
static volatile uint64_t own[2];
static atomic_int isEnough;

/** False when it has been interrupted. */
static int countOnce(struct rseq *area, long patience) {
  __asm__ goto volatile(
    ".pushsection __rseq_sequences, \"aw\"\n"
    ".balign 32\n"
    "1: .long 0, 0\n"
    ".quad 2f, 3f - 2f, 4f\n"
    ".popsection\n"
    "leaq 1b(%%rip), %%rax\n"
    "movq %%rax, %c[sequence](%[area])\n"
    "2:\n"
    "movq %[together], %%rax\n"
    "movq %[patience], %%rcx\n"
    "5: decq %%rcx\n"
    "jnz 5b\n"
    "incq %%rax\n"
    "movq %%rax, %[together]\n"
    "3:\n"
    ".pushsection __rseq_interrupted, \"ax\"\n"
    ".byte 0x0f, 0xb9, 0x3d\n"
    ".long 0x53053053\n"
    "4: jmp %l[interrupted]\n"
    ".popsection\n"
    :
    : [area] "r"(area), [sequence] "i"(offsetof(struct rseq, rseq_cs)), [together] "m"(together), [patience] "r"(patience)
    : "rax", "rcx", "memory", "cc"
    : interrupted);
  return 1;
interrupted:
  return 0;
}

static struct rseq *ownArea(void) { return (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset); }

static void *count(void *which) {
  struct rseq *const area = ownArea();
  while (!isEnough) {
    if (countOnce(area, longTime)) ++*(volatile uint64_t *)which;
  }
  return NULL;
}

static void *work(void *unused) {
  while (!isEnough) {}
  return unused;
}

static int countAlone(void) {
  struct rseq *const area = ownArea();
  fcntl(0, F_SETFL, O_NONBLOCK);
  puts("ready");
  fflush(stdout);
  for (char byte; read(0, &byte, 1) != 1;) {
    for (volatile int other = 0; other < 1000; ++other) {}
    if (countOnce(area, shortTime)) ++own[0];
  }
  printf("counted %lu missing %lu\n", (unsigned long)together, (unsigned long)(own[0] - together));
  return 0;
}

int main(int arguments, char **words) {
  if (arguments > 1 && strcmp(words[1], "alone") == 0) return countAlone();
  cpu_set_t processors;
  if (__rseq_size == 0 || sched_getaffinity(0, sizeof processors, &processors) != 0) return 1;
  int first = 0, last = CPU_SETSIZE - 1;
  while (!CPU_ISSET(first, &processors)) ++first;
  while (!CPU_ISSET(last, &processors)) --last;
  pthread_t counter, worker;
  if (pthread_create(&worker, NULL, work, NULL) != 0) return 1;
  CPU_ZERO(&processors);
  CPU_SET(first, &processors);
  pthread_setaffinity_np(pthread_self(), sizeof processors, &processors);
  if (pthread_create(&counter, NULL, count, (void *)&own[1]) != 0) return 1;
  CPU_ZERO(&processors);
  CPU_SET(last, &processors);
  pthread_setaffinity_np(worker, sizeof processors, &processors);
  fcntl(0, F_SETFL, O_NONBLOCK);
  puts("ready");
  fflush(stdout);
  struct rseq *const area = ownArea();
  for (char byte; read(0, &byte, 1) != 1;) {
    if (countOnce(area, longTime)) ++own[0];
  }
  isEnough = 1;
  pthread_join(counter, NULL);
  pthread_join(worker, NULL);
  printf("counted %lu missing %lu\n", (unsigned long)together, (unsigned long)(own[0] + own[1] - together));
  return 0;
}
