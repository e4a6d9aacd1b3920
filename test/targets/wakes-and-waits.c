// For each of many ways to wait, one thread that wakes and one that waits, handing over one wake-up at a time: the next is given
// when the last has come. On a line of standard input: no more are given, and for each way it is told how many were given, how
// many came, and how often a wait ended in any other way: "NAME=GIVEN/CAME/OTHERWISE …". A lost wake-up is one that never comes.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Way Way;
struct Way {
  const char *name;
  void (*prepare)(Way *);
  void (*give)(Way *);
  /** Did it come? */
  int (*take)(Way *);
  int in, out, extra;
  atomic_uint word;
  pthread_t waiter;
  pthread_mutex_t lock;
  pthread_cond_t condition;
  atomic_long given, came, otherwise;
};

static atomic_int isEnough;

static void makePipe(Way *way) { int ends[2]; if (pipe(ends) != 0) exit(1); way->in = ends[0]; way->out = ends[1]; }
static void writeByte(Way *way) { if (write(way->out, "x", 1) != 1) exit(1); }
static int readByte(Way *way) { char byte; return read(way->in, &byte, 1) == 1; }
static int pollByte(Way *way) { struct pollfd one = {way->in, POLLIN, 0}; return poll(&one, 1, -1) == 1 && readByte(way); }
static int ppollByte(Way *way) { struct pollfd one = {way->in, POLLIN, 0}; return ppoll(&one, 1, NULL, NULL) == 1 && readByte(way); }
static int selectByte(Way *way) { fd_set set; FD_ZERO(&set); FD_SET(way->in, &set); return select(way->in + 1, &set, NULL, NULL, NULL) == 1 && readByte(way); }
static void makeEpoll(Way *way) { makePipe(way); way->extra = epoll_create1(0); struct epoll_event event = {.events = EPOLLIN | EPOLLET}; epoll_ctl(way->extra, EPOLL_CTL_ADD, way->in, &event); }
static int epollByte(Way *way) { struct epoll_event event; return epoll_wait(way->extra, &event, 1, -1) == 1 && readByte(way); }
static void makeSockets(Way *way) {
  int ends[2];
  const struct timeval time = {1000, 0};
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) exit(1);
  way->in = ends[0];
  way->out = ends[1];
  setsockopt(way->in, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
}
static int receiveByte(Way *way) { char byte; return recv(way->in, &byte, 1, 0) == 1; }
static void makeCounter(Way *way) { way->in = eventfd(0, EFD_SEMAPHORE); }
static void addOne(Way *way) { eventfd_write(way->in, 1); }
static int takeOne(Way *way) { eventfd_t value; return eventfd_read(way->in, &value) == 0 && value == 1; }
static void makeTimer(Way *way) { way->in = timerfd_create(CLOCK_MONOTONIC, 0); }
static void setTimer(Way *way) { const struct itimerspec soon = {.it_value = {0, 100000}}; timerfd_settime(way->in, 0, &soon, NULL); }
static int readTimer(Way *way) { uint64_t expirations = 0; return read(way->in, &expirations, sizeof expirations) == sizeof expirations && expirations == 1; }
static void makeNothing(Way *way) { (void)way; }
static void wakeFutex(Way *way) { atomic_fetch_add(&way->word, 1); syscall(SYS_futex, &way->word, FUTEX_WAKE, 1, NULL, NULL, 0); }
static int waitForFutex(Way *way) {
  const unsigned seen = (unsigned)way->came;
  while (way->word == seen) {
    if (syscall(SYS_futex, &way->word, FUTEX_WAIT, seen, NULL, NULL, 0) != 0 && errno != EAGAIN) return 0;
  }
  return 1;
}
static void signalCondition(Way *way) { pthread_mutex_lock(&way->lock); way->word++; pthread_cond_signal(&way->condition); pthread_mutex_unlock(&way->lock); }
static int waitForCondition(Way *way) {
  pthread_mutex_lock(&way->lock);
  while (way->word == (unsigned)way->came) pthread_cond_wait(&way->condition, &way->lock);
  pthread_mutex_unlock(&way->lock);
  return 1;
}
static void makeSemaphore(Way *way) { way->in = semget(IPC_PRIVATE, 1, 0600); }
static void raiseSemaphore(Way *way) { struct sembuf up = {0, 1, 0}; if (semop(way->in, &up, 1) != 0) exit(1); }
static int lowerSemaphore(Way *way) { struct sembuf down = {0, -1, 0}; const struct timespec time = {1000, 0}; return semtimedop(way->in, &down, 1, &time) == 0; }
static void makeQueue(Way *way) { way->in = msgget(IPC_PRIVATE, 0600); }
static void queueMessage(Way *way) { const struct { long type; char text[1]; } message = {1, "x"}; if (msgsnd(way->in, &message, 1, 0) != 0) exit(1); }
static int receiveMessage(Way *way) { struct { long type; char text[1]; } message; return msgrcv(way->in, &message, 1, 0, 0) == 1; }
static void queueSignal(Way *way) { const union sigval value = {.sival_int = (int)way->given}; if (pthread_sigqueue(way->waiter, SIGRTMIN + 1, value) != 0) exit(1); }
static int waitForSignal(Way *way) {
  sigset_t set;
  siginfo_t info;
  const struct timespec time = {1000, 0};
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 1);
  return sigtimedwait(&set, &info, &time) == SIGRTMIN + 1 && info.si_value.sival_int == (int)way->came + 1;
}
static void makeListener(Way *way) {
  const struct sockaddr address = {AF_UNIX, {0}};
  way->in = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(way->in, &address, sizeof address.sa_family) != 0 || listen(way->in, 4) != 0) exit(1);
}
static void connectOnce(Way *way) {
  struct sockaddr_un address;
  socklen_t length = sizeof address;
  getsockname(way->in, (struct sockaddr *)&address, &length);
  const int made = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(made, (struct sockaddr *)&address, length) != 0) exit(1);
  close(made);
}
static int acceptOnce(Way *way) { const int made = accept(way->in, NULL, NULL); return made >= 0 && close(made) == 0; }
static void forkOnce(Way *way) { if (fork() == 0) _exit((int)way->given & 127); }
static int waitForChild(Way *way) {
  int status;
  // Until the first one is born there is none to wait for.
  pid_t child;
  while ((child = waitpid(-1, &status, 0)) < 0 && errno == ECHILD) usleep(100);
  return child > 0 && WEXITSTATUS(status) == (((int)way->came + 1) & 127);
}

