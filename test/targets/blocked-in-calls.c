// One thread in each of many calls that block, for a very long time. Whenever one of them returns it has been disturbed,
// and the program says which one it was and whether by EINTR. With "busy" as the argument one more thread works, and turns `flag`
// over all the time; with a number only the call of that number is made.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int longMilliseconds = 1000000;
static const struct timespec longTime = {1000, 0};
static _Atomic int returned, interrupted;
static const char *volatile last = "none";
static atomic_int mayUseRings = 1;
static int silence[2], sockets[2], full[2], listener, timedListener, fullListener, semaphores, messages;
static char folder[] = "/tmp/suture-blocked-XXXXXX";

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

// The kernel writes the time that is left back, where it can; where it cannot, it does not repeat the call.
static void pselectTimed(void) { sigset_t none; sigemptyset(&none); pselect(0, NULL, NULL, NULL, &longTime, &none); }
static void ppollOfConstant(void) { syscall(SYS_ppoll, NULL, 0, &longTime, NULL, 8); }
static void pselectOfConstant(void) { syscall(SYS_pselect6, 0, NULL, NULL, NULL, &longTime, NULL); }
static void napFor(void) { clock_nanosleep(CLOCK_REALTIME, 0, &longTime, NULL); }
static void futexUntil(void) {
  static int word;
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  time.tv_sec += 1000;
  syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &time, NULL, FUTEX_BITSET_MATCH_ANY);
}
static void receiveMessageTimed(void) {
  char byte;
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  recvmsg(sockets[0], &message, 0);
}
static void receiveMessagesTimed(void) {
  char byte;
  struct iovec part = {&byte, 1};
  struct mmsghdr message = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
  struct timespec time = longTime;
  recvmmsg(sockets[0], &message, 1, 0, &time);
}
static void acceptTimed(void) { accept4(timedListener, NULL, NULL, 0); }
static void sendTimed(void) { (void)!send(full[0], "x", 1, 0); }
static void writeToFullPipe(void) {
  int ends[2];
  if (pipe(ends) != 0 || fcntl(ends[1], F_SETFL, O_NONBLOCK) != 0) return;
  while (write(ends[1], "x", 1) == 1) {}
  fcntl(ends[1], F_SETFL, 0);
  (void)!write(ends[1], "x", 1);
}
static int connectTo(int to, int flags) {
  struct sockaddr_un address;
  socklen_t length = sizeof address;
  getsockname(to, (struct sockaddr *)&address, &length);
  return connect(socket(AF_UNIX, SOCK_STREAM | flags, 0), (struct sockaddr *)&address, length);
}
static void connectToFull(void) {
  while (connectTo(fullListener, SOCK_NONBLOCK) == 0) {}
  connectTo(fullListener, 0);
}
static void readCounter(void) { eventfd_t value; eventfd_read(eventfd(0, 0), &value); }
static void readTimer(void) {
  const int timer = timerfd_create(CLOCK_MONOTONIC, 0);
  const struct itimerspec time = {.it_value = longTime};
  uint64_t expirations;
  timerfd_settime(timer, 0, &time, NULL);
  (void)!read(timer, &expirations, sizeof expirations);
}
static void readSignals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  struct signalfd_siginfo info;
  (void)!read(signalfd(-1, &set, 0), &info, sizeof info);
}
static void readChanges(void) {
  const int changes = inotify_init();
  char event[512];
  inotify_add_watch(changes, folder, IN_DELETE_SELF);
  (void)!read(changes, event, sizeof event);
}
static void readTerminal(void) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  grantpt(terminal);
  unlockpt(terminal);
  char byte;
  (void)!read(open(ptsname(terminal), O_RDWR | O_NOCTTY), &byte, 1);
}
static void openFifo(void) {
  char path[64];
  snprintf(path, sizeof path, "%s/fifo", folder);
  mkfifo(path, 0600);
  open(path, O_RDONLY);
}
static void spliceFromPipe(void) { splice(silence[0], NULL, open("/dev/null", O_WRONLY), NULL, 1, 0); }
static int openLocked(const char *name) {
  char path[64];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return open(path, O_RDWR | O_CREAT, 0600);
}
static void lockFile(void) { flock(openLocked("flock"), LOCK_EX); flock(openLocked("flock"), LOCK_EX); }
static void lockRange(void) {
  const struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  fcntl(openLocked("range"), F_OFD_SETLKW, &all);
  fcntl(openLocked("range"), F_OFD_SETLKW, &all);
}
static void receiveQueued(void) { char room[64]; msgrcv(messages, room, 8, 0, 0); }
static void receivePosix(void) {
  char name[32], room[8];
  snprintf(name, sizeof name, "/suture-blocked-%d", getpid());
  struct mq_attr size = {.mq_maxmsg = 1, .mq_msgsize = sizeof room};
  const mqd_t queue = mq_open(name, O_RDWR | O_CREAT, 0600, &size);
  mq_unlink(name);
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  time.tv_sec += 1000;
  mq_timedreceive(queue, room, sizeof room, NULL, &time);
}
static void waitForSemaphoreForEver(void) { struct sembuf take = {0, -1, 0}; semop(semaphores, &take, 1); }
static void waitForChildEnd(void) { siginfo_t info; waitid(P_ALL, 0, &info, WEXITED | WNOWAIT); }
static void suspend(void) { sigset_t all; sigfillset(&all); sigdelset(&all, SIGTERM); sigsuspend(&all); }
static void waitForEvents(void) {
  aio_context_t context = 0;
  struct io_event event;
  syscall(SYS_io_setup, 1, &context);
  syscall(SYS_io_getevents, context, 1, 1, &event, &longTime);
}
static void waitForCompletion(void) {
  struct io_uring_params parameters;
  memset(&parameters, 0, sizeof parameters);
  const long ring = syscall(SYS_io_uring_setup, 1, &parameters);
  if (ring < 0) {  // the system does not allow it
    mayUseRings = 0;
    pause();
  }
  syscall(SYS_io_uring_enter, ring, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
}

static const struct Call {
  const char *name;
  void (*make)(void);
} calls[] = {
  {"epoll_wait", epollWait}, {"epoll_wait for ever", epollWaitForEver}, {"epoll_pwait", epollPwait}, {"epoll_pwait2", epollPwait2}, {"poll", pollTimed}, {"poll for ever", pollForEver},
  {"ppoll", ppollTimed}, {"select", selectTimed}, {"read", readPipe}, {"nanosleep", napShort}, {"clock_nanosleep", napUntil},
  {"futex", futexForEver}, {"futex with timeout", futexTimed}, {"recv with timeout", receiveTimed}, {"read of a socket with timeout", readSocketTimed},
  {"accept", acceptForEver}, {"sigtimedwait", waitForSignal}, {"waitpid", waitForChild}, {"semtimedop", waitForSemaphore}, {"pause", pauseForEver},
  {"pselect", pselectTimed}, {"ppoll with a constant timeout", ppollOfConstant}, {"pselect with a constant timeout", pselectOfConstant},
  {"clock_nanosleep for a time", napFor}, {"futex until a time", futexUntil}, {"recvmsg with timeout", receiveMessageTimed}, {"recvmmsg with timeout", receiveMessagesTimed},
  {"accept with timeout", acceptTimed}, {"send with timeout", sendTimed}, {"write", writeToFullPipe}, {"connect", connectToFull}, {"read of an eventfd", readCounter},
  {"read of a timerfd", readTimer}, {"read of a signalfd", readSignals}, {"read of inotify", readChanges}, {"read of a terminal", readTerminal}, {"open of a FIFO", openFifo},
  {"splice", spliceFromPipe}, {"flock", lockFile}, {"fcntl", lockRange}, {"msgrcv", receiveQueued}, {"mq_timedreceive", receivePosix}, {"semop", waitForSemaphoreForEver},
  {"waitid", waitForChildEnd}, {"sigsuspend", suspend}, {"io_getevents", waitForEvents}, {"io_uring_enter", waitForCompletion},
};

static void waitForEnd(void) {
  prctl(PR_SET_PDEATHSIG, SIGUSR2);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, NULL);
  sigwaitinfo(&set, NULL);
  semctl(semaphores, 0, IPC_RMID);
  msgctl(messages, IPC_RMID, NULL);
  execlp("rm", "rm", "-rf", folder, NULL);
  _exit(1);
}

