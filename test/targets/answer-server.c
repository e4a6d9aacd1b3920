// A small TCP server that answers questions about years, for the demo and for tests under load.
//
//   answer-server [PORT] [--threads N] [--sleepers N] [--traceable]
//
// Listens on 127.0.0.1 (port 0: any free one), prints "ready PORT", and answers each line `ask YEAR` with one line.
// Connections are spread over N worker threads, each with an epoll of its own; the sleepers wait for something that
// never comes. --traceable lets any process of the same user trace it, where the kernel would ask for a parent.
//
// Its two bugs are what answer-server.patch mends: 1900 has 366 days, and so has "banana".
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { line_size = 256, max_threads = 1024 };

struct connection {
  int socket;
  size_t used;
  char line[line_size];
};

struct worker {
  pthread_t thread;
  int epoll;
};

static struct worker workers[max_threads];
static atomic_ulong answered;

// The calendar

int days_in_year(long year) {
  if (year % 4 == 0) return 366;
  return 365;
}

// The commands

static void answer_ask(const char *argument, char *answer, size_t size) {
  long year = strtol(argument, NULL, 10);
  snprintf(answer, size, "%ld has %d days\n", year, days_in_year(year));
}

static void answer_count(const char *argument, char *answer, size_t size) {
  (void)argument;
  snprintf(answer, size, "%lu answered\n", atomic_load(&answered));
}

struct command {
  const char *name;
  void (*answer)(const char *argument, char *answer, size_t size);
};

static const struct command commands[] = {
  {"ask", answer_ask},
  {"count", answer_count},
};

void answer_line(char *line, char *answer, size_t size) {
  char *argument = strchr(line, ' ');
  if (argument) *argument++ = '\0';
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    if (strcmp(commands[i].name, line) != 0) continue;
    commands[i].answer(argument ? argument : "", answer, size);
    atomic_fetch_add(&answered, 1);
    return;
  }
  snprintf(answer, size, "error: unknown command\n");
}

// The network

static int send_all(int socket, const char *text, size_t length) {
  while (length > 0) {
    ssize_t sent = send(socket, text, length, MSG_NOSIGNAL);
    if (sent <= 0) return -1;
    text += sent;
    length -= (size_t)sent;
  }
  return 0;
}

static int answer_lines(struct connection *connection) {
  char *start = connection->line, *end;
  size_t left = connection->used;
  while ((end = memchr(start, '\n', left)) != NULL) {
    char answer[line_size];
    *end = '\0';
    answer_line(start, answer, sizeof answer);
    if (send_all(connection->socket, answer, strlen(answer)) < 0) return -1;
    left -= (size_t)(end + 1 - start);
    start = end + 1;
  }
  memmove(connection->line, start, left);
  connection->used = left;
  return left < line_size ? 0 : -1;
}

static int serve(struct connection *connection) {
  ssize_t got = recv(connection->socket, connection->line + connection->used, line_size - connection->used, 0);
  if (got <= 0) return -1;
  connection->used += (size_t)got;
  return answer_lines(connection);
}

static void *work(void *argument) {
  struct worker *worker = argument;
  for (;;) {
    struct epoll_event events[16];
    int count = epoll_wait(worker->epoll, events, 16, -1);
    if (count < 0) {
      // No signal is ever sent to this program: an interrupted wait is somebody else's doing, and is told.
      perror("epoll_wait");
      continue;
    }
    for (int i = 0; i < count; i++) {
      struct connection *connection = events[i].data.ptr;
      if (serve(connection) == 0) continue;
      close(connection->socket);
      free(connection);
    }
  }
  return NULL;
}

static void *sleep_for_ever(void *unused) {
  for (;;) sleep(1000);
  return unused;
}

static void hand_over(struct worker *worker, int socket) {
  struct connection *connection = calloc(1, sizeof *connection);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  connection->socket = socket;
  if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, socket, &event) < 0) {
    close(socket);
    free(connection);
  }
}

static int listen_on(unsigned short port) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof name;
  int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listener, (struct sockaddr *)&name, size) < 0 || listen(listener, 128) < 0) {
    perror("answer-server");
    exit(1);
  }
  getsockname(listener, (struct sockaddr *)&name, &size);
  printf("ready %d\n", ntohs(name.sin_port));
  fflush(stdout);
  return listener;
}

static int count_of(const char *text) {
  int count = text ? atoi(text) : 0;
  return count < 1 ? 1 : count > max_threads ? max_threads : count;
}

int main(int argc, char **argv) {
  int port = 0, threads = 4, sleepers = 4;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--threads") == 0) threads = count_of(argv[++i]);
    else if (strcmp(argv[i], "--sleepers") == 0) sleepers = count_of(argv[++i]);
    else if (strcmp(argv[i], "--traceable") == 0) prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    else port = atoi(argv[i]);
  }
  for (int i = 0; i < threads; i++) {
    workers[i].epoll = epoll_create1(0);
    pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    pthread_setname_np(workers[i].thread, "worker");
  }
  for (int i = 0; i < sleepers; i++) {
    pthread_t thread;
    pthread_create(&thread, NULL, sleep_for_ever, NULL);
    pthread_setname_np(thread, "sleeper");
  }
  int listener = listen_on((unsigned short)port);
  for (unsigned next = 0;; next++) {
    int socket = accept(listener, NULL, NULL);
    if (socket >= 0) hand_over(&workers[next % (unsigned)threads], socket);
  }
}
