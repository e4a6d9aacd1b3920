// Stays in one function for the given number of milliseconds, and ends when it comes out of it.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((noinline, noclone)) static int stay(int milliseconds) {
  int rounds = 0;
  for (int left = milliseconds; left > 0; left -= 10) {
    usleep(10000);
    rounds++;
    __asm__ volatile("" : "+r"(rounds));
  }
  return rounds;
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  puts("ready");
  printf("stayed for %d rounds\n", stay(argc > 1 ? atoi(argv[1]) : 1000));
}
