// Does to itself what few programs do. On standard input:
//   ask       what answer() says
//   execute   becomes a new run of itself, which says "ready" again
//   often     does that every few milliseconds, until "seldom"
//   open      makes its code writable; "opened"
//   forget    unmaps the ledger of the patches that it carries; "forgotten"
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *self;

__attribute__((noinline, noclone)) int answer(int of) {
  __asm__ volatile("" : "+r"(of));
  return 1 + (of < 0);
}

static void *rest(void *unused) {
  for (;;) pause();
  return unused;
}

static int isAsked(int milliseconds) {
  struct pollfd input = {0, POLLIN, 0};
  return poll(&input, 1, milliseconds) != 0;
}

static void forget(void) {
  char line[512];
  unsigned long start, end;
  FILE *maps = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof line, maps) != NULL) {
    if (strstr(line, "suture-ledger") == NULL || sscanf(line, "%lx-%lx", &start, &end) != 2) continue;
    munmap((void *)start, end - start);
    printf("forgotten\n");
    break;
  }
  fclose(maps);
}

int main(int count, char **words) {
  self = words[0];
  setvbuf(stdout, NULL, _IOLBF, 0);
  // A word at a time, so that a new run of the program misses none.
  setvbuf(stdin, NULL, _IONBF, 0);
  pthread_t thread;
  if (pthread_create(&thread, NULL, rest, NULL) != 0) return 1;
  if (count > 1 && !isAsked(7)) execl(self, self, "often", (char *)NULL);
  if (count == 1) printf("ready\n");
  for (char word[16]; scanf("%15s", word) == 1;) {
    if (strcmp(word, "ask") == 0) printf("answers: %d\n", answer(0));
    else if (strcmp(word, "execute") == 0) execl(self, self, (char *)NULL);
    else if (strcmp(word, "often") == 0) { printf("often\n"); execl(self, self, "often", (char *)NULL); }
    else if (strcmp(word, "seldom") == 0) printf("seldom\n");
    else if (strcmp(word, "open") == 0) { mprotect((void *)((unsigned long)answer & ~4095ul), 4096, PROT_READ | PROT_WRITE | PROT_EXEC); printf("opened\n"); }
    else if (strcmp(word, "forget") == 0) forget();
  }
  return 0;
}
