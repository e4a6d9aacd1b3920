// One thread in each of many calls with a short timeout, again and again, in which nothing ever happens. On a line of
// standard input it is told for each how often it has returned and how often before its time: "NAME=RETURNS/EARLY …", and how
// often one ended as by a signal: "interrupted=N".
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { milliseconds = 60 };
static const struct timespec timeout = {0, milliseconds * 1000000L};
static int sockets[2], semaphores, nothing, ring;
static atomic_long interrupted;

static struct timespec after(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  time.tv_nsec += timeout.tv_nsec;
  if (time.tv_nsec < 1000000000L) return time;
  return (struct timespec){time.tv_sec + 1, time.tv_nsec - 1000000000L};
}

static long sleepFor(void) { struct timespec time = timeout; return nanosleep(&time, &time); }
static long sleepUntil(void) { const struct timespec time = after(CLOCK_MONOTONIC); return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL); }
static long pollTimed(void) { return poll(NULL, 0, milliseconds); }
static long ppollTimed(void) { return ppoll(NULL, 0, &timeout, NULL); }
static long selectTimed(void) { struct timeval time = {0, milliseconds * 1000}; return select(0, NULL, NULL, NULL, &time); }
static long pselectTimed(void) { return pselect(0, NULL, NULL, NULL, &timeout, NULL); }
static long futexFor(void) { static int word; return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &timeout, NULL, 0); }
static long futexUntil(void) { static int word; const struct timespec time = after(CLOCK_MONOTONIC); return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &time, NULL, FUTEX_BITSET_MATCH_ANY); }

// These begin anew when they have been interrupted.
static long epollTimed(void) { struct epoll_event event; return epoll_wait(nothing, &event, 1, milliseconds); }
static long signalTimed(void) { sigset_t set; sigemptyset(&set); sigaddset(&set, SIGUSR1); return sigtimedwait(&set, NULL, &timeout); }
static long semaphoreTimed(void) { struct sembuf take = {0, -1, 0}; return semtimedop(semaphores, &take, 1, &timeout); }
static long receiveTimed(void) { char byte; return recv(sockets[0], &byte, 1, 0); }
static long receiveMessageTimed(void) {
  char byte;
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  return recvmsg(sockets[0], &message, 0);
}
static long completionTimed(void) {
  const struct io_uring_getevents_arg wait = {.ts = (uint64_t)(uintptr_t)&timeout};
  return syscall(SYS_io_uring_enter, ring, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &wait, sizeof wait);
}
static long ppollOfConstant(void) { return syscall(SYS_ppoll, NULL, 0, &timeout, NULL, 8); }

static struct Call {
  const char *name;
  long (*make)(void);
  atomic_long returns, early;
} calls[] = {
  {"nanosleep", sleepFor, 0, 0}, {"clock_nanosleep", sleepUntil, 0, 0}, {"poll", pollTimed, 0, 0}, {"ppoll", ppollTimed, 0, 0}, {"select", selectTimed, 0, 0},
  {"pselect", pselectTimed, 0, 0}, {"futex", futexFor, 0, 0}, {"futexUntil", futexUntil, 0, 0}, {"epoll", epollTimed, 0, 0}, {"sigtimedwait", signalTimed, 0, 0},
  {"semtimedop", semaphoreTimed, 0, 0}, {"recv", receiveTimed, 0, 0}, {"recvmsg", receiveMessageTimed, 0, 0},
  {"io_uring_enter", completionTimed, 0, 0}, {"constant", ppollOfConstant, 0, 0},
};
enum { count = sizeof calls / sizeof *calls };

static void *repeat(void *argument) {
  struct Call *const call = argument;
  for (;;) {
    struct timespec before, now;
    clock_gettime(CLOCK_MONOTONIC, &before);
    errno = 0;
    call->make();
    if (errno == EINTR) atomic_fetch_add(&interrupted, 1);
    clock_gettime(CLOCK_MONOTONIC, &now);
    const long elapsed = (now.tv_sec - before.tv_sec) * 1000000000L + now.tv_nsec - before.tv_nsec;
    // Socket timeouts are counted in ticks of the kernel, of four milliseconds at most where it is built for servers, and of ten otherwise.
    const long tolerance = call->make == receiveTimed || call->make == receiveMessageTimed || call->make == epollTimed ? 10000000L : 0;
    if (elapsed < timeout.tv_nsec - tolerance) atomic_fetch_add(&call->early, 1);
    atomic_fetch_add(&call->returns, 1);
  }
  return NULL;
}

int main(void) {
  const struct timeval time = {0, milliseconds * 1000};
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0) return 1;
  setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  semaphores = semget(IPC_PRIVATE, 1, 0600);
  nothing = epoll_create1(0);
  struct io_uring_params parameters;
  memset(&parameters, 0, sizeof parameters);
  // Where the system does not allow it the call fails at once, each time, which is early.
  ring = (int)syscall(SYS_io_uring_setup, 1, &parameters);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  for (int i = 0; i < count; i++) pthread_create(&(pthread_t){0}, NULL, repeat, &calls[i]);
  // Goes with the process that is waiting for it when that ends: nobody else knows its number.
  puts("ready");
  fflush(stdout);
  char line[8];
  while (fgets(line, sizeof line, stdin) != NULL && line[0] == '?') {
    for (int i = 0; i < count; i++) printf("%s=%ld/%ld ", calls[i].name, calls[i].returns, calls[i].early);
    printf("interrupted=%ld\n", interrupted);
    fflush(stdout);
  }
  semctl(semaphores, 0, IPC_RMID);
  _exit(0);
}
