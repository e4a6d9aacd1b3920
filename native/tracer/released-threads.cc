#include "released-threads.h"

#include "file.h"
#include "process.h"
#include "tracing-thread.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <string>
#include <vector>

namespace suture {

namespace {

constexpr uint64_t millisecond = 1'000'000;
constexpr uint64_t patience = 100 * millisecond;
constexpr uint64_t pollInterval = millisecond / 5;

struct Released {
  pid_t pid;
  pid_t tid;
  /** What it had run by then. */
  uint64_t ran;

  bool hasRun() const {
    const Result<TaskStat> stat = readThreadStat(pid, tid);
    return !stat || stat.value().state != 'R' || readRunTime(pid, tid) != ran;
  }
};

/** Of one tracing thread after the other: there is never more than one. */
std::vector<Released> released;

}  // namespace

uint64_t readRunTime(pid_t pid, pid_t tid) {
  const File file = openFile("/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/schedstat", O_RDONLY);
  char text[64];
  const ssize_t got = file.isOpen() ? ::read(file.fd(), text, sizeof text) : -1;
  uint64_t time = 0;
  if (got > 0) std::from_chars(text, text + got, time);
  return time;
}

void noteReleased(pid_t pid, pid_t tid) { released.push_back({pid, tid, readRunTime(pid, tid)}); }

void awaitReleased() {
  const uint64_t deadline = now() + patience;
  for (const Released& thread : released) {
    while (!thread.hasRun() && now() < deadline) rest(pollInterval);
  }
  released.clear();
}

}  // namespace suture
