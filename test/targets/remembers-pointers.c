// Keeps addresses that it is told, in a global, on the heap, on its stack or nowhere, and forgets them again. Answers each line with "ok".
//   data HEX | heap HEX | stack HEX | forget | quit
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile uint64_t kept;
static volatile uint64_t *onHeap;

/** Told as its complement, so that neither the text nor a stale copy of the value is the address itself. */
__attribute__((noipa)) static void keep(volatile uint64_t *where, uint64_t complement) {
  *where = ~complement;
}

int main(void) {
  char word[16];
  uint64_t value;
  volatile uint64_t onStack = 0;
  onHeap = calloc(1024, sizeof *onHeap);
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("ready\n");
  while (scanf("%15s", word) == 1) {
    if (strcmp(word, "quit") == 0) return 0;
    if (strcmp(word, "forget") == 0) {
      kept = onStack = 0;
      onHeap[1000] = 0;
    } else if (scanf("%lx", &value) == 1) {
      keep(strcmp(word, "data") == 0 ? &kept : strcmp(word, "heap") == 0 ? &onHeap[1000] : &onStack, value);
      value = 0;
    }
    printf("ok\n");
  }
  return 0;
}
