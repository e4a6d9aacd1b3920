// The stopping, unwinding and borrowing on a live process of three threads, without the protocol: for the checked build.
#include "handlers.h"
#include "process.h"
#include "real-time.h"
#include "scratch.h"
#include "stack-check.h"
#include "staging.h"
#include "stopped-process.h"
#include "transition.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace suture;
using namespace suture::test;

namespace {

constexpr std::string_view source = R"(
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
volatile int turns;
__attribute__((noinline)) int step(int of) { return of + 1; }
__attribute__((noinline)) void rest(void) { for (;;) pause(); }
static void *work(void *unused) { for (;;) turns = step(turns) & 0xffff; return unused; }
static void *sleeper(void *unused) { rest(); return unused; }
int main(void) {
  pthread_t thread;
  pthread_create(&thread, 0, work, 0);
  pthread_create(&thread, 0, sleeper, 0);
  usleep(20000);
  printf("%p %p\n", (void *)step, (void *)rest);
  fflush(stdout);
  for (;;) pause();
}
)";

class LiveProcess {
 public:
  LiveProcess() {
    folder_.write("target.c", source);
    folder_.run("gcc -g -O2 -pthread -o target target.c");
    const std::string program = folder_ / "target";
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(ends[1], 1);
      ::execl(program.c_str(), program.c_str(), nullptr);
      ::_exit(1);
    }
    ::close(ends[1]);
    char line[128] = {};
    REQUIRE(::read(ends[0], line, sizeof line - 1) > 0);
    ::close(ends[0]);
    REQUIRE(std::sscanf(line, "%lx %lx", &step, &rest) == 2);
    startTime = readProcessStat(pid).value().startTime;
  }
  ~LiveProcess() {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }

  pid_t pid;
  uint64_t startTime;
  uint64_t step = 0;
  uint64_t rest = 0;

 private:
  ScratchFolder folder_;
};

Result<TransitionOutcome> switchOnce(const LiveProcess& process, const std::vector<RemoteRange>& forbidden, std::vector<MemoryWrite> writes) {
  std::vector<ForbiddenRange> ranges;
  for (const RemoteRange& range : forbidden) ranges.push_back({range});
  const ProcessTransition wanted[] = {{process.pid, process.startTime, std::move(ranges), std::move(writes)}};
  return traced<TransitionOutcome>([&] { return performTransition(wanted, 1'000'000); });
}

}  // namespace

TEST_CASE("performTransition() writes all, or nothing when a thread is in the way") {
  const LiveProcess process;
  const File memory = std::move(openMemory(process.pid, O_RDONLY)).value();
  Bytes before(5);
  REQUIRE(readMemory(memory.fd(), RemotePtr(process.step), before));
  const Bytes after = {0x8d, 0x47, 0x02, 0xc3, 0x90};  // lea 2(%rdi), %eax; ret; nop
  const std::vector<MemoryWrite> writes = {{RemotePtr(process.step), before, after}};

  const RemoteRange resting = {RemotePtr(process.rest), RemotePtr(process.rest + 14)};
  const Result<TransitionOutcome> blocked = switchOnce(process, {resting}, writes);
  REQUIRE(blocked);
  CHECK(blocked.value().kind == TransitionOutcome::Kind::blocked);
  CHECK(blocked.value().blockers.size() == 1);

  Result<TransitionOutcome> done = switchOnce(process, {}, writes);
  REQUIRE(done);
  CHECK(done.value().kind == TransitionOutcome::Kind::done);
  CHECK(done.value().stop.sleepingThreads + done.value().stop.workingThreads == 3);
  Bytes found(5);
  REQUIRE(readMemory(memory.fd(), RemotePtr(process.step), found));
  CHECK(found == after);

  done = switchOnce(process, {}, writes);
  REQUIRE(done);
  CHECK(done.value().kind == TransitionOutcome::Kind::mismatch);
  CHECK(done.value().mismatch.found == after);
}

