// The floor of the benchmark: what it costs at the least to stop every thread of a process with ptrace, read its
// registers and let it go. Nothing is looked at, nothing is written.
//
//   stop-all PID RUNS [--raise] [--read]      one line of JSON for each run; fewer when they take more than a few seconds
//
// With --raise the working threads have real-time priority while they are wanted, so that a busy machine does not keep
// them from stopping; where that is not permitted they go without. With --read the used part of each stack is copied, too, by
// two threads at once, before anybody is let go: whoever wants to know what stands there pays for that at the least.
//
// A thread's hold is taken as the program's own helper takes it: from just before it is asked to stop until it runs again.
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { max_threads = 8192, max_mappings = 65536, readers = 2, longest_stack = 1 << 20, patience = 2 };

struct thread {
  pid_t tid;
  int working;
  uint64_t stack;
  uint64_t from, until;
};

struct mapping {
  uint64_t start, end;
};

static struct thread threads[max_threads];
static struct mapping mappings[max_mappings];
static int mapping_count;

struct reader {
  pthread_t thread;
  int pid, first, count;
  char *buffer;
};

static struct reader reading[readers];
static pthread_barrier_t all_stopped, all_read;

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

static void read_mappings(int pid) {
  char path[64], line[4096];
  snprintf(path, sizeof path, "/proc/%d/maps", pid);
  FILE *file = fopen(path, "r");
  if (!file) return;
  while (mapping_count < max_mappings && fgets(line, sizeof line, file)) {
    struct mapping *mapping = &mappings[mapping_count];
    if (sscanf(line, "%lx-%lx", &mapping->start, &mapping->end) == 2) mapping_count++;
  }
  fclose(file);
}

static uint64_t end_of_stack(uint64_t stack) {
  int low = 0, high = mapping_count;
  while (low < high) {
    int middle = (low + high) / 2;
    if (mappings[middle].end <= stack) low = middle + 1;
    else high = middle;
  }
  return low < mapping_count && mappings[low].start <= stack ? mappings[low].end : stack;
}

static void *read_stacks(void *argument) {
  struct reader *own = argument;
  pthread_barrier_wait(&all_stopped);
  for (int i = own->first; i < own->count; i += readers) {
    uint64_t length = end_of_stack(threads[i].stack) - threads[i].stack;
    if (length > longest_stack) length = longest_stack;
    struct iovec to = {own->buffer, length}, from = {(void *)threads[i].stack, length};
    // Else the floor would be too low.
    if (length == 0 || process_vm_readv(own->pid, &to, 1, &from, 1, 0) != (ssize_t)length) {
      fprintf(stderr, "cannot read the stack of thread %d\n", threads[i].tid);
      _exit(1);
    }
  }
  pthread_barrier_wait(&all_read);
  return NULL;
}

/** They wait; their buffers are there, and they have the priority of whoever begins them. */
static void begin_readers(int pid, int count) {
  read_mappings(pid);
  pthread_barrier_init(&all_stopped, NULL, readers + 1);
  pthread_barrier_init(&all_read, NULL, readers + 1);
  for (int i = 0; i < readers; i++) {
    reading[i] = (struct reader){.pid = pid, .first = i, .count = count, .buffer = calloc(1, longest_stack)};
    if (!reading[i].buffer || pthread_create(&reading[i].thread, NULL, read_stacks, &reading[i]) != 0) {
      fprintf(stderr, "cannot begin a reader\n");
      exit(1);
    }
    memset(reading[i].buffer, 1, longest_stack);
  }
}

static void run(int pid, int raise, int read) {
  int count = list_threads(pid);
  for (int i = 0; i < count; i++) require(ptrace(PTRACE_SEIZE, threads[i].tid, 0, 0), "PTRACE_SEIZE");
  if (raise) set_policy(count, SCHED_FIFO, 1);
  if (read) begin_readers(pid, count);
  for (int i = 0; i < count; i++) {
    threads[i].from = now();
    require(ptrace(PTRACE_INTERRUPT, threads[i].tid, 0, 0), "PTRACE_INTERRUPT");
  }
  for (int i = 0; i < count; i++) {
    int status;
    require(waitpid(threads[i].tid, &status, __WALL), "waitpid");
  }
  struct user_regs_struct registers;
  for (int i = 0; i < count; i++) {
    require(ptrace(PTRACE_GETREGS, threads[i].tid, 0, &registers), "PTRACE_GETREGS");
    threads[i].stack = registers.rsp;
  }
  if (read) {
    pthread_barrier_wait(&all_stopped);
    pthread_barrier_wait(&all_read);
  }
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
  int raise = 0, read = 0, known = argc >= 3;
  for (int i = 3; i < argc; i++) {
    if (strcmp(argv[i], "--raise") == 0) raise = 1;
    else if (strcmp(argv[i], "--read") == 0) read = 1;
    else known = 0;
  }
  if (!known) {
    fprintf(stderr, "usage: stop-all PID RUNS [--raise] [--read]\n");
    return 2;
  }
  const uint64_t deadline = now() + patience * 1000000000ull;
  for (int left = atoi(argv[2]); left > 0 && now() < deadline; left--) {
    // The tracer's end lets everybody go without stopping them again, so each run is a process of its own.
    pid_t child = fork();
    require(child, "fork");
    if (child == 0) {
      run(atoi(argv[1]), raise, read);
      exit(0);
    }
    int status;
    require(waitpid(child, &status, 0), "waitpid");
    if (status != 0) return 1;
    usleep(20000);
  }
}
