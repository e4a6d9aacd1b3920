#include "scheduler-counts.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <string>

namespace suture {

bool parseSchedulerCounts(std::string_view text, SchedulerCounts& into) {
  const char* at = text.data();
  const char* const end = at + text.size();
  SchedulerCounts counts;
  for (uint64_t* const each : {&counts.ran, &counts.waited, &counts.timesRun}) {
    if (at != text.data() && (at == end || *at++ != ' ')) return false;
    const auto [after, error] = std::from_chars(at, end, *each);
    if (error != std::errc()) return false;
    at = after;
  }
  if (at == end || *at != '\n') return false;
  into = counts;
  return true;
}

File openSchedulerCounts(pid_t pid, pid_t tid) {
  return openFile("/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/schedstat", O_RDONLY);
}

bool readSchedulerCounts(const File& file, SchedulerCounts& into) {
  char text[80];
  const ssize_t got = ::pread(file.fd(), text, sizeof text, 0);
  return got > 0 && parseSchedulerCounts({text, static_cast<size_t>(got)}, into);
}

uint64_t readRunTime(pid_t pid, pid_t tid) {
  const File file = openSchedulerCounts(pid, tid);
  SchedulerCounts counts;
  if (file.isOpen()) readSchedulerCounts(file, counts);
  return counts.ran;
}

}  // namespace suture
