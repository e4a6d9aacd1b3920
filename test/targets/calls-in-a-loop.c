// What a call costs. A line on standard input makes it call each of three functions with the same body again and again, and
// print the nanoseconds for one call of each: "patched N plain N library N". The first is redirected by
// calls-in-a-loop.patch, to a body of the same cost; the second never is; the third lies in a shared library and is called
// through the procedure linkage table (-DLIBRARY compiles that library, -DUSES_LIBRARY everything else).
#include <stdint.h>

uint64_t library(uint64_t value);

#ifndef USES_LIBRARY
__attribute__((noipa)) uint64_t library(uint64_t value) {
  return value * 6364136223846793005u + 1442695040888963407u;
}
#endif

#ifndef LIBRARY
#include <stdio.h>
#include <time.h>

enum { calls = 2000000 };

__attribute__((noipa, aligned(64))) uint64_t patched(uint64_t value) {
  return value * 6364136223846793005u + 1442695040888963407u;
}

__attribute__((noipa, aligned(64))) uint64_t plain(uint64_t value) {
  return value * 6364136223846793005u + 1442695040888963407u;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

#define MEASURE(function)                                              \
  __attribute__((noinline, aligned(64))) static double measure_##function(void) { \
    uint64_t value = 1;                                                \
    const double started = now();                                      \
    for (int i = 0; i < calls; i++) value = function(value);           \
    __asm__ volatile("" : : "r"(value));                               \
    return (now() - started) / calls;                                  \
  }
MEASURE(patched)
MEASURE(plain)
MEASURE(library)

int main(void) {
  char line[64];
  setvbuf(stdout, NULL, _IOLBF, 0);
  puts("ready");
  while (fgets(line, sizeof line, stdin)) {
    const double first = measure_patched(), second = measure_plain(), third = measure_library();
    printf("patched %.4f plain %.4f library %.4f\n", first, second, third);
  }
  return 0;
}
#endif
