// Four threads that sleep in a futex wait for ever, and a main thread that sleeps in pause: nothing happens here, so
// whatever changes was changed by somebody else.
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;

static void *wait_for_ever(void *unused) {
  pthread_mutex_lock(&lock);
  for (;;) pthread_cond_wait(&never, &lock);
  return unused;
}

int main(void) {
  for (int i = 0; i < 4; i++) {
    pthread_t thread;
    pthread_create(&thread, NULL, wait_for_ever, NULL);
  }
  usleep(20000);
  puts("ready");
  fflush(stdout);
  for (;;) pause();
}