static Way ways[] = {
  {"read", makePipe, writeByte, readByte, .word = 0}, {"poll", makePipe, writeByte, pollByte, .word = 0}, {"ppoll", makePipe, writeByte, ppollByte, .word = 0},
  {"select", makePipe, writeByte, selectByte, .word = 0}, {"epoll", makeEpoll, writeByte, epollByte, .word = 0}, {"recv", makeSockets, writeByte, receiveByte, .word = 0},
  {"eventfd", makeCounter, addOne, takeOne, .word = 0}, {"timerfd", makeTimer, setTimer, readTimer, .word = 0}, {"futex", makeNothing, wakeFutex, waitForFutex, .word = 0},
  {"condition", makeNothing, signalCondition, waitForCondition, .lock = PTHREAD_MUTEX_INITIALIZER, .condition = PTHREAD_COND_INITIALIZER},
  {"semaphore", makeSemaphore, raiseSemaphore, lowerSemaphore, .word = 0}, {"message", makeQueue, queueMessage, receiveMessage, .word = 0},
  {"signal", makeNothing, queueSignal, waitForSignal, .word = 0}, {"accept", makeListener, connectOnce, acceptOnce, .word = 0}, {"child", makeNothing, forkOnce, waitForChild, .word = 0},
};
enum { count = sizeof ways / sizeof *ways };

static void *wait_(void *argument) {
  Way *const way = argument;
  for (;;) atomic_fetch_add(way->take(way) ? &way->came : &way->otherwise, 1);
  return NULL;
}

static void *wake(void *argument) {
  Way *const way = argument;
  while (!isEnough) {
    atomic_fetch_add(&way->given, 1);
    way->give(way);
    while (way->came != way->given && !isEnough) usleep(200);
    usleep(500);
  }
  return NULL;
}

static int isAllThere(void) {
  for (int i = 0; i < count; i++) if (ways[i].came != ways[i].given) return 0;
  return 1;
}

int main(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 1);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  pthread_t wakers[count];
  for (int i = 0; i < count; i++) {
    ways[i].prepare(&ways[i]);
    if (pthread_create(&ways[i].waiter, NULL, wait_, &ways[i]) != 0) return 1;
  }
  for (int i = 0; i < count; i++) if (pthread_create(&wakers[i], NULL, wake, &ways[i]) != 0) return 1;
  puts("ready");
  fflush(stdout);
  char line[8];
  (void)!fgets(line, sizeof line, stdin);
  isEnough = 1;
  for (int i = 0; i < count; i++) pthread_join(wakers[i], NULL);
  // What was given last may still be on its way; what is lost never comes.
  for (int moments = 0; moments < 5000 && !isAllThere(); moments++) usleep(1000);
  for (int i = 0; i < count; i++) printf("%s=%ld/%ld/%ld ", ways[i].name, ways[i].given, ways[i].came, ways[i].otherwise);
  puts("");
  for (int i = 0; i < count; i++) {
    if (strcmp(ways[i].name, "semaphore") == 0) semctl(ways[i].in, 0, IPC_RMID);
    if (strcmp(ways[i].name, "message") == 0) msgctl(ways[i].in, IPC_RMID, NULL);
  }
  fflush(stdout);
  (void)!fgets(line, sizeof line, stdin);
  _exit(0);
}
