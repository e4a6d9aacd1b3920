// A process and its two children, each with two threads that call answer() of the program and of a library (the first argument; this
// same source compiled with -DLIBRARY) in turn, all the time. What all share: the answer that is awaited, and whether anybody has got it
// yet. Who gets another one although somebody had got it before he asked has seen the old code after the new: that is late.
// "await N" begins to wait for N; "seen" prints "seen ONES TWOS THREES LATE" since the last time.
#ifdef LIBRARY

__attribute__((noinline, noclone)) int libraryAnswer(int of) {
  __asm__ volatile("" : "+r"(of));
  return of < 1000 ? 1 : 4;
}

#else

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { children = 2, threads = 2 };

static struct {
  /** Twice the awaited answer, and 1 more once it has come: who reads it sees both at the same moment. */
  atomic_int awaited;
  atomic_long seen[5], late;
} *shared;

static int (*libraryAnswer)(int);

__attribute__((noinline, noclone)) int answer(int of) {
  __asm__ volatile("" : "+r"(of));
  return of < 1000 ? 1 : 4;
}

static void askOnce(int (*whom)(int)) {
  const int before = atomic_load(&shared->awaited);
  const int got = whom(0);
  atomic_fetch_add(&shared->seen[got], 1);
  if (got != before >> 1) {
    if (before & 1) atomic_fetch_add(&shared->late, 1);
    return;
  }
  int expected = before & ~1;
  atomic_compare_exchange_strong(&shared->awaited, &expected, before | 1);
}

static void *askAlways(void *unused) {
  (void)unused;
  for (;;) {
    for (int times = 0; times < 20; ++times) {
      askOnce(answer);
      askOnce(libraryAnswer);
    }
    nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
  }
  return NULL;
}

static void startThreads(void) {
  for (int i = 0; i < threads; ++i) pthread_create(&(pthread_t){0}, NULL, askAlways, NULL);
}

int main(int count, char **words) {
  char word[16];
  int number;
  void *const library = count > 1 ? dlopen(words[1], RTLD_NOW) : NULL;
  if (library == NULL) return 1;
  *(void **)&libraryAnswer = dlsym(library, "libraryAnswer");
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (libraryAnswer == NULL || shared == MAP_FAILED) return 1;
  for (int i = 0; i < children; ++i) {
    if (fork() != 0) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    startThreads();
    for (;;) pause();
  }
  startThreads();
  setvbuf(stdout, NULL, _IOLBF, 0);
  puts("ready");
  while (scanf("%15s", word) == 1) {
    if (strcmp(word, "await") == 0 && scanf("%d", &number) == 1) {
      atomic_store(&shared->awaited, 2 * number);
      puts("awaiting");
    } else {
      printf("seen");
      for (int of = 1; of <= 3; ++of) printf(" %ld", atomic_exchange(&shared->seen[of], 0));
      printf(" %ld\n", atomic_load(&shared->late));
    }
  }
  return 0;
}

#endif
