// Two threads start short-lived threads without a pause, each of which calls answer() a few times and ends. A line on
// standard input asks for the numbers of calls and of answers that were neither 1 nor 2.
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

__attribute__((noinline, noclone, aligned(16))) int answer(int of) {
  __asm__ volatile(".byte 0x0f, 0x1f, 0x44, 0x00, 0x00" ::: "memory");  // nopl 0(%rax, %rax)
  return of - 1;
}

__attribute__((noinline, noclone, aligned(16))) int otherAnswer(int of) {
  __asm__ volatile("" ::: "memory");
  return of;
}

static _Atomic uint64_t calls, ones, twos, wrong;

static void *live(void *unused) {
  for (int i = 0; i < 100; ++i) {
    const int got = answer(2);
    atomic_fetch_add(got == 1 ? &ones : got == 2 ? &twos : &wrong, 1);
    atomic_fetch_add(&calls, 1);
  }
  return unused;
}

static void *bear(void *unused) {
  for (;;) {
    pthread_t threads[4];
    int born = 0;
    for (int i = 0; i < 4; ++i) born += pthread_create(&threads[born], NULL, live, NULL) == 0;
    for (int i = 0; i < born; ++i) pthread_join(threads[i], NULL);
  }
  return unused;
}

int main(void) {
  pthread_t thread;
  for (int i = 0; i < 2; ++i) {
    if (pthread_create(&thread, NULL, bear, NULL) != 0) return 1;
  }
  printf("ready answer=%p otherAnswer=%p\n", (void *)answer, (void *)otherAnswer);
  fflush(stdout);
  char line[64];
  while (fgets(line, sizeof line, stdin) != NULL) {
    printf("calls=%lu ones=%lu twos=%lu wrong=%lu\n", (unsigned long)calls, (unsigned long)ones, (unsigned long)twos, (unsigned long)wrong);
    fflush(stdout);
  }
}
