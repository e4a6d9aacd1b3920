// Sessions whose structure has no room for one more member, a limit that was set when the program started, and a thread that
// stays in one function until it is told to go. Two more threads log in and out all the time and end the program when they
// are not let in. "login N WORD", "close N", "limit", "stay", "go" are answered in one line each.

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct session {
  int number;
};

int limit = 100;
static struct session *sessions[8];
static volatile int staying;

__attribute__((noipa)) static int let_in(struct session *session, const char *word) {
  return session->number < limit && strcmp(word, "sesame") == 0;
}

__attribute__((noipa)) static void close_session(struct session *session) {
  free(session);
}

__attribute__((noipa)) static void stay(void) {
  while (staying) usleep(1000);
}

/** What calls that are over have left on the stack would count as a reference to what they used. */
__attribute__((noipa)) static void wipe_stack(void) {
  volatile char room[2048];
  for (unsigned i = 0; i < sizeof room; ++i) room[i] = 0;
}

static struct session *open_session(int number) {
  struct session *made = malloc(sizeof *made);
  made->number = number;
  return made;
}

static void *work(void *unused) {
  for (;;) {
    struct session *own = open_session(1);
    for (int i = 0; i < 3; ++i) {
      if (!let_in(own, "sesame")) abort();
    }
    close_session(own);
    wipe_stack();
    usleep(200);
  }
  return unused;
}

static void *stay_away(void *unused) {
  stay();
  return unused;
}

int main(void) {
  pthread_t threads[3];
  pthread_create(&threads[0], 0, work, 0);
  pthread_create(&threads[1], 0, work, 0);
  setvbuf(stdout, 0, _IOLBF, 0);
  puts("ready");
  char line[64], word[32];
  int number;
  for (;;) {
    wipe_stack();
    if (fgets(line, sizeof line, stdin) == 0) break;
    if (sscanf(line, "login %d %31s", &number, word) == 2) {
      if (sessions[number] == 0) sessions[number] = open_session(number);
      puts(let_in(sessions[number], word) ? "in" : "out");
    } else if (sscanf(line, "close %d", &number) == 1) {
      if (sessions[number] != 0) close_session(sessions[number]);
      sessions[number] = 0;
      puts("closed");
    } else if (strcmp(line, "stay\n") == 0) {
      staying = 1;
      pthread_create(&threads[2], 0, stay_away, 0);
      puts("stays");
    } else if (strcmp(line, "go\n") == 0) {
      staying = 0;
      pthread_join(threads[2], 0);
      puts("went");
    } else {
      printf("limit %d\n", limit);
    }
  }
}
