// The requests that put memory into a process, take it out again, and write to it.
#include "staging.h"

#include "handlers.h"
#include "memory-write.h"
#include "tracing-thread.h"

#include <fcntl.h>
#include <sys/mman.h>

namespace suture {

namespace {

constexpr uint64_t pageSize = 4096;
constexpr size_t longestName = 249;  // memfd_create(2)

bool isPageAligned(uint64_t number) { return number % pageSize == 0; }

Result<int> parseProtection(const Json& segment) {
  const std::string text = TRY(textField(segment, "protection"));
  if (text == "r") return PROT_READ;
  if (text == "rw") return PROT_READ | PROT_WRITE;
  if (text == "rx") return PROT_READ | PROT_EXEC;
  return Error{ErrorKind::usage, "Cannot map memory with protection \"" + text + "\": it must be r, rw or rx"};
}

Result<StagedMapping> parseMapping(const Json& object, BodyReader& body) {
  StagedMapping mapping = {TRY(textField(object, "name")), TRY(addressField(object, "at")), {}, {}};
  const uint64_t length = TRY(integerField(object, "length"));
  const uint64_t room = (length + pageSize - 1) / pageSize * pageSize;
  const Error misplaced = {ErrorKind::usage, "Cannot map \"" + mapping.name + "\" at " + formatHex(mapping.at) + ": its place or one of its segments is not made of whole pages of its contents"};
  if (mapping.name.empty() || mapping.name.size() > longestName || mapping.name.find('\0') != mapping.name.npos) {
    return Error{ErrorKind::usage, "Cannot map a memory file: its name must have 1 to 249 bytes"};
  }
  if (!isPageAligned(mapping.at.bits()) || length == 0) return misplaced;
  for (const Json& part : *TRY(objectsField(object, "segments"))) {
    const StagedSegment segment = {TRY(integerField(part, "offset")), TRY(integerField(part, "length")), TRY(parseProtection(part))};
    const bool fits = isPageAligned(segment.offset) && isPageAligned(segment.length) && segment.length > 0 && segment.offset <= room && segment.length <= room - segment.offset;
    if (!fits) return misplaced;
    mapping.segments.push_back(segment);
  }
  mapping.contents = TRY(body.take(length));
  return mapping;
}

Result<void> writeChecked(pid_t pid, uint64_t startTime, std::span<const MemoryWrite> writes) {
  const File memory = TRY(openMemory(pid, O_RDWR));
  // Afterwards: from then on it is the memory of this one, whoever gets the number.
  TRY(checkSameProcess(pid, startTime));
  Result<std::optional<Mismatch>> found = findMismatch(pid, memory.fd(), writes);
  if (!found) return std::move(found).error();
  if (found.value()) {
    const std::string at = formatHex(found.value()->at);
    return Error{ErrorKind::bytesMismatch, "Cannot write memory of pid " + std::to_string(pid) + " at " + at + ": it does not hold the expected bytes", {{"pid", pid}, {"at", at}}};
  }
  return writeAll(pid, memory.fd(), writes);
}

}  // namespace

/** Whatever failed: when the process has ended meanwhile, that is why. */
static Result<void> unlessGone(pid_t pid, Result<void> done) {
  return done ? std::move(done) : Result<void>(unlessEnding(pid, std::move(done).error()));
}

Result<Answer> stage(const Request& request) {
  const pid_t pid = TRY(pidField(request.head));
  const uint64_t startTime = TRY(hexField(request.head, "startTime"));
  BodyReader body(request.body);
  std::vector<StagedMapping> mappings;
  for (const Json& object : *TRY(objectsField(request.head, "mappings"))) mappings.push_back(TRY(parseMapping(object, body)));
  TRY(body.finish());
  TRY(unlessGone(pid, traced<void>([&] { return stageMappings(pid, startTime, mappings); })));
  return Answer{};
}

Result<Answer> unmap(const Request& request) {
  const pid_t pid = TRY(pidField(request.head));
  const uint64_t startTime = TRY(hexField(request.head, "startTime"));
  std::vector<RemoteRange> ranges;
  for (const Json& object : *TRY(objectsField(request.head, "ranges"))) {
    ranges.push_back(TRY(rangeOf(object)));
    if (!isPageAligned(ranges.back().start.bits()) || !isPageAligned(ranges.back().end.bits())) {
      return Error{ErrorKind::usage, "Cannot give back memory at " + formatHex(ranges.back().start) + ": the range is not made of whole pages"};
    }
  }
  TRY(unlessGone(pid, traced<void>([&] { return unmapRanges(pid, startTime, ranges); })));
  return Answer{};
}

Result<Answer> write(const Request& request) {
  const pid_t pid = TRY(pidField(request.head));
  const uint64_t startTime = TRY(hexField(request.head, "startTime"));
  BodyReader body(request.body);
  const std::vector<MemoryWrite> writes = TRY(parseWrites(request.head, body));
  TRY(body.finish());
  TRY(unlessGone(pid, writeChecked(pid, startTime, writes)));
  return Answer{};
}

}  // namespace suture
