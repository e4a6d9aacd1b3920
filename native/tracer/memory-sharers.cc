#include "memory-sharers.h"

#include "process.h"

#include <dirent.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

namespace suture {

namespace {

/** False where the kernel will not say. */
bool haveOneMemory(pid_t one, pid_t other) { return ::syscall(SYS_kcmp, one, other, KCMP_VM, 0ul, 0ul) == 0; }

pid_t numberOf(const char* name) {
  pid_t number = 0;
  const char* const end = name + std::strlen(name);
  return std::from_chars(name, end, number).ptr == end ? number : 0;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

Result<std::vector<MemorySharer>> findMemorySharers(pid_t pid) {
  std::vector<MemorySharer> sharers;
  const std::unique_ptr<DIR, CloseDirectory> processes(::opendir("/proc"));
  if (!processes) return Error{ErrorKind::internal, std::string("Cannot list the processes: ") + std::strerror(errno)};
  while (const dirent* const entry = ::readdir(processes.get())) {
    const pid_t other = numberOf(entry->d_name);
    if (other == 0 || other == pid || !haveOneMemory(pid, other)) continue;
    const Result<TaskStat> stat = readProcessStat(other);
    if (stat && !stat.value().hasEnded()) sharers.push_back({other, stat.value().startTime});
  }
  return sharers;
}

}  // namespace suture
