// Works, for debuggers and profilers to look at: a thread calls work() again and again, with a short rest between. A line
// on standard input: "ask" prints how many frames backtrace() finds below asked(), and where that function was defined;
// "crash" makes work() fall over, once it is the one of works-and-crashes.patch. With -DNUMBERED the code depends on the
// numbers of its lines.
#include <execinfo.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef NUMBERED
#define LINE __LINE__
#else
#define LINE 0
#endif

static volatile uint64_t sink;
static int one = 1;
static int *volatile wanted = &one;

__attribute__((noinline)) static uint64_t mix(uint64_t value) {
  return value * 6364136223846793005u + 1442695040888963407u;
}

__attribute__((noipa)) void work(uint64_t rounds) {
  uint64_t value = sink;
  for (uint64_t i = 0; i < rounds; i++) value = mix(value);
  sink = value + (unsigned)*wanted;
}

__attribute__((noipa)) int frames(void) {
  void *found[64];
  return backtrace(found, 64);
}

__attribute__((noipa)) void asked(void) {
  const int number = frames();
  printf("frames %d line %d\n", number, LINE);
}

static void *always(void *nothing) {
  for (;;) work(20000), usleep(300);
  return nothing;
}

int main(void) {
  char line[64];
  pthread_t thread;
  setvbuf(stdout, NULL, _IOLBF, 0);
  pthread_create(&thread, NULL, always, NULL);
  puts("ready");
  while (fgets(line, sizeof line, stdin)) {
    if (strncmp(line, "crash", 5) == 0) wanted = NULL;
    else asked();
  }
  return 0;
}
