// Threads that count what they do in memory that we see, too: one that is said to have waited must have counted nothing.
#include "processors.h"
#include "resident-pages.h"
#include "scheduler-counts.h"
#include "stacks-ahead.h"
#include "tracing-thread.h"
#include "waiting-threads.h"

#include <doctest/doctest.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string_view>
#include <thread>
#include <vector>

using namespace suture;

namespace {

constexpr size_t threads = 24;

struct Counter {
  std::atomic<pid_t> tid;
  alignas(64) std::atomic<uint64_t> count;
};

/** Some compute, some yield, some sleep for a moment again and again, some wake one another: whatever puts a thread on and off a processor. */
void* live(void* argument) {
  Counter& own = *static_cast<Counter*>(argument);
  static int ends[2], opened = ::pipe(ends);
  own.tid = static_cast<pid_t>(::syscall(SYS_gettid));
  for (uint64_t turn = 1;; ++turn) {
    ++own.count;
    if (turn % 64 != 0) continue;
    char byte = 0;
    switch (own.tid % 6) {
      case 0: ::sched_yield(); break;
      case 1: ::usleep(20); break;
      case 2: (void)!::write(ends[1], &byte, 1); break;
      case 3: (void)!::read(ends[0], &byte, 1); break;
      default: break;
    }
    if (opened != 0) return nullptr;
  }
}

/** A child with so many threads, which share so many processors. */
class Lives {
 public:
  explicit Lives(int processors) : counters_(static_cast<Counter*>(::mmap(nullptr, threads * sizeof(Counter), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    REQUIRE(counters_ != MAP_FAILED);
    pid_ = ::fork();
    if (pid_ == 0) run(processors);
    for (size_t i = 0; i < threads; ++i) {
      while (counters_[i].count == 0) ::usleep(1000);
    }
  }
  Lives(const Lives&) = delete;
  Lives& operator=(const Lives&) = delete;
  ~Lives() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::munmap(counters_, threads * sizeof(Counter));
  }

  pid_t pid() const { return pid_; }
  pid_t tid(size_t thread) const { return counters_[thread].tid; }
  std::vector<uint64_t> counts() const {
    std::vector<uint64_t> counts;
    for (size_t i = 0; i < threads; ++i) counts.push_back(counters_[i].count);
    return counts;
  }

 private:
  [[noreturn]] void run(int processors) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    cpu_set_t all, few;
    CPU_ZERO(&few);
    ::sched_getaffinity(0, sizeof all, &all);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&few) < processors; ++i) {
      if (CPU_ISSET(i, &all)) CPU_SET(i, &few);
    }
    ::sched_setaffinity(0, sizeof few, &few);
    for (size_t i = 0; i < threads; ++i) {
      pthread_t thread;
      if (::pthread_create(&thread, nullptr, live, &counters_[i]) != 0) ::_exit(1);
    }
    for (;;) ::pause();
  }

  Counter* counters_;
  pid_t pid_;
};

struct Tally {
  size_t waited = 0;
  size_t untrue = 0;
};

/** Stopped one after the other, as a stop of all does it; `pause`: how long after begin(). */
Tally stopAll(const Lives& lives, useconds_t pause) {
  Tally tally;
  WaitingThreads waiting;
  for (size_t i = 0; i < threads; ++i) REQUIRE(::ptrace(PTRACE_SEIZE, lives.tid(i), nullptr, nullptr) == 0);
  waiting.watch(lives.pid());
  waiting.begin();
  const std::vector<uint64_t> before = lives.counts();
  if (pause > 0) ::usleep(pause);
  for (size_t i = 0; i < threads; ++i) {
    REQUIRE(::ptrace(PTRACE_INTERRUPT, lives.tid(i), nullptr, nullptr) == 0);
    waiting.noteAsked(lives.tid(i));
  }
  std::vector<bool> hasWaited(threads);
  for (size_t i = 0; i < threads; ++i) {
    REQUIRE(::waitpid(lives.tid(i), nullptr, __WALL) == lives.tid(i));
    hasWaited[i] = waiting.hasWaited(lives.tid(i));
  }
  const std::vector<uint64_t> after = lives.counts();
  for (size_t i = 0; i < threads; ++i) {
    tally.waited += hasWaited[i];
    tally.untrue += hasWaited[i] && before[i] != after[i];
    REQUIRE(::ptrace(PTRACE_DETACH, lives.tid(i), nullptr, nullptr) == 0);
  }
  return tally;
}

constexpr uint64_t word = 0x5008;
constexpr size_t frameSize = 64 << 10;
const ForbiddenRanges forbidden(std::vector{ForbiddenRange{{RemotePtr(0x5000), RemotePtr(0x5010)}}});

