#include "memory-scan.h"

#include "remote-memory.h"
#include "tracing-thread.h"


#include <algorithm>
#include <cstring>

namespace suture {

namespace {

constexpr size_t chunkSize = 256 << 10;
constexpr size_t longestCall = 7;
/** Nobody reads more, and a look must end. */
constexpr size_t enoughHits = 65536;
constexpr size_t enoughNames = 16;

// libc's control block of a thread, which the thread pointer leads to: at its start and at `self` its own address, at
// `tid` the thread's number, which is none any more (0, or -1 once it has been joined) when it has ended; and somewhere in it
// where the stack begins.
constexpr uint64_t self = 0x10;
constexpr uint64_t tidAt = 0x2d0;
constexpr size_t controlBlockSize = 0x900;
/** It is the last thing on its stack. */
constexpr size_t controlBlockWithin = 16 << 10;

uint64_t readWord(pid_t pid, uint64_t at) {
  uint64_t word = 0;
  return readRemote(pid, at, {reinterpret_cast<uint8_t*>(&word), sizeof word}) == sizeof word ? word : 0;
}

bool isOfEndedThread(pid_t pid, uint64_t controlBlock) {
  return readWord(pid, controlBlock + self) == controlBlock && static_cast<int32_t>(readWord(pid, controlBlock + tidAt)) <= 0;
}

uint64_t timeOnCpu() { return readClock(CLOCK_THREAD_CPUTIME_ID); }

}  // namespace

bool isStackOf(pid_t pid, uint64_t controlBlock, std::span<const Mapping> mappings, const RemoteRange& mapping) {
  uint64_t words[controlBlockSize / sizeof(uint64_t)];
  const size_t got = readRemote(pid, controlBlock, {reinterpret_cast<uint8_t*>(words), sizeof words}) / sizeof(uint64_t);
  const Mapping* const guard = guardBelow(mappings, mapping.start);
  return std::any_of(words, words + got, [&](uint64_t word) { return word == mapping.start.bits() || (guard != nullptr && word == guard->range.start.bits()); });
}

bool isStackOfEndedThread(pid_t pid, std::span<const Mapping> mappings, const RemoteRange& mapping) {
  uint64_t words[controlBlockWithin / sizeof(uint64_t)];
  const uint64_t start = mapping.end.bits() - std::min<uint64_t>(sizeof words, mapping.length());
  const size_t got = readRemote(pid, start, {reinterpret_cast<uint8_t*>(words), mapping.end.bits() - start}) / sizeof(uint64_t);
  for (size_t i = 0; i < got; ++i) {
    const uint64_t block = start + i * sizeof(uint64_t);
    if (words[i] == block && isOfEndedThread(pid, block) && isStackOf(pid, block, mappings, mapping)) return true;
  }
  return false;
}

Result<MemoryScan> MemoryScan::of(pid_t pid, const std::vector<ForbiddenRange>& forbidden) {
  std::vector<Bytes> codes;
  for (const ForbiddenRange& each : forbidden) {
    Bytes bytes(each.range.length() + longestCall);
    // What lies before the first function of a mapping cannot be read, and is no call.
    const size_t before = readRemote(pid, each.range.start.bits() - longestCall, {bytes.data(), longestCall});
    if (before != longestCall) std::fill_n(bytes.begin(), longestCall, uint8_t{0});
    // A range may begin a byte before its code, where nothing need be mapped.
    const std::span<uint8_t> own = std::span(bytes).subspan(longestCall), code = own.subspan(1);
    if (readRemote(pid, each.range.start.bits(), own) != own.size() && readRemote(pid, each.range.start.bits() + 1, code) != code.size()) {
      return Error{ErrorKind::unreadableMemory, "Cannot look for suspended stacks in pid " + std::to_string(pid) + ": the code at " + formatHex(each.range.start) + " cannot be read"};
    }
    codes.push_back(std::move(bytes));
  }
  return MemoryScan(pid, forbidden, std::move(codes));
}

MemoryScan::MemoryScan(pid_t pid, std::vector<ForbiddenRange> forbidden, std::vector<Bytes> code)
    : pid_(pid), forbidden_(std::move(forbidden)), ranges_(forbidden_), code_(std::move(code)),
      resident_(pid), chunk_(chunkSize) {}

Result<std::vector<MemoryHit>> MemoryScan::lookAhead() {
  TRY(sweep({}, ~uint64_t{0}));
  std::vector<MemoryHit> found;
  for (const Hit& hit : hits_) {
    const Mapping& mapping = mappings_[hit.mapping];
    const bool isUndecided = mapping.path == "[stack]" || holdsControlBlock(mapping);
    if (!isUndecided && found.size() < enoughNames) found.push_back(describe(hit));
  }
  return found;
}

Result<std::optional<std::vector<MemoryHit>>> MemoryScan::look(std::vector<RemoteRange> judged, uint64_t deadline) {
  std::ranges::sort(judged, {}, &RemoteRange::start);
  if (!TRY(sweep(judged, deadline))) return std::optional<std::vector<MemoryHit>>();
  std::vector<MemoryHit> found;
  for (const Hit& hit : hits_) {
    if (found.size() < enoughNames && (isFull() || !isDeadThreadStack(hit))) found.push_back(describe(hit));
  }
  return std::optional(std::move(found));
}

/** False: the deadline came first. */
Result<bool> MemoryScan::sweep(std::span<const RemoteRange> judged, uint64_t deadline) {
  const uint64_t began = timeOnCpu();
  hits_.clear();
  controlBlocks_.clear();
  bytes_ = 0;
  mappings_ = TRY(readMappings(pid_));
  for (size_t i = 0; i < mappings_.size() && !isFull(); ++i) {
    const Mapping& mapping = mappings_[i];
    if (mapping.readable && mapping.writable && !sweepMapping(i, judged, deadline)) return false;
  }
  cost_ = {bytes_, timeOnCpu() - began};
  return true;
}

/** `judged` is sorted; what lies between is swept. */
bool MemoryScan::sweepMapping(size_t mapping, std::span<const RemoteRange> judged, uint64_t deadline) {
  RemoteRange rest = mappings_[mapping].range;
  for (const RemoteRange& each : judged) {
    if (!each.overlaps(rest)) continue;
    if (each.start > rest.start && !sweepResident(mapping, {rest.start, each.start}, deadline)) return false;
    rest.start = std::min(std::max(each.end, rest.start), rest.end);
  }
  return rest.isEmpty() || sweepResident(mapping, rest, deadline);
}

bool MemoryScan::sweepResident(size_t mapping, RemoteRange range, uint64_t deadline) {
  constexpr uint64_t align = sizeof(uint64_t) - 1;
  const RemotePtr start((range.start.bits() + align) & ~align);
  return resident_.visit({start, range.end}, chunkSize, [&](const RemoteRange& piece) {
    if (isFull()) return true;
    sweepChunk(mapping, piece.start.bits(), piece.length());
    return isFull() || now() <= deadline;
  });
}

void MemoryScan::sweepChunk(size_t mapping, uint64_t at, size_t length) {
  const size_t got = readRemote(pid_, at, {chunk_.data(), length});
  bytes_ += got;
  for (size_t i = 0; i + sizeof(uint64_t) <= got; i += sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, chunk_.data() + i, sizeof word);
    if (ranges_.isOutside(word) && word != at + i) [[likely]] continue;
    if (word == at + i && readWord(pid_, at + i + self) == word) controlBlocks_.push_back(word);
    if (ranges_.returnsInto(word) && followsCall(word) && !isFull()) hits_.push_back({at + i, word, mapping});
  }
}

