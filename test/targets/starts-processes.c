// Threads that start processes without a pause, each in a way of its own: fork, vfork, posix_spawn, and fork with an exec of this very
// program. Every child says what answer() says by its exit code; two threads call it as well. On standard input a line asks for the numbers:
//
//   calls=N wrong=N fork=N/WRONG vfork=N/WRONG spawn=N/WRONG exec=N/WRONG
//
// An answer is 1 or 2, whatever happens; a child that ends otherwise, or a call that fails, is wrong. "fresh" as an argument is a child that was executed.
#define _GNU_SOURCE
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

__attribute__((noinline, noclone)) int answer(int of) {
  __asm__ volatile(".byte 0x0f, 0x1f, 0x44, 0x00, 0x00" : "+r"(of));  // nopl 0(%rax, %rax): room for a jump
  return of - 1;
}

static const char *self;
static atomic_long calls, wrong;
static struct way {
  const char *name;
  pid_t (*start)(void);
  atomic_long started, wrong;
} ways[];

static pid_t byFork(void) {
  const pid_t child = fork();
  if (child == 0) _exit(answer(2));
  return child;
}

static pid_t byVfork(void) {
  const pid_t child = vfork();
  if (child == 0) _exit(answer(2));
  return child;
}

static pid_t bySpawn(void) {
  pid_t child = -1;
  char *words[] = {(char *)self, "fresh", NULL};
  return posix_spawn(&child, self, NULL, NULL, words, environ) == 0 ? child : -1;
}

static pid_t byExec(void) {
  const pid_t child = fork();
  if (child == 0) {
    execl(self, self, "fresh", (char *)NULL);
    _exit(3);
  }
  return child;
}

static struct way ways[] = {{"fork", byFork, 0, 0}, {"vfork", byVfork, 0, 0}, {"spawn", bySpawn, 0, 0}, {"exec", byExec, 0, 0}};
enum { wayCount = sizeof ways / sizeof *ways };

static void *start(void *argument) {
  struct way *const way = argument;
  for (;;) {
    int status = 0;
    const pid_t child = way->start();
    const int isWell = child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && (WEXITSTATUS(status) == 1 || WEXITSTATUS(status) == 2);
    ++way->started;
    way->wrong += !isWell;
  }
  return NULL;
}

static void *call(void *unused) {
  for (;;) {
    const int got = answer(2);
    wrong += got != 1 && got != 2;
    ++calls;
    usleep(50);
  }
  return unused;
}

int main(int count, char **words) {
  if (count > 1) return answer(2);
  self = words[0];
  setvbuf(stdout, NULL, _IOLBF, 0);
  pthread_t thread;
  for (int i = 0; i < 2; ++i) {
    if (pthread_create(&thread, NULL, call, NULL) != 0) return 3;
  }
  for (int i = 0; i < wayCount; ++i) {
    if (pthread_create(&thread, NULL, start, &ways[i]) != 0) return 3;
  }
  printf("ready\n");
  char line[64];
  while (fgets(line, sizeof line, stdin) != NULL) {
    printf("calls=%ld wrong=%ld", calls, wrong);
    for (int i = 0; i < wayCount; ++i) printf(" %s=%ld/%ld", ways[i].name, ways[i].started, ways[i].wrong);
    printf("\n");
  }
  return 0;
}
