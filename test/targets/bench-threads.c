// The target of the benchmark: THREADS threads, of which BUSY compute without a pause and the others sleep in a futex, each
// below DEPTH KiB of stack.
//
//   bench-threads THREADS BUSY DEPTH      prints "ready"
//
// The busy ones call step() now and then, which is what bench-threads.patch changes. For each line on its standard
// input it prints how long the worst of them was kept from computing since the last line, in microseconds: by being
// stopped, or by the machine's own scheduling.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { rounds_between_steps = 4000, max_threads = 4096, frame_size = 1024 };

static _Atomic uint64_t worst_gap[max_threads];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;

__attribute__((noinline)) uint64_t step(uint64_t value) {
  return value * 6364136223846793005u + 1442695040888963407u;
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t compute(uint64_t value) {
  for (int i = 0; i < rounds_between_steps; i++) value = (value << 7 | value >> 57) ^ (uint64_t)i;
  return step(value);
}

static void *work(void *argument) {
  _Atomic uint64_t *worst = argument;
  uint64_t value = (uint64_t)(uintptr_t)argument;
  for (uint64_t before = now();;) {
    value = compute(value);
    // The compiler must believe that somebody wants to know.
    __asm__ volatile("" : "+r"(value));
    uint64_t after = now();
    if (after - before > atomic_load_explicit(worst, memory_order_relaxed)) atomic_store_explicit(worst, after - before, memory_order_relaxed);
    before = after;
  }
  return NULL;
}

static void *sleep_for_ever(void *unused) {
  pthread_mutex_lock(&lock);
  for (;;) pthread_cond_wait(&never, &lock);
  return unused;
}

static int frames;

/** The frames are written to and stay in use, so that nothing of the stack can be left out. */
__attribute__((noinline)) static void *descend(int left, void *(*body)(void *), void *argument) {
  char frame[frame_size];
  memset(frame, left, sizeof frame);
  __asm__ volatile("" : : "r"(frame) : "memory");
  void *result = left > 0 ? descend(left - 1, body, argument) : body(argument);
  __asm__ volatile("" : : "r"(frame) : "memory");
  return result;
}

static void *work_below(void *argument) { return descend(frames, work, argument); }
static void *sleep_below(void *unused) { return descend(frames, sleep_for_ever, unused); }

static void start(void *(*body)(void *), void *argument, const char *name) {
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 * 1024);
  if (pthread_create(&thread, &attributes, body, argument) != 0) {
    perror("bench-threads");
    exit(1);
  }
  pthread_setname_np(thread, name);
}

int main(int argc, char **argv) {
  int threads = argc > 1 ? atoi(argv[1]) : 1, busy = argc > 2 ? atoi(argv[2]) : 1;
  frames = argc > 3 ? atoi(argv[3]) : 0;
  // Where only parents may trace, for the floor and for gdb.
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  if (threads > max_threads || busy > threads) return 1;
  // The main thread sleeps in read; with one thread wanted there are two, and the second one is the one that counts.
  for (int i = 0; i < busy; i++) start(work_below, (void *)&worst_gap[i], "busy");
  for (int i = busy; i < threads; i++) start(sleep_below, NULL, "asleep");
  usleep(100000);
  puts("ready");
  fflush(stdout);
  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    uint64_t worst = 0;
    for (int i = 0; i < busy; i++) {
      uint64_t gap = atomic_exchange(&worst_gap[i], 0);
      if (gap > worst) worst = gap;
    }
    printf("gap %llu\n", (unsigned long long)(worst / 1000));
    fflush(stdout);
  }
  return 0;
}
