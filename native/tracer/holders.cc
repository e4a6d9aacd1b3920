// Which processes map a file of this name: how a ledger is found in every process of the machine without any
// state of our own. Processes that we may not look into are counted.
#include "handlers.h"
#include "process.h"

#include <dirent.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace suture {

namespace {

std::vector<pid_t> listProcesses() {
  std::vector<pid_t> pids;
  DIR* directory = ::opendir("/proc");
  if (directory == nullptr) return pids;
  while (const dirent* entry = ::readdir(directory)) {
    const char* end = entry->d_name + std::strlen(entry->d_name);
    pid_t pid;
    const auto parsed = std::from_chars(entry->d_name, end, pid);
    if (parsed.ec == std::errc() && parsed.ptr == end) pids.push_back(pid);
  }
  ::closedir(directory);
  return pids;
}

Json describeMappings(pid_t pid, std::string_view maps, const std::string& prefix) {
  Json found = Json::array();
  Result<TaskStat> stat = readProcessStat(pid);
  if (!stat) return found;
  const std::string program = readLink("/proc/" + std::to_string(pid) + "/exe");
  for (const Mapping& mapping : parseMappings(maps)) {
    if (!mapping.path.starts_with(prefix)) continue;
    found.push_back({
      {"pid", pid},
      {"program", program},
      {"startTime", formatHex(stat.value().startTime)},
      {"start", formatHex(mapping.range.start)},
      {"end", formatHex(mapping.range.end)},
    });
  }
  return found;
}

}  // namespace

Result<Answer> holders(const Request& request) {
  const std::string prefix = TRY(textField(request.head, "pathPrefix"));
  if (prefix.empty() || prefix.find('\n') != prefix.npos) {
    return Error{ErrorKind::usage, "Cannot look for holders: \"pathPrefix\" must be the beginning of a path"};
  }
  Json mappings = Json::array();
  int hidden = 0;
  std::string maps;
  for (const pid_t pid : listProcesses()) {
    maps.clear();
    errno = 0;
    if (!readTextFile("/proc/" + std::to_string(pid) + "/maps", maps)) {
      if (errno == EACCES || errno == EPERM) hidden++;
      continue;
    }
    // Few processes hold one: the text is searched before any line of it is taken apart.
    if (maps.find(prefix) == maps.npos) continue;
    for (Json& mapping : describeMappings(pid, maps, prefix)) mappings.push_back(std::move(mapping));
  }
  return Answer{{{"mappings", std::move(mappings)}, {"hidden", hidden}}};
}

}  // namespace suture
