// One thread in each of many calls that block, for a very long time. Whenever one of them returns it has been disturbed,
// and the program says which one it was and whether by EINTR.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int longMilliseconds = 1000000;
static const struct timespec longTime = {1000, 0};
static _Atomic int returned, interrupted;
static const char *volatile last = "none";
static int silence[2], sockets[2], listener, semaphores;

static void epollWait(void) { struct epoll_event event; epoll_wait(epoll_create1(0), &event, 1, longMilliseconds); }
static void epollWaitForEver(void) { struct epoll_event event; epoll_wait(epoll_create1(0), &event, 1, -1); }
static void epollPwait(void) { sigset_t none; sigemptyset(&none); struct epoll_event event; epoll_pwait(epoll_create1(0), &event, 1, longMilliseconds, &none); }
static void epollPwait2(void) { struct epoll_event event; syscall(SYS_epoll_pwait2, epoll_create1(0), &event, 1, &longTime, NULL, 8); }
static void pollTimed(void) { poll(NULL, 0, longMilliseconds); }
static void pollForEver(void) { struct pollfd one = {silence[0], POLLIN, 0}; poll(&one, 1, -1); }
static void ppollTimed(void) { sigset_t none; sigemptyset(&none); ppoll(NULL, 0, &longTime, &none); }
static void selectTimed(void) { struct timeval time = {1000, 0}; select(0, NULL, NULL, NULL, &time); }
static void readPipe(void) { char byte; (void)!read(silence[0], &byte, 1); }
static void napShort(void) { struct timespec time = longTime; nanosleep(&time, &time); }
static void napUntil(void) { struct timespec time; clock_gettime(CLOCK_MONOTONIC, &time); time.tv_sec += 1000; clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL); }
static void futexForEver(void) { static int word; syscall(SYS_futex, &word, 0, 0, NULL, NULL, 0); }
static void futexTimed(void) { static int word; syscall(SYS_futex, &word, 0, 0, &longTime, NULL, 0); }
static void receiveTimed(void) { char byte; (void)!recv(sockets[0], &byte, 1, 0); }
static void readSocketTimed(void) { char byte; (void)!read(sockets[0], &byte, 1); }
static void acceptForEver(void) { accept(listener, NULL, NULL); }
static void waitForSignal(void) { sigset_t set; sigemptyset(&set); sigaddset(&set, SIGUSR1); sigtimedwait(&set, NULL, &longTime); }
static void waitForChild(void) { waitpid(-1, NULL, 0); }
static void waitForSemaphore(void) {
  struct sembuf take = {0, -1, 0};
  semtimedop(semaphores, &take, 1, &longTime);
}
static void pauseForEver(void) { pause(); }

static const struct Call {
  const char *name;
  void (*make)(void);
} calls[] = {
  {"epoll_wait", epollWait}, {"epoll_wait for ever", epollWaitForEver}, {"epoll_pwait", epollPwait}, {"epoll_pwait2", epollPwait2}, {"poll", pollTimed}, {"poll for ever", pollForEver},
  {"ppoll", ppollTimed}, {"select", selectTimed}, {"read", readPipe}, {"nanosleep", napShort}, {"clock_nanosleep", napUntil},
  {"futex", futexForEver}, {"futex with timeout", futexTimed}, {"recv with timeout", receiveTimed}, {"read of a socket with timeout", readSocketTimed},
  {"accept", acceptForEver}, {"sigtimedwait", waitForSignal}, {"waitpid", waitForChild}, {"semtimedop", waitForSemaphore}, {"pause", pauseForEver},
};

static void waitForEnd(void) {
  prctl(PR_SET_PDEATHSIG, SIGUSR2);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, NULL);
  sigwaitinfo(&set, NULL);
  semctl(semaphores, 0, IPC_RMID);
  _exit(0);
}

static void *block(void *argument) {
  const struct Call *const call = argument;
  call->make();
  if (errno == EINTR) atomic_fetch_add(&interrupted, 1);
  last = call->name;
  atomic_fetch_add(&returned, 1);
  pause();
  return NULL;
}

int main(void) {
  if (pipe(silence) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0) return 1;
  const struct timeval time = {1000, 0};
  setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  listener = socket(AF_UNIX, SOCK_STREAM, 0);
  const struct sockaddr address = {AF_UNIX, {0}};  // the kernel chooses a name
  if (bind(listener, &address, sizeof address.sa_family) != 0 || listen(listener, 1) != 0) return 1;
  semaphores = semget(IPC_PRIVATE, 1, 0600);
  // For waitpid; and somebody has to remove the semaphores when we are killed.
  if (fork() == 0) waitForEnd();
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  const int count = sizeof calls / sizeof *calls;
  for (int i = 0; i < count; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, block, (void *)&calls[i]) != 0) return 1;
  }
  usleep(100000);
  printf("ready threads=%d\n", count + 1);
  fflush(stdout);
  for (int said = 0;;) {
    usleep(20000);
    if (returned == said) continue;
    said = returned;
    printf("returned=%d interrupted=%d last=%s\n", said, interrupted, last);
    fflush(stdout);
  }
}
