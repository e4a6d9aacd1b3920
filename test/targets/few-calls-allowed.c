// Every thread is under a seccomp filter that kills the process for any call but those that sleeping and printing need.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ALLOW(number) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static _Atomic int isResting;

static void *rest(void *unused) {
  isResting = 1;
  for (;;) pause();
  return unused;
}

int main(void) {
  struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    ALLOW(SYS_pause),
    ALLOW(SYS_write),
    ALLOW(SYS_restart_syscall),
    ALLOW(SYS_rt_sigreturn),
    ALLOW(SYS_exit_group),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  pthread_t thread;
  if (pthread_create(&thread, NULL, rest, NULL) != 0) return 1;
  // Until then it makes other calls, for which it would be killed.
  while (!isResting) usleep(1000);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0) return 1;
  (void)!write(1, "ready\n", 6);
  for (;;) pause();
}