TEST_CASE("AllStop lets go whatever it holds at the end of its scope, wherever that is") {
  const LiveProcess process;
  for (int phase = 0; phase < 3; ++phase) {
    REQUIRE(runTracing([&] {
      AllStop stop;
      REQUIRE(stop.watch(process.pid));
      REQUIRE(stop.seize(process.pid, process.startTime));
      const AllStop::Visitor visitor = [](const Tracee&) { return true; };
      if (phase > 0) CHECK(stop.stopSleepers(visitor) == AllStop::Outcome::stopped);
      if (phase > 1) CHECK(stop.stopWorkers(now() + 1'000'000'000, visitor) == AllStop::Outcome::stopped);
    }));
    std::string status;
    REQUIRE(readTextFile("/proc/" + std::to_string(process.pid) + "/status", status));
    CHECK(status.find("TracerPid:\t0") != status.npos);
    const Result<std::vector<Thread>> threads = listThreads(process.pid);
    REQUIRE(threads);
    for (const Thread& thread : threads.value()) CHECK((thread.state == 'S' || thread.state == 'R'));
  }
}

TEST_CASE("AllStop lets the working threads go first; they have real-time priority while they are held, and their own before and after") {
  const LiveProcess process;
  const auto policyOf = [](pid_t tid) {
    SchedulingAttributes attributes = {};
    CHECK(readScheduling(tid, attributes));
    return attributes.policy;
  };
  const std::vector<Thread> threads = listThreads(process.pid).value();
  for (const Thread& thread : threads) CHECK(policyOf(thread.tid) == SCHED_OTHER);
  REQUIRE(runTracing([&] {
    AllStop stop;
    REQUIRE(stop.watch(process.pid));
    REQUIRE(stop.seize(process.pid, process.startTime));
    std::vector<const Tracee*> sleeping, working;
    REQUIRE(stop.stopSleepers([&](const Tracee& tracee) { return sleeping.push_back(&tracee), true; }) == AllStop::Outcome::stopped);
    REQUIRE(stop.stopWorkers(now() + 1'000'000'000, [&](const Tracee& tracee) { return working.push_back(&tracee), true; }) == AllStop::Outcome::stopped);
    REQUIRE(working.size() >= 1);
    REQUIRE(sleeping.size() + working.size() == threads.size());
    const bool isPermitted = ::geteuid() == 0;
    for (const Tracee* tracee : working) CHECK(policyOf(tracee->tid) == (isPermitted ? SCHED_FIFO : SCHED_OTHER));
    stop.release();
    for (const Tracee* worker : working) {
      for (const Tracee* sleeper : sleeping) CHECK((worker->heldUntil <= sleeper->heldUntil || sleeper->tid == process.pid));
    }
  }));
  for (const Thread& thread : threads) CHECK(policyOf(thread.tid) == SCHED_OTHER);
}

TEST_CASE("stageMappings() and unmapRanges() leave the mappings as they were") {
  const LiveProcess process;
  const std::string before = readMapsText(process.pid).value();
  const Bytes contents(4096, 0xcc);
  const RemotePtr at(0x20000000);
  const StagedMapping mapping[] = {{"suture-test", at, contents, {{0, 4096, 1}}}};
  REQUIRE(traced<void>([&] { return stageMappings(process.pid, process.startTime, mapping); }));
  CHECK(readMapsText(process.pid).value() != before);
  const Result<void> again = traced<void>([&] { return stageMappings(process.pid, process.startTime, mapping); });
  REQUIRE_FALSE(again);
  CHECK(again.error().kind == ErrorKind::unreachableMemory);
  const RemoteRange range[] = {{at, at + 4096}};
  REQUIRE(traced<void>([&] { return unmapRanges(process.pid, process.startTime, range); }));
  CHECK(readMapsText(process.pid).value() == before);
}

TEST_CASE("stacks() reaches the outermost frame of every thread") {
  const LiveProcess process;
  const Result<Answer> answer = stacks({{{"pid", process.pid}}, {}});
  REQUIRE(answer);
  CHECK(answer.value().result["threads"].size() == 3);
  for (const Json& thread : answer.value().result["threads"]) {
    CHECK(thread["complete"] == true);
    CHECK(thread["frames"].size() >= 3);
  }
}