volatile long flag;

static void *turnOver(void *unused) {
  for (;;) flag = !flag;
  return unused;
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

static int listenOn(int backlog) {
  const int made = socket(AF_UNIX, SOCK_STREAM, 0);
  const struct sockaddr address = {AF_UNIX, {0}};  // the kernel chooses a name
  return bind(made, &address, sizeof address.sa_family) != 0 || listen(made, backlog) != 0 ? -1 : made;
}

static void fill(int socket) {
  while (send(socket, "x", 1, MSG_DONTWAIT) == 1) {}
}

int main(int argc, char **argv) {
  if (pipe(silence) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, full) != 0) return 1;
  if (mkdtemp(folder) == NULL) return 1;
  fill(full[0]);
  listener = listenOn(1);
  timedListener = listenOn(1);
  fullListener = listenOn(0);
  const struct timeval time = {1000, 0};
  setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  setsockopt(timedListener, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  setsockopt(full[0], SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
  semaphores = semget(IPC_PRIVATE, 1, 0600);
  messages = msgget(IPC_PRIVATE, 0600);
  // For waitpid; and somebody has to remove what outlives us when we are killed.
  if (fork() == 0) waitForEnd();
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  const int all = sizeof calls / sizeof *calls;
  const int isBusy = argc > 1 && strcmp(argv[1], "busy") == 0;
  const int first = argc > 1 && !isBusy ? atoi(argv[1]) : 0;
  const int end = argc > 1 && !isBusy ? first + 1 : all;
  const int count = end - first + isBusy;
  pthread_t thread;
  if (end > all || (isBusy && pthread_create(&thread, NULL, turnOver, NULL) != 0)) return 1;
  for (int i = first; i < end; ++i) {
    if (pthread_create(&thread, NULL, block, (void *)&calls[i]) != 0) return 1;
  }
  usleep(100000);
  printf("ready threads=%d calls=%d rings=%d flag=%p first=%s\n", count + 1, all, mayUseRings, (void *)&flag, calls[first].name);
  fflush(stdout);
  for (int said = 0;;) {
    usleep(20000);
    if (returned == said) continue;
    said = returned;
    printf("returned=%d interrupted=%d last=%s\n", said, interrupted, last);
    fflush(stdout);
  }
}
