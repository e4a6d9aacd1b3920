// Brings a thread to an instruction, one step at a time, and leaves it there with its whole process stopped, as SIGSTOP
// does it: `stepper PID TID`, and on standard input "ADDRESS\n", or "ADDRESS signal\n" for the first instruction of the handler
// of SIGUSR1 that interrupts it there. Answers "there" or "never" on standard output.
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static const long mostSteps = 300000;

static int waitForStop(pid_t tid) {
  int status;
  return waitpid(tid, &status, __WALL) == tid && WIFSTOPPED(status);
}

static int step(pid_t tid, int signal) { return ptrace(PTRACE_SINGLESTEP, tid, NULL, (void *)(long)signal) == 0 && waitForStop(tid); }

static int stepTo(pid_t tid, unsigned long wanted) {
  for (long steps = 0; steps < mostSteps; steps++) {
    if (!step(tid, 0)) return 0;
    if ((unsigned long)ptrace(PTRACE_PEEKUSER, tid, offsetof(struct user, regs.rip), NULL) == wanted) return 1;
  }
  return 0;
}

static int bring(pid_t pid, pid_t tid, unsigned long wanted, int isInHandler) {
  if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) != 0 || ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) != 0 || !waitForStop(tid)) return 0;
  const int isThere = stepTo(tid, wanted) && (!isInHandler || step(tid, SIGUSR1));
  // Pending when it is let go, so that it does not run another instruction.
  if (isThere) syscall(SYS_tgkill, pid, tid, SIGSTOP);
  ptrace(PTRACE_DETACH, tid, NULL, NULL);
  return isThere;
}

int main(int count, char **words) {
  if (count != 3) return 2;
  char line[80];
  setvbuf(stdout, NULL, _IOLBF, 0);
  puts("ready");
  while (fgets(line, sizeof line, stdin) != NULL) {
    const unsigned long wanted = strtoul(line, NULL, 16);
    puts(bring(atoi(words[1]), atoi(words[2]), wanted, strstr(line, "signal") != NULL) ? "there" : "never");
  }
  return 0;
}
