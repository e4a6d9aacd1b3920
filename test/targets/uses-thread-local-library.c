/* Loads thread-local-library.so, at its start (linked) or by hand (path as argument), and calls it in two threads: a line of input is
   a number, and the answer is what each thread gets, and what the program itself finds in the library's variable. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#define FIXED 0
#define V(before, after) (FIXED ? (after) : (before))

#ifdef LINKED
extern __thread long exported_own;
__attribute__((noinline)) static long look(long n) { return exported_own * V(1, 5) + n; }
#else
__attribute__((noinline)) static long look(long n) { return n * V(1, 5); }
#endif

/* Through a pointer: neither loop differs when the function does. */
static long (*volatile see)(long n) = look;
static long (*count)(long n);
static sem_t asked, answered;
static long number, found;

static void *work(void *unused) {
  for (;;) {
    sem_wait(&asked);
    found = count(number) + see(number);
    sem_post(&answered);
  }
  return unused;
}

int main(int argc, char **argv) {
  char line[32];
  pthread_t worker;
  count = (long (*)(long))dlsym(argc > 1 ? dlopen(argv[1], RTLD_NOW) : RTLD_DEFAULT, "library_count");
  if (count == NULL || sem_init(&asked, 0, 0) || sem_init(&answered, 0, 0) || pthread_create(&worker, NULL, work, NULL)) return 1;
  setvbuf(stdout, NULL, _IOLBF, 0);
  puts("ready");
  while (fgets(line, sizeof line, stdin) != NULL) {
    number = strtol(line, NULL, 10);
    sem_post(&asked);
    sem_wait(&answered);
    printf("%ld: %ld %ld %ld\n", number, found, count(number + 1), see(number));
  }
  return 0;
}
