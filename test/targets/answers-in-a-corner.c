// Answers "ask" on standard input with what answer() says, in circumstances that its first argument names:
//   plain      none
//   refused    a seccomp filter refuses every call that makes or changes memory
//   killed     a seccomp filter kills the process for one
//   private    the process is not dumpable: its files in /proc belong to root
//   waiting    a thread is in uninterruptible sleep, until "wake"
//   sealed     no memory becomes executable that was not so when it was mapped (PR_SET_MDWE)
//   locked     all of its memory is locked, and what is mapped later, too
//   crowded    nothing is free within four GiB of its code
//   crammed    nothing but 48 pages
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int base = 1;
static int faults = -1;
static char *page;

__attribute__((noinline, noclone)) int answer(int thread) {
  __asm__ volatile("" : "+r"(thread));
  return base + (thread < 0);
}

#define DENY(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, action)

static int denyMemory(unsigned action) {
  struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    DENY(SYS_mmap), DENY(SYS_munmap), DENY(SYS_mprotect), DENY(SYS_mremap), DENY(SYS_memfd_create),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

/** The kernel looks for the page behind our back, and nobody gives it one: that is a sleep that no signal ends. */
static void *waitForPage(void *unused) {
  int ends[2];
  const struct iovec part = {page, 4096};
  if (pipe(ends) == 0) vmsplice(ends[1], &part, 1, SPLICE_F_GIFT);
  for (;;) pause();
  return unused;
}

static int startWaiting(void) {
  struct uffdio_api api = {.api = UFFD_API};
  faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
  page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct uffdio_register all = {.range = {(unsigned long)page, 4096}, .mode = UFFDIO_REGISTER_MODE_MISSING};
  pthread_t thread;
  return faults >= 0 && ioctl(faults, UFFDIO_API, &api) == 0 && ioctl(faults, UFFDIO_REGISTER, &all) == 0 && pthread_create(&thread, NULL, waitForPage, NULL) == 0;
}

static void wake(void) {
  struct uffdio_zeropage fill = {.range = {(unsigned long)page, 4096}};
  ioctl(faults, UFFDIO_ZEROPAGE, &fill);
}

static int fill(unsigned long from, unsigned long to) {
  return from >= to || mmap((void *)from, to - from, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) == (void *)from;
}

static int crowd(void) {
  const unsigned long code = (unsigned long)answer & ~4095ul, reach = 1ul << 32, last = code + reach;
  unsigned long from = code > reach ? code - reach : 65536, start, end;
  FILE *const maps = fopen("/proc/self/maps", "r");
  if (maps == NULL) return 0;
  while (fscanf(maps, "%lx-%lx%*[^\n]", &start, &end) == 2) {
    if (!fill(from, start < last ? start : last)) return 0;
    if (end > from) from = end;
  }
  fclose(maps);
  return fill(from, last);
}

static int cram(void) { return crowd() && munmap((void *)(((unsigned long)answer & ~4095ul) - (1ul << 30)), 48 << 12) == 0; }

static void *rest(void *unused) {
  for (;;) pause();
  return unused;
}

static int prepare(const char *how) {
  if (strcmp(how, "refused") == 0) return denyMemory(SECCOMP_RET_ERRNO | EPERM);
  if (strcmp(how, "killed") == 0) return denyMemory(SECCOMP_RET_KILL_PROCESS);
  if (strcmp(how, "private") == 0) return prctl(PR_SET_DUMPABLE, 0) == 0;
  if (strcmp(how, "waiting") == 0) return startWaiting();
  if (strcmp(how, "sealed") == 0) return prctl(65, 1, 0, 0, 0) == 0;
  if (strcmp(how, "locked") == 0) return mlockall(MCL_CURRENT | MCL_FUTURE) == 0;
  if (strcmp(how, "crowded") == 0) return crowd();
  if (strcmp(how, "crammed") == 0) return cram();
  return strcmp(how, "plain") == 0;
}

int main(int count, char **words) {
  char word[64];
  pthread_t thread;
  static char room[256];
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (pthread_create(&thread, NULL, rest, NULL) != 0 || count < 2) return 1;
  // So that the C library needs no memory later.
  setvbuf(stdin, room, _IOFBF, sizeof room);
  if (!prepare(words[1])) {
    perror("Cannot prepare");
    return 2;
  }
  printf("ready\n");
  while (scanf("%63s", word) == 1) {
    if (strcmp(word, "ask") == 0) printf("answers: %d\n", answer(0));
    else if (strcmp(word, "wake") == 0) { wake(); printf("woken\n"); }
    else break;
  }
  return 0;
}
