// N threads (first argument) of which K (second argument, default 1) work without a pause and the others sleep in a futex.
// The working ones call answer() again and again; it has five bytes at its start that may be overwritten while nobody is
// inside. Commands on standard input: "count" prints how many calls were made and how many gave neither 1 nor 2.
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((noinline, noclone, aligned(16))) int answer(int of) {
  __asm__ volatile(".byte 0x0f, 0x1f, 0x44, 0x00, 0x00" ::: "memory");  // nopl 0(%rax, %rax)
  return of - 1;
}

__attribute__((noinline, noclone, aligned(16))) int otherAnswer(int of) {
  __asm__ volatile("" ::: "memory");
  return of;
}

static _Atomic uint64_t calls, ones, twos, wrong;
static pthread_mutex_t never = PTHREAD_MUTEX_INITIALIZER;

static void *work(void *unused) {
  (void)unused;
  for (;;) {
    for (int i = 0; i < 1000; ++i) {
      const int got = answer(2);
      if (got == 1) atomic_fetch_add_explicit(&ones, 1, memory_order_relaxed);
      else if (got == 2) atomic_fetch_add_explicit(&twos, 1, memory_order_relaxed);
      else atomic_fetch_add(&wrong, 1);
    }
    atomic_fetch_add(&calls, 1000);
  }
  return NULL;
}

static void *sleepForever(void *unused) {
  (void)unused;
  pthread_mutex_lock(&never);
  return NULL;
}

int main(int count, char **arguments) {
  const int threads = count > 1 ? atoi(arguments[1]) : 1;
  const int working = count > 2 ? atoi(arguments[2]) : 1;
  pthread_mutex_lock(&never);
  for (int i = 0; i < threads; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, i < working ? work : sleepForever, NULL) != 0) return 1;
  }
  printf("ready answer=%p otherAnswer=%p\n", (void *)answer, (void *)otherAnswer);
  fflush(stdout);
  char line[64];
  while (fgets(line, sizeof line, stdin) != NULL) {
    printf("calls=%lu ones=%lu twos=%lu wrong=%lu\n", (unsigned long)calls, (unsigned long)ones, (unsigned long)twos, (unsigned long)wrong);
    fflush(stdout);
  }
  return 0;
}
