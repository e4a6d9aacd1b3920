// Eight threads that answer when they are asked, on standard input, a word a line:
//   ask            every thread calls answer(); one line "answers: 1 1 1 …" comes out
//   stay           one thread goes into stay(), which ends with `leave`
//   spin           one more thread works without a pause, until `rest`
//   fork PATH      a child goes on, fed from the FIFO at PATH; its lines begin with its pid
//   keep           the address that keep() returns is remembered, until `forget`
//   kept           what it points to is printed
//   quit
// With -DLIBRARY only the functions that answer, for a shared library; with -DUSES_LIBRARY everything else.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int answer(int thread);
const char *keep(void);
void stay(int from);

#ifndef USES_LIBRARY
int calls;
static int base = 1;
__thread int mine = 5;

__attribute__((noinline, noclone)) int answer(int thread) {
  __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
  __asm__ volatile("" : "+r"(thread));
  return base + (thread < 0);
}

__attribute__((noinline, noclone)) const char *keep(void) {
  __asm__ volatile("");
  return "old words";
}

__attribute__((noinline, noclone)) void stay(int from) {
  char byte;
  while (read(from, &byte, 1) != 1) {}
  __asm__ volatile("" ::: "memory");
}
#endif

#ifndef LIBRARY
enum { threads = 8 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t asked = PTHREAD_COND_INITIALIZER, answered = PTHREAD_COND_INITIALIZER;
static int question, missing, answers[threads], way[2];
static const char *kept;
static volatile int isResting;

/** What earlier calls left on the stack. */
__attribute__((noinline)) static void scrub(void) {
  char room[32768];
  memset(room, 0, sizeof room);
  __asm__ volatile("" : : "r"(room) : "memory");
}

static void *work(void *number) {
  const int self = (int)(long)number;
  int seen = 0;
  for (;;) {
    pthread_mutex_lock(&lock);
    while (question == seen) pthread_cond_wait(&asked, &lock);
    seen = question;
    pthread_mutex_unlock(&lock);
    const int got = answer(self);
    pthread_mutex_lock(&lock);
    answers[self] = got;
    if (--missing == 0) pthread_cond_signal(&answered);
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}

static void *stayIn(void *unused) {
  stay(way[0]);
  printf("left\n");
  return unused;
}

static void *spin(void *unused) {
  while (!isResting) __asm__ volatile("");
  printf("rested\n");
  return unused;
}

static void start(void *(*function)(void *), long number) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, function, (void *)number) != 0) exit(1);
  pthread_detach(thread);
}

static void ask(const char *prefix) {
  pthread_mutex_lock(&lock);
  question++;
  missing = threads;
  pthread_cond_broadcast(&asked);
  while (missing > 0) pthread_cond_wait(&answered, &lock);
  pthread_mutex_unlock(&lock);
  printf("%sanswers:", prefix);
  for (int i = 0; i < threads; i++) printf(" %d", answers[i]);
  printf("\n");
}

/** Only the calling thread lives on in a child. */
static void answerAsChild(const char *path) {
  if (freopen(path, "r", stdin) == NULL) _exit(1);
  char word[64];
  printf("child %d\n", (int)getpid());
  while (scanf("%63s", word) == 1) {
    if (strcmp(word, "ask") == 0) printf("child answers: %d\n", answer(0));
    else break;
  }
  _exit(0);
}

int main(void) {
  char word[256];
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (pipe(way) != 0) return 1;
  for (long i = 0; i < threads; i++) start(work, i);
  ask("ready, ");
  while (scanf("%255s", word) == 1) {
    if (strcmp(word, "ask") == 0) ask("");
    else if (strcmp(word, "stay") == 0) start(stayIn, 0);
    else if (strcmp(word, "spin") == 0) { isResting = 0; start(spin, 0); printf("spinning\n"); }
    else if (strcmp(word, "rest") == 0) isResting = 1;
    else if (strcmp(word, "leave") == 0) { if (write(way[1], "x", 1) != 1) return 1; }
    else if (strcmp(word, "keep") == 0) { kept = keep(); printf("kept\n"); }
    else if (strcmp(word, "kept") == 0) { printf("kept: %s\n", kept); }
    else if (strcmp(word, "forget") == 0) { kept = NULL; scrub(); printf("forgotten\n"); }
    else if (strcmp(word, "fork") == 0 && scanf("%255s", word) == 1) { if (fork() == 0) answerAsChild(word); }
    else if (strcmp(word, "quit") == 0) return 0;
  }
  return 0;
}
#endif
