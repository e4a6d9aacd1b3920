// A master that forks workers all the time; each answers over and over for half a second and ends, and only a few of them
// are old at any time. On standard input, a word a line:
//   ask            a line "answers: OLD NEW" with how often 1 and 2 were answered since the last time, by anyone
//   pause          no further worker, until `go`; "paused" when all have ended
//   linger         no worker ends, until `hurry`
//   quit
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static int base = 1;
static unsigned *counts;
static unsigned *mayLinger;
static int workers, isPaused;

__attribute__((noinline, noclone)) int answer(int worker) {
  __asm__ volatile("" : "+r"(worker));
  return base + (worker < 0);
}

static void sleepFor(long milliseconds) {
  const struct timespec time = {0, milliseconds * 1000000};
  nanosleep(&time, NULL);
}

__attribute__((noinline)) static void answerOnce(int worker) {
  const int got = answer(worker);
  __atomic_fetch_add(&counts[got & 3], 1, __ATOMIC_RELAXED);
}

static void work(int worker) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int i = 0; i < 250 || __atomic_load_n(mayLinger, __ATOMIC_RELAXED); i++) {
    answerOnce(worker);
    sleepFor(2);
  }
  _exit(0);
}

static void reap(void) {
  while (workers > 0 && waitpid(-1, NULL, WNOHANG) > 0) workers--;
}

static void obey(const char *word) {
  if (strcmp(word, "ask") == 0) {
    const unsigned old = __atomic_exchange_n(&counts[1], 0, __ATOMIC_RELAXED);
    printf("answers: %u %u\n", old, __atomic_exchange_n(&counts[2], 0, __ATOMIC_RELAXED));
  } else if (strcmp(word, "pause") == 0) {
    isPaused = 1;
    while (workers > 0) { if (waitpid(-1, NULL, 0) > 0) workers--; }
    printf("paused\n");
  } else if (strcmp(word, "go") == 0) {
    isPaused = 0;
  } else if (strcmp(word, "linger") == 0 || strcmp(word, "hurry") == 0) {
    __atomic_store_n(mayLinger, word[0] == 'l', __ATOMIC_RELAXED);
  } else if (strcmp(word, "quit") == 0) {
    exit(0);
  }
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (counts == MAP_FAILED) return 1;
  mayLinger = &counts[4];
  printf("ready\n");
  for (int number = 0;; number++) {
    reap();
    if (!isPaused && workers < 24) {
      const pid_t pid = fork();
      if (pid == 0) work(number);
      if (pid > 0) workers++;
    }
    answerOnce(-0);
    struct pollfd input = {0, POLLIN, 0};
    if (poll(&input, 1, 15) <= 0) continue;
    char line[64] = {0};
    const ssize_t length = read(0, line, sizeof line - 1);
    if (length <= 0) return 0;
    for (char *rest = line, *word; (word = strsep(&rest, "\n")) != NULL;) obey(word);
  }
}
