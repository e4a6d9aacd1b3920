// Variables of many sorts, and a function that uses some. On standard input, a word a line:
//   show           "settings: RETRIES LIMIT MOST DEEP OTHER RATIO ANSWER"
//   retries N      sets that one
//   count          a thread counts up `counter` without a pause from now on
// Compiled together with has-settings-too.c, whose `limit` is another one.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct limits {
  int least;
  unsigned short most;
  unsigned flag : 3;
  struct { signed char deep; } inner;
};

int retries = 3;
static long limit = 100;
struct limits limits = {1, 50, 1, {7}};
double ratio = 0.5;
const int fixed = 9;
const char *title = "none";
int table[4] = {1, 2, 3, 4};
__thread int own = 1;
volatile unsigned long counter;
static int later;

extern long otherLimit(void);

__attribute__((noinline, noclone)) int answer(void) {
  __asm__ volatile("");
  return retries + fixed + own + (int)table[1] + later;
}

static void *countUp(void *unused) {
  for (;;) counter++;
  return unused;
}

int main(void) {
  char word[16];
  pthread_t thread;
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("ready %s\n", title);
  while (scanf("%15s", word) == 1) {
    if (strcmp(word, "show") == 0) printf("settings: %d %ld %d %d %ld %g %d\n", retries, limit, limits.most, limits.inner.deep, otherLimit(), ratio, answer());
    else if (strcmp(word, "retries") == 0 && scanf("%d", &retries) == 1) printf("set\n");
    else if (strcmp(word, "count") == 0) { if (pthread_create(&thread, NULL, countUp, NULL) != 0) return 1; printf("counting\n"); }
    else if (strcmp(word, "later") == 0) later++;
    else if (strcmp(word, "limit") == 0) limit++;
  }
  return 0;
}
