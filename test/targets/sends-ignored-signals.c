// Sends a signal that programs ignore unless they say otherwise (SIGWINCH) to a process, or to each of its threads in turn, without a pause.
//
//   sends-ignored-signals PID process|threads      prints "ready", ends with the process or when its standard input is closed
#define _GNU_SOURCE
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **words) {
  if (count != 3) return 2;
  const int toProcess = strcmp(words[2], "process") == 0;
  const int pid = atoi(words[1]);
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("ready\n");
  for (;;) {
    struct pollfd input = {0, POLLIN, 0};
    if (poll(&input, 1, 0) > 0) return 0;
    if (toProcess) {
      if (kill(pid, SIGWINCH) != 0) return 0;
      continue;
    }
    DIR *tasks = opendir(path);
    if (tasks == NULL) return 0;
    for (struct dirent *each; (each = readdir(tasks)) != NULL;) {
      const int tid = atoi(each->d_name);
      if (tid > 0) syscall(SYS_tgkill, pid, tid, SIGWINCH);
    }
    closedir(tasks);
  }
}
