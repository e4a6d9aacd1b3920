// One thread queues real-time signals, each with a number, to another that sleeps in epoll_wait; a handler counts them. On
// a line of standard input: stops sending, waits, prints how many were sent, how many came, and how many EINTR the sleeper
// saw (one for each signal that came while it slept, never more).
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static _Atomic long sent, came, outOfOrder, interruptions;
static _Atomic int isEnough;

static void count(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)context;
  if (info->si_value.sival_int != (int)came) atomic_fetch_add(&outOfOrder, 1);
  atomic_fetch_add(&came, 1);
}

static void *sleeper(void *unused) {
  const int nothing = epoll_create1(0);
  struct epoll_event event;
  for (;;) {
    if (epoll_wait(nothing, &event, 1, -1) < 0 && errno == EINTR) atomic_fetch_add(&interruptions, 1);
  }
  return unused;
}

static void *sender(void *to) {
  while (!isEnough) {
    const union sigval value = {.sival_int = (int)sent};
    if (pthread_sigqueue(*(pthread_t *)to, SIGRTMIN + 3, value) == 0) atomic_fetch_add(&sent, 1);
    usleep(50);
  }
  return NULL;
}

int main(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = count;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGRTMIN + 3, &action, NULL);
  pthread_t sleeping, sending;
  if (pthread_create(&sleeping, NULL, sleeper, NULL) != 0 || pthread_create(&sending, NULL, sender, &sleeping) != 0) return 1;
  puts("ready");
  fflush(stdout);
  char line[8];
  if (fgets(line, sizeof line, stdin) == NULL) return 1;
  isEnough = 1;
  pthread_join(sending, NULL);
  usleep(100000);
  printf("sent=%ld came=%ld outOfOrder=%ld surplus=%d\n", sent, came, outOfOrder, interruptions > came);
  fflush(stdout);
  (void)fgets(line, sizeof line, stdin);
}
