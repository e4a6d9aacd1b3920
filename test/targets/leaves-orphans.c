// Has one child, and a grandchild whose parent has ended and that has gone into a session of its own, as daemons do. Each of the three answers
// over and over. Prints "ready child=PID orphan=PID"; "ask" on standard input: a line "answers: OWN CHILD ORPHAN" with the last of each.
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static int base = 1;
static volatile int *last;
static volatile pid_t *orphan;
static int ends[2];

__attribute__((noinline, noclone)) int answer(int of) {
  __asm__ volatile("" : "+r"(of));
  return base + (of < 0);
}

/** Until the one that all come from has ended. */
static void work(int which) {
  struct pollfd end = {ends[0], POLLIN, 0};
  close(ends[1]);
  while (poll(&end, 1, 1) == 0) last[which] = answer(which);
  _exit(0);
}

static void leaveOrphan(void) {
  const pid_t middle = fork();
  if (middle == 0) {
    setsid();
    const pid_t pid = fork();
    if (pid == 0) work(2);
    *orphan = pid;
    _exit(0);
  }
  waitpid(middle, NULL, 0);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  last = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (last == MAP_FAILED || pipe(ends) != 0) return 1;
  orphan = (volatile pid_t *)&last[16];
  const pid_t child = fork();
  if (child == 0) work(1);
  leaveOrphan();
  printf("ready child=%d orphan=%d\n", child, *orphan);
  for (char word[16]; scanf("%15s", word) == 1;) {
    last[1] = last[2] = 0;
    while (last[1] == 0 || last[2] == 0) usleep(1000);
    printf("answers: %d %d %d\n", answer(0), last[1], last[2]);
  }
  return 0;
}
