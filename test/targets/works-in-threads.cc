// Four threads that do their work at the same moment whenever they are asked to, and what became of it, as one number.

#include <pthread.h>
#include <cstdio>

namespace {

constexpr int workers = 4;
pthread_barrier_t together;
volatile int done;

[[gnu::noipa]] void work() { __atomic_fetch_add(&done, 1, __ATOMIC_RELAXED); }

[[gnu::noipa]] long outcome() { return done; }

void* worker(void*) {
  pthread_barrier_wait(&together);
  work();
  return nullptr;
}

/** What calls that are over have left on the stack would count as a reference to what they used. */
[[gnu::noipa]] void wipeStack() {
  volatile char room[8192];
  for (char volatile& each : room) each = 0;
}

}  // namespace

int main() {
  pthread_barrier_init(&together, nullptr, workers);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::puts("ready");
  char line[64];
  while (wipeStack(), std::fgets(line, sizeof line, stdin) != nullptr) {
    pthread_t threads[workers];
    done = 0;
    for (pthread_t& each : threads) pthread_create(&each, nullptr, worker, nullptr);
    for (pthread_t each : threads) pthread_join(each, nullptr);
    std::printf("%ld\n", outcome());
  }
}
