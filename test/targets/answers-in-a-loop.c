// Asks itself the same question for ever and prints each answer: a patch of answer() shows in the next line.
#include <stdio.h>
#include <unistd.h>

__attribute__((noinline, noclone)) static int answer(int question) {
  int sum = 0;
  for (int i = 0; i < 2; i++) {
    sum += question;
    __asm__ volatile("" : "+r"(sum));
  }
  return sum;
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  puts("ready");
  for (;;) {
    printf("answer %d\n", answer(21));
    usleep(10000);
  }
}
