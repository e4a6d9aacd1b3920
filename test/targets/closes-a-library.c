// A library that is opened and closed while the program runs; compiled with -DLIBRARY this is that library. The program's argument is its
// path. On standard input:
//   ask      what answer() of the library says
//   close    the library is given up, and unmapped; "closed"
//   open     it is opened again; "open"
//   turn     a thread opens it, calls answer() and closes it, over and over; then "ask" says how often, and how often the answer was neither 1 nor 2
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#ifdef LIBRARY
__attribute__((noinline, noclone)) int answer(int of) {
  __asm__ volatile("" : "+r"(of));
  return 1 + (of < 0);
}
#else
static const char *path;
static void *library;
static atomic_long turns, wrong;

static void openLibrary(void) { library = dlopen(path, RTLD_NOW); }
static int ask(void *from) { return ((int (*)(int))dlsym(from, "answer"))(0); }

static void *turn(void *unused) {
  for (;;) {
    void *const own = dlopen(path, RTLD_NOW);
    const int got = own == NULL ? 0 : ask(own);
    wrong += got != 1 && got != 2;
    if (own != NULL) dlclose(own);
    ++turns;
  }
  return unused;
}

int main(int count, char **words) {
  if (count != 2) return 2;
  path = words[1];
  setvbuf(stdout, NULL, _IOLBF, 0);
  openLibrary();
  if (library == NULL) return 3;
  printf("ready\n");
  pthread_t thread;
  for (char word[16]; scanf("%15s", word) == 1;) {
    if (strcmp(word, "ask") == 0 && turns > 0) printf("turns: %ld %ld\n", turns, wrong);
    else if (strcmp(word, "ask") == 0) printf("answers: %d\n", ask(library));
    else if (strcmp(word, "close") == 0) printf("closed %d\n", dlclose(library));
    else if (strcmp(word, "open") == 0) { openLibrary(); printf("open\n"); }
    else if (strcmp(word, "turn") == 0) { dlclose(library); pthread_create(&thread, NULL, turn, NULL); printf("turning\n"); }
  }
  return 0;
}
#endif
