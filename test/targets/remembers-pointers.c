// Keeps addresses that it is told, in a global, on the heap or nowhere, and forgets them again. Answers each line with "ok".
//   data HEX | heap HEX | forget | quit
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile uint64_t kept;
static volatile uint64_t *onHeap;

int main(void) {
  char word[16];
  uint64_t value;
  onHeap = calloc(1024, sizeof *onHeap);
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("ready\n");
  while (scanf("%15s", word) == 1) {
    if (strcmp(word, "quit") == 0) return 0;
    if (strcmp(word, "forget") == 0) {
      kept = 0;
      onHeap[1000] = 0;
    } else if (scanf("%lx", &value) == 1) {
      // Told as its complement, so that neither the text nor a stale copy of the value is the address itself.
      if (strcmp(word, "data") == 0) kept = ~value;
      else onHeap[1000] = ~value;
      value = 0;
    }
    printf("ok\n");
  }
  return 0;
}