bool MemoryScan::followsCall(uint64_t word) const {
  const size_t range = *ranges_.returnsInto(word);
  const ByteView before = ByteView(code_[range]).first(word - forbidden_[range].range.start.bits() + longestCall);
  return mayEndWithCall(before.last(longestCall));
}

bool MemoryScan::holdsControlBlock(const Mapping& mapping) const {
  return std::ranges::any_of(controlBlocks_, [&](uint64_t block) { return mapping.range.contains(RemotePtr(block)); });
}

/** libc keeps the stacks of threads that have ended for new ones. */
bool MemoryScan::isDeadThreadStack(const Hit& hit) const {
  const RemoteRange& mapping = mappings_[hit.mapping].range;
  return std::ranges::any_of(controlBlocks_, [&](uint64_t block) {
    return hit.at < block && mapping.contains(RemotePtr(block)) && isOfEndedThread(pid_, block) && isStackOf(pid_, block, mappings_, mapping);
  });
}

bool MemoryScan::isFull() const { return hits_.size() >= enoughHits; }

MemoryHit MemoryScan::describe(const Hit& hit) const {
  const std::string& path = mappings_[hit.mapping].path;
  return {hit.at, hit.value, *ranges_.returnsInto(hit.value), path.empty() ? "anonymous memory" : path};
}

}  // namespace suture