struct DeepThread {
  std::atomic<uint64_t> frame = 0;
  std::atomic<bool> isWanted = true;
  pid_t tid = 0;
  std::thread thread;

  void spinBelow() {
    volatile uint8_t space[frameSize];
    for (size_t i = 0; i < frameSize; ++i) space[i] = 1;
    tid = static_cast<pid_t>(::syscall(SYS_gettid));
    frame = reinterpret_cast<uint64_t>(&space[0]);
    while (isWanted) {
    }
  }
};

}  // namespace

TEST_CASE("a thread that is said to have waited for a processor has run nothing meanwhile") {
  for (const int processors : {1, 2}) {
    CAPTURE(processors);
    const Lives lives(processors);
    Tally total;
    for (useconds_t round = 0; round < 150; ++round) {
      REQUIRE(runTracing([&] {
        const Tally tally = stopAll(lives, round % 3 * 1500);
        total.waited += tally.waited;
        total.untrue += tally.untrue;
      }));
    }
    CHECK(total.waited > 0);
    CHECK(total.untrue == 0);
  }
}

TEST_CASE("a thread that nobody has watched has not waited") {
  WaitingThreads waiting;
  waiting.begin();
  waiting.noteAsked(::getpid());
  CHECK_FALSE(waiting.wasGivenNone(::getpid()));
  CHECK_FALSE(waiting.hasWaited(::getpid()));
}

TEST_CASE("the upper part of a stack is settled down to the last word that returns into a range, never near the stack pointer, and untouched pages stay so") {
  std::vector<DeepThread> deep(std::max<size_t>(9, countProcessors() + 4));
  for (DeepThread& each : deep) each.thread = std::thread([&each] { each.spinBelow(); });
  for (const DeepThread& each : deep) {
    while (each.frame == 0) ::usleep(1000);
  }
  const uint64_t hit = (deep[1].frame + 40000) & ~uint64_t{7};
  *reinterpret_cast<volatile uint64_t*>(hit) = word;

  const std::vector<Mapping> mappings = readMappings(::getpid()).value();
  const auto stackOf = [&](const DeepThread& thread) {
    return std::ranges::find_if(mappings, [&](const Mapping& each) { return each.range.contains(RemotePtr(thread.frame)); })->range;
  };
  // Whoever is on a processor just now is not to be had.
  const auto settledFrom = [&](const DeepThread& thread) -> uint64_t {
    for (int tries = 0; tries < 2000; ++tries) {
      StacksAhead ahead;
      REQUIRE(ahead.prepare(::getpid()));
      ahead.search(::getpid(), mappings, forbidden, now() + 1'000'000'000);
      ahead.noteAsked(thread.tid);
      const std::optional<SettledPart> part = ahead.settledOf(thread.tid, {RemotePtr(thread.frame), stackOf(thread).end});
      CHECK_FALSE(ahead.settledOf(thread.tid, {RemotePtr(0x1000), RemotePtr(0x2000)}));
      if (part) return part->start.bits() - thread.frame;
    }
    return 0;
  };
  CHECK(settledFrom(deep[0]) == 4096);
  CHECK(settledFrom(deep[1]) == hit + sizeof(uint64_t) - deep[1].frame);
  CHECK(settledFrom(deep[8]) == 4096);
  for (const DeepThread& each : deep) {
    const RemotePtr low = stackOf(each).start;
    bool isTouched = false;
    ResidentPages(::getpid()).visit({low, low + (64 << 10)}, 4096, [&](const RemoteRange&) { return isTouched = true; });
    CHECK_FALSE(isTouched);
  }

  StacksAhead late;
  REQUIRE(late.prepare(::getpid()));
  late.search(::getpid(), mappings, forbidden, 0);
  late.noteAsked(deep[0].tid);
  CHECK_FALSE(late.settledOf(deep[0].tid, {RemotePtr(deep[0].frame), stackOf(deep[0]).end}));

  for (DeepThread& each : deep) each.isWanted = false;
  for (DeepThread& each : deep) each.thread.join();
}

TEST_CASE("parseSchedulerCounts() takes what the kernel writes, and nothing else") {
  SchedulerCounts counts;
  CHECK(parseSchedulerCounts("42377976 5040532195 11\n", counts));
  CHECK(counts == SchedulerCounts{42377976, 5040532195, 11});
  for (const std::string_view text : {"", "1", "1 2", "1 2 3", "1 2\n", "a 2 3\n", "1  2 3\n", "1 2 -3\n", "1 2 99999999999999999999\n"}) CHECK_FALSE(parseSchedulerCounts(text, counts));
  CHECK(counts.timesRun == 11);
}
