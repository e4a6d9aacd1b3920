// Functions to be called on a borrowed thread: that return, crash, abort, never end, end the program. The main thread waits in
// a read for all that time; "ask" shows that it, errno and its floating point state are what they were.

#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** The bytes of native/patch/call-code.ts, written here by the test. */
__attribute__((section(".text.through"), aligned(16), used)) unsigned char through[] = { THROUGH };

volatile int go, entered;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((used)) long adds(long one, long two, long three) { return one * 100 + two * 10 + three; }
__attribute__((used)) long fails(long number) { errno = (int)number; fesetround(FE_UPWARD); return -number; }
__attribute__((used)) long crashes(long to) { errno = 5; return *(volatile long *)to; }
__attribute__((used)) long aborts(void) { errno = 5; abort(); }
__attribute__((used)) long spins(void) { errno = 5; for (entered = 1; !go;) {} return 1; }
__attribute__((used)) long locks(void) { return pthread_mutex_lock(&lock); }
__attribute__((used)) long leaves(void) { _exit(3); }
__attribute__((used)) long needs_room(void) { volatile char room[128 << 10]; memset((char *)room, 1, sizeof room); return room[77]; }
__attribute__((used)) long runs_over(long n) { volatile char room[4096]; room[0] = (char)n; return runs_over(n + 1) + room[0]; }
__attribute__((used)) long allocates(long size) { char *made = malloc((size_t)size); memset(made, 7, (size_t)size); long result = made[size - 1]; free(made); return result; }

static void ignore(int signal) { (void)signal; }

int main(void) {
  signal(SIGSEGV, ignore);
  pthread_mutex_lock(&lock);
  setvbuf(stdout, 0, _IONBF, 0);
  printf("ready adds=%p through=%p main=%p\n", (void *)adds, (void *)through, (void *)main);
  char line[64];
  for (;;) {
    errno = 77;
    double before = 1.0 / 3;
    ssize_t got = read(0, line, sizeof line);
    struct sigaction action;
    int kept = errno;
    sigaction(SIGSEGV, 0, &action);
    if (got <= 0) return 0;
    printf("answers %d %d %d %d\n", kept, fegetround() == FE_TONEAREST, before == 1.0 / 3, action.sa_handler == ignore);
  }
}
