// The floor of the benchmark: what it costs at the least to stop every thread of a process with ptrace, read its
// registers and let it go. Nothing is looked at, nothing is written.
//
//   stop-all PID RUNS [--raise]      one line of JSON for each run; fewer when they take more than a few seconds
//
// With --raise the working threads have real-time priority while they are wanted, so that a busy machine does not keep
// them from stopping; where that is not permitted they go without.
//
// A thread's hold is taken as the program's own helper takes it: from just before it is asked to stop until it runs again.
#define _GNU_SOURCE
#include <dirent.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { max_threads = 8192, patience = 2 };

struct thread {
  pid_t tid;
  int working;
  uint64_t from, until;
};

static struct thread threads[max_threads];

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int is_working(int pid, pid_t tid) {
  char path[64], state = '?';
  snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, tid);
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  // The name stands in parentheses and holds none here.
  if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1) state = '?';
  fclose(file);
  return state == 'R';
}

static int list_threads(int pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR *directory = opendir(path);
  if (!directory) return 0;
  int count = 0;
  for (struct dirent *entry; (entry = readdir(directory)) && count < max_threads;) {
    pid_t tid = atoi(entry->d_name);
    if (tid > 0) threads[count++] = (struct thread){.tid = tid, .working = is_working(pid, tid)};
  }
  closedir(directory);
  return count;
}

static void require(long result, const char *what) {
  if (result >= 0) return;
  perror(what);
  exit(1);
}

/** The threads of the benchmark all have the ordinary policy, so that is what they are given back. */
static void set_policy(int count, int policy, int priority) {
  // Above the threads, or the first ones raised would keep us from raising and stopping the others.
  struct sched_param own = {.sched_priority = priority ? priority + 1 : 0}, parameters = {.sched_priority = priority};
  sched_setscheduler(0, policy, &own);
  for (int i = 0; i < count; i++)
    if (threads[i].working) sched_setscheduler(threads[i].tid, policy, &parameters);
}

static void run(int pid, int raise) {
  int count = list_threads(pid);
  for (int i = 0; i < count; i++) require(ptrace(PTRACE_SEIZE, threads[i].tid, 0, 0), "PTRACE_SEIZE");
  if (raise) set_policy(count, SCHED_FIFO, 1);
  for (int i = 0; i < count; i++) {
    threads[i].from = now();
    require(ptrace(PTRACE_INTERRUPT, threads[i].tid, 0, 0), "PTRACE_INTERRUPT");
  }
  for (int i = 0; i < count; i++) {
    int status;
    require(waitpid(threads[i].tid, &status, __WALL), "waitpid");
  }
  struct user_regs_struct registers;
  for (int i = 0; i < count; i++) require(ptrace(PTRACE_GETREGS, threads[i].tid, 0, &registers), "PTRACE_GETREGS");
  for (int i = 0; i < count; i++) {
    require(ptrace(PTRACE_CONT, threads[i].tid, 0, 0), "PTRACE_CONT");
    threads[i].until = now();
  }
  if (raise) set_policy(count, SCHED_OTHER, 0);
  uint64_t working = 0, sleeping = 0;
  for (int i = 0; i < count; i++) {
    uint64_t held = threads[i].until - threads[i].from;
    if (threads[i].working && held > working) working = held;
    if (!threads[i].working && held > sleeping) sleeping = held;
  }
  printf("{\"workingMicroseconds\": %.1f, \"sleepingMicroseconds\": %.1f}\n", (double)working / 1000, (double)sleeping / 1000);
}

int main(int argc, char **argv) {
  int raise = argc == 4 && strcmp(argv[3], "--raise") == 0;
  if (argc != 3 && !raise) {
    fprintf(stderr, "usage: stop-all PID RUNS [--raise]\n");
    return 2;
  }
  const uint64_t deadline = now() + patience * 1000000000ull;
  for (int left = atoi(argv[2]); left > 0 && now() < deadline; left--) {
    // The tracer's end lets everybody go without stopping them again, so each run is a process of its own.
    pid_t child = fork();
    require(child, "fork");
    if (child == 0) {
      run(atoi(argv[1]), raise);
      exit(0);
    }
    int status;
    require(waitpid(child, &status, 0), "waitpid");
    if (status != 0) return 1;
    usleep(20000);
  }
}
