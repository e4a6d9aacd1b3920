// Starts a program (the second argument, and what follows it) as its child with the process number of the first argument, as soon
// as nobody has it; ends when the child does, and takes it along. Root only.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words) {
  if (count < 3) return 2;
  const pid_t wanted = atoi(words[1]);
  struct clone_args how = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&wanted, .set_tid_size = 1};
  long child;
  while ((child = syscall(SYS_clone3, &how, sizeof how)) < 0 && errno == EEXIST) usleep(1000);
  if (child < 0) {
    perror("Cannot take the number");
    return 2;
  }
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(words[2], words + 2);
    _exit(127);
  }
  waitpid((pid_t)child, NULL, 0);
  return 0;
}
