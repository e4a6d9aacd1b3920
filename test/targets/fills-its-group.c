// Joins a memory control group (its file of processes is the first argument) and takes memory of it until its use (the file that is the
// second one) leaves no more than so many bytes of its limit: "fill LIMIT ROOM" answers "filled". "ask" prints what answer() says.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

__attribute__((noinline, noclone)) int answer(int of) {
  __asm__ volatile("" : "+r"(of));
  return of < 1000 ? 1 : 4;
}

static long used(int file) {
  char text[32] = {0};
  return pread(file, text, sizeof text - 1, 0) > 0 ? atol(text) : 0;
}

int main(int count, char **words) {
  enum { most = 64 << 20, page = 4096 };
  static char in[256], out[256];
  char word[16];
  long limit, room;
  if (count < 3) return 1;
  const int processes = open(words[1], O_WRONLY), use = open(words[2], O_RDONLY);
  char *const memory = mmap(NULL, most, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (processes < 0 || use < 0 || memory == MAP_FAILED || write(processes, "0", 1) != 1) return 1;
  madvise(memory, most, MADV_NOHUGEPAGE);
  // So that the C library needs no memory later.
  setvbuf(stdin, in, _IOFBF, sizeof in);
  setvbuf(stdout, out, _IOLBF, sizeof out);
  printf("ready\n");
  for (long taken = 0; scanf("%15s", word) == 1;) {
    if (strcmp(word, "ask") == 0) printf("answers: %d\n", answer(0));
    else if (strcmp(word, "fill") == 0 && scanf("%ld %ld", &limit, &room) == 2) {
      for (; taken < most && used(use) + room + page <= limit; taken += page) memory[taken] = 1;
      printf("filled\n");
    }
  }
  return 0;
}
