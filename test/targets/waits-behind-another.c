// Two threads receive from one socket, with a timeout. The first has a message and waits for the page to put it into, and holds the socket
// meanwhile; the second waits for the socket in uninterruptible sleep, while another thread sends it a signal without a pause that programs
// ignore (SIGWINCH). When the first goes on the second has the socket and no message, and waits for one; a signal that was kept for
// it ends that with EINTR. On standard input:
//   wake   the first gets its page; when the second waits for a message it gets one: prints "received", or what went wrong
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

enum { pageSize = 4096 };

static int ends[2], faults;
static char *page;
static _Atomic pid_t second;

__attribute__((noinline, noclone)) int answer(int of) {
  __asm__ volatile("" : "+r"(of));
  return of;
}

static char stateOf(pid_t tid) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
  const int file = open(path, O_RDONLY);
  const ssize_t got = read(file, text, sizeof text - 1);
  close(file);
  text[got > 0 ? got : 0] = 0;
  const char *const name = strrchr(text, ')');
  return name == NULL ? '?' : name[2];
}

static void *receiveFirst(void *unused) {
  if (recv(ends[0], page, pageSize, 0) <= 0) perror("the first");
  return unused;
}

static void *receiveSecond(void *unused) {
  char room[64];
  second = (pid_t)syscall(SYS_gettid);
  const ssize_t got = recv(ends[0], room, sizeof room, 0);
  if (got > 0) printf("received\n");
  else printf("%s\n", strerrorname_np(errno));
  return unused;
}

static void *signalSecond(void *unused) {
  for (;;) {
    syscall(SYS_tgkill, getpid(), second, SIGWINCH);
    usleep(100);
  }
  return unused;
}

static int start(void *(*work)(void *)) {
  pthread_t thread;
  return pthread_create(&thread, NULL, work, NULL) == 0;
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  const struct timeval timeout = {60, 0};
  page = mmap(NULL, pageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
  struct uffdio_api api = {.api = UFFD_API};
  struct uffdio_register all = {.range = {(unsigned long)page, pageSize}, .mode = UFFDIO_REGISTER_MODE_MISSING};
  if (faults < 0 || ioctl(faults, UFFDIO_API, &api) != 0 || ioctl(faults, UFFDIO_REGISTER, &all) != 0) return 2;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 || setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0) return 2;
  if (write(ends[1], "first", 5) != 5 || !start(receiveFirst)) return 2;
  struct uffd_msg message;
  if (read(faults, &message, sizeof message) != sizeof message || !start(receiveSecond)) return 2;
  while (second == 0 || stateOf(second) != 'D') usleep(1000);
  if (!start(signalSecond)) return 2;
  printf("ready answer=%p\n", (void *)answer);
  char word[16];
  while (scanf("%15s", word) == 1) {
    if (strcmp(word, "wake") != 0) return 0;
    struct uffdio_zeropage fill = {.range = {(unsigned long)page, pageSize}};
    ioctl(faults, UFFDIO_ZEROPAGE, &fill);
    while (stateOf(second) == 'D') usleep(1000);
    usleep(20000);
    if (write(ends[1], "second", 6) != 6) return 2;
  }
  return 0;
}
