// Asks choose() for a function, remembers it, and calls it later in a thread of its own. On standard input, a word a line:
//   choose | call | leave | forget
// The chosen function returns when it is told to `leave`.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int chosen_function(int from);

__attribute__((noinline, noclone)) static int oldOne(int from) {
  char byte;
  while (read(from, &byte, 1) != 1) {}
  return 1;
}

__attribute__((noinline, noclone)) chosen_function *choose(void) {
  __asm__ volatile("");
  return oldOne;
}

static chosen_function *volatile chosen;
static int way[2];

static void *callIt(void *unused) {
  printf("called %d\n", chosen(way[0]));
  return unused;
}

/** What earlier calls left on the stack. */
__attribute__((noinline)) static void scrub(void) {
  char room[32768];
  memset(room, 0, sizeof room);
  __asm__ volatile("" : : "r"(room) : "memory");
}

int main(void) {
  char word[16];
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (pipe(way) != 0) return 1;
  printf("ready\n");
  while (scanf("%15s", word) == 1) {
    pthread_t thread;
    if (strcmp(word, "choose") == 0) { chosen = choose(); printf("chosen\n"); }
    else if (strcmp(word, "call") == 0) { if (pthread_create(&thread, NULL, callIt, NULL) != 0) return 1; pthread_detach(thread); }
    else if (strcmp(word, "leave") == 0) { if (write(way[1], "x", 1) != 1) return 1; }
    else if (strcmp(word, "forget") == 0) { chosen = NULL; scrub(); printf("forgotten\n"); }
  }
  return 0;
}
