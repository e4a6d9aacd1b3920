#include "stack-check.h"

#include "memory-scan.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace suture {

namespace {

constexpr uint64_t redZone = 128;
constexpr size_t longestCall = 7;
/** A stack of its own is scanned whole up to this; a place in somebody's heap up to the other. */
constexpr uint64_t longestStack = uint64_t{64} << 20;
constexpr uint64_t longestElsewhere = uint64_t{4} << 20;
/** A frame that is larger may hold the stack of a coroutine as one of its variables. */
constexpr uint64_t largestPlainFrame = 1 << 10;
/** What lies above a thread's outermost frame: thread-local variables; of the main thread arguments and environment. */
constexpr uint64_t largestTop = 4 << 20;

/** PROCMAP_QUERY of linux/fs.h (since 6.11): the mapping at an address, without the text of all of them. */
struct MappingQuery {
  uint64_t size;
  uint64_t flags;
  uint64_t address;
  uint64_t start, end, vmaFlags, pageSize, offset, inode;
  uint32_t deviceMajor, deviceMinor, nameSize, buildIdSize;
  uint64_t name, buildId;
};
constexpr unsigned long mappingQuery = _IOWR('f', 17, MappingQuery);

RemoteRange below(const RemoteRange& range, uint64_t end) { return {range.start, RemotePtr(end)}; }

std::vector<uint64_t> instructionsOf(const Unwinding& unwinding) {
  std::vector<uint64_t> instructions;
  for (const Frame& frame : unwinding.frames) instructions.push_back(frame.instruction);
  return instructions;
}

bool readsAsCallAtEnd(pid_t pid, const RemoteRange& range) {
  uint8_t code[longestCall];
  const std::span<uint8_t> last(code, std::min<uint64_t>(sizeof code, range.length()));
  return readRemote(pid, range.end.bits() - last.size(), last) != last.size() || mayEndWithCall(last);
}

bool passesThrough(const Unwinding& unwinding, const RemoteRange& range) {
  return std::any_of(unwinding.frames.begin(), unwinding.frames.end(), [&](const Frame& frame) { return range.contains(RemotePtr(frame.cfa)); });
}

}  // namespace

Result<StackMap> StackMap::of(pid_t pid, bool isGuest) {
  StackMap map;
  map.pid_ = pid;
  // In this order: the stack of every thread that we know is among the mappings.
  for (const pid_t tid : TRY(listThreadIds(pid))) map.threads_.insert(tid);
  map.mappings_ = TRY(readMappings(pid));
  map.maps_ = openFile("/proc/" + std::to_string(pid) + "/maps", O_RDONLY);
  for (const Mapping& mapping : map.mappings_) {
    if (mapping.path == "[stack]" && !isGuest) map.mainStackEnd_ = mapping.range.end.bits();
  }
  return map;
}

const Mapping* StackMap::knownAt(uint64_t at) const {
  const auto after = std::upper_bound(mappings_.begin(), mappings_.end(), at, [](uint64_t place, const Mapping& mapping) { return place < mapping.range.end.bits(); });
  return after != mappings_.end() && after->range.contains(RemotePtr(at)) ? &*after : nullptr;
}

std::optional<RemoteRange> StackMap::mappingAt(pid_t tid, uint64_t at) const {
  const Mapping* const known = threads_.contains(tid) ? knownAt(at) : nullptr;
  return known != nullptr ? std::optional(known->range) : askForMappingAt(at);
}

std::optional<RemoteRange> StackMap::codeAt(uint64_t at) const {
  const Mapping* const known = knownAt(at);
  return known != nullptr && known->executable ? std::optional(known->range) : std::nullopt;
}

std::optional<RemoteRange> StackMap::askForMappingAt(uint64_t at) const {
  MappingQuery query = {};
  query.size = sizeof query;
  query.address = at;
  if (::ioctl(maps_.fd(), mappingQuery, &query) == 0) return RemoteRange{RemotePtr(query.start), RemotePtr(query.end)};
  const Result<std::vector<Mapping>> mappings = readMappings(pid_);
  if (!mappings) return {};
  for (const Mapping& mapping : mappings.value()) {
    if (mapping.range.contains(RemotePtr(at))) return mapping.range;
  }
  return {};
}

std::optional<StackMap::Used> StackMap::usedBy(pid_t tid, const user_regs_struct& registers) const {
  const bool isMain = tid == pid_;
  const uint64_t stackPointer = registers.rsp;
  const std::optional<RemoteRange> mapping = mappingAt(tid, stackPointer);
  if (!mapping) return {};
  const RemoteRange used = {std::max(RemotePtr(stackPointer - redZone), mapping->start), mapping->end};

  if (isMain && mapping->end.bits() == mainStackEnd_) return Used{used, mapping->start, {}};
  const uint64_t top = isMain ? mainStackEnd_ : registers.fs_base;
  if (!isMain && stackPointer < top && mapping->contains(RemotePtr(top))) return Used{below(used, top), mapping->start, {}};

  // The main thread's stack may have grown since the mappings were read.
  const std::optional<RemoteRange> own = top == 0 ? std::nullopt : isMain ? askForMappingAt(top - 1) : mappingAt(tid, top - 1);
  return Used{used, mapping->start, own ? below(*own, top) : RemoteRange{}};
}

bool StackMap::isWholeStack(pid_t tid, const user_regs_struct& registers, const RemoteRange& own) const {
  return tid == pid_ ? own.end.bits() == mainStackEnd_ : isStackOf(pid_, registers.fs_base, mappings_, own);
}

StackCheck::StackCheck(pid_t pid, StackMap stacks, std::shared_ptr<UnwindTables> tables, std::vector<ForbiddenRange> forbidden)
    : pid_(pid), stacks_(std::move(stacks)), tables_(std::move(tables)), forbidden_(std::move(forbidden)), memory_(pid), resident_(pid) {}

std::vector<ForbiddenRange> examine(pid_t pid, std::vector<ForbiddenRange> ranges) {
  for (ForbiddenRange& each : ranges) each.mayEndWithCall = each.mayEndWithCall && readsAsCallAtEnd(pid, each.range);
  return ranges;
}

Result<StackCheck> StackCheck::of(pid_t pid, uint64_t startTime, std::vector<ForbiddenRange> forbidden, bool isGuest) {
  StackMap stacks = TRY(StackMap::of(pid, isGuest));
  std::shared_ptr<UnwindTables> tables = forbidden.empty() ? nullptr : UnwindTables::of(pid, startTime, stacks.mappings());
  return StackCheck(pid, std::move(stacks), std::move(tables), examine(pid, std::move(forbidden)));
}

/** Return addresses lie at multiples of eight, unless the stack pointer itself does not. */
StackSearch StackCheck::searchOf(const StackMap::Used& used, const user_regs_struct& registers) const {
  const uint64_t most = used.own.isEmpty() ? longestStack : longestElsewhere;
  return {pid_, &forbidden_, used.stack, most, registers.rsp % sizeof(uint64_t) == 0 ? sizeof(uint64_t) : 1};
}

std::optional<StackSearch> StackCheck::searchFor(pid_t tid, const user_regs_struct& registers) const {
  if (isJudgedNoted_ || forbidden_.isEmpty() || forbidden_.standsIn(registers.rip) || isInRegister(registers)) return {};
  const std::optional<StackMap::Used> used = stacks_.usedBy(tid, registers);
  if (!used || !used->own.isEmpty()) return {};
  StackSearch search = searchOf(*used, registers);
  if (search.step == sizeof(uint64_t)) search.settled = ahead_.settledOf(tid, used->stack);
  return search;
}

/** Of a mapping that was made for a stack most pages have never been touched, and touching them is not for us. */
StackScan StackCheck::scanResident(RemoteRange range) {
  StackScan scan;
  if (range.length() > longestStack) {
    scan.isPartial = true;
    range.start = range.end - longestStack;
  }
  resident_.visit(range, StackSearcher::chunkSize, [&](const RemoteRange& piece) {
    const StackScan found = searcher_.search({pid_, &forbidden_, piece, StackSearcher::chunkSize, sizeof(uint64_t)});
    scan.isPartial |= found.isPartial;
    scan.hit = found.hit;
    return !scan.hit;
  });
  return scan;
}

/** Code that keeps its return address in a register, as vfork does. */
bool StackCheck::isInRegister(const user_regs_struct& registers) const {
  for (const uint64_t value : {registers.rax, registers.rbx, registers.rcx, registers.rdx, registers.rsi, registers.rdi, registers.rbp, registers.r8,
                               registers.r9, registers.r10, registers.r11, registers.r12, registers.r13, registers.r14, registers.r15}) {
    if (forbidden_.returnsInto(value)) return true;
  }
  return false;
}

std::optional<Finding> StackCheck::check(pid_t tid, const user_regs_struct& registers, const StackScan* found) {
  if (forbidden_.isEmpty()) return {};
  memory_.forget();
  if (const std::optional<size_t> range = forbidden_.standsIn(registers.rip)) {
    return Finding{Finding::Reason::inUse, range, instructionsOf(unwind(*tables_, memory_, registers))};
  }
  const std::optional<StackMap::Used> used = stacks_.usedBy(tid, registers);
  if (!used) return Finding{Finding::Reason::unreliableStack, {}, {registers.rip}};

  const StackScan scan = found != nullptr ? *found : searcher_.search(searchOf(*used, registers));
  const StackScan ownScan = used->own.isEmpty() ? StackScan() : scanResident(used->own);
  const bool isOwnSuspicious = !ownScan.isClean();
  if (scan.isClean() && !isOwnSuspicious && !isInRegister(registers)) {
    if (isJudgedNoted_) judge(tid, registers, *used, unwind(*tables_, memory_, registers), true, memory_);
    return {};
  }

  const Unwinding unwinding = unwind(*tables_, memory_, registers);
  for (const Frame& frame : unwinding.frames) {
    const std::optional<size_t> range = frame.isExact ? forbidden_.standsIn(frame.instruction) : forbidden_.returnsInto(frame.instruction);
    if (range) return Finding{Finding::Reason::inUse, range, instructionsOf(unwinding)};
  }
  // An unwinding that ends on a coroutine's stack has said nothing about the frames below it on the thread's own.
  const bool isCleared = unwinding.isComplete && (!isOwnSuspicious || passesThrough(unwinding, used->own));
  if (!isCleared) return describe(unwinding, scan.hit ? scan : ownScan);
  if (isJudgedNoted_) judge(tid, registers, *used, unwinding, false, memory_);
  return {};
}

std::optional<StackMap::Used> StackCheck::ownStackOf(pid_t tid, const user_regs_struct& registers) const {
  std::optional<StackMap::Used> used = stacks_.usedBy(tid, registers);
  return used && used->own.isEmpty() ? used : std::nullopt;
}

void StackCheck::judgeCopied(pid_t tid, const user_regs_struct& registers, const StackMap::Used& used, std::vector<uint8_t> stack) {
  if (forbidden_.isEmpty()) return;
  bool isClean = !isInRegister(registers);
  const size_t step = searchOf(used, registers).step;
  for (size_t i = 0; isClean && i + sizeof(uint64_t) <= stack.size(); i += step) {
    uint64_t word;
    std::memcpy(&word, stack.data() + i, sizeof word);
    isClean = !forbidden_.returnsInto(word);
  }
  CopiedMemory memory(pid_);
  memory.add(used.stack.start.bits(), std::move(stack));
  const Unwinding unwinding = unwind(*tables_, memory, registers);
  if (isClean || unwinding.isComplete) judge(tid, registers, used, unwinding, isClean, memory);
}

/**
 * Only of a thread's own stack: below its stack pointer nothing is alive. Where the scan has found nothing, all that is above is
 * judged; what an unwinding has cleared, frame by frame, but for those that could hold a whole stack themselves.
 */
void StackCheck::judge(pid_t tid, const user_regs_struct& registers, const StackMap::Used& used, const Unwinding& unwinding, bool isClean, WordReader& memory) {
  const bool isElsewhere = !used.own.isEmpty();
  const RemoteRange own = isElsewhere ? used.own : RemoteRange{used.bottom, used.stack.end};
  if (!stacks_.isWholeStack(tid, registers, own)) return;
  if (!isElsewhere && reachesTop(unwinding, used.stack, memory)) judged_.push_back({own.start, used.stack.start});
  if (isClean) {
    judged_.push_back(isElsewhere ? own : used.stack);
    return;
  }
  uint64_t from = registers.rsp;
  for (const Frame& frame : unwinding.frames) {
    const bool isPlain = from < frame.cfa && frame.cfa - from <= largestPlainFrame;
    if (isPlain && own.contains(RemotePtr(from)) && own.contains(RemotePtr(frame.cfa))) judged_.push_back({RemotePtr(from), RemotePtr(frame.cfa)});
    from = frame.cfa;
  }
}

/**
 * A coroutine may run on a variable of a function of the same thread, and another one wait on a lower one. Then there are frames
 * of the thread's own above the outermost that an unwinding comes to, and what is below the stack pointer is not dead.
 */
bool StackCheck::reachesTop(const Unwinding& unwinding, const RemoteRange& stack, WordReader& memory) const {
  if (!unwinding.isComplete) return false;
  const uint64_t from = unwinding.frames.back().cfa;
  if (!stack.contains(RemotePtr(from)) || stack.end.bits() - from > largestTop) return false;
  for (uint64_t at = from; at + sizeof(uint64_t) <= stack.end.bits(); at += sizeof(uint64_t)) {
    uint64_t word;
    if (!memory.readWord(at, word) || isReturnAddress(word)) return false;
  }
  return true;
}

bool StackCheck::isReturnAddress(uint64_t word) const {
  const std::optional<RemoteRange> mapping = stacks_.codeAt(word);
  uint8_t before[longestCall];
  return mapping && word - mapping->start.bits() >= sizeof before && (readRemote(pid_, word - sizeof before, before) != sizeof before || mayEndWithCall(before));
}

Finding StackCheck::describe(const Unwinding& unwinding, const StackScan& scan) const {
  Finding finding = {Finding::Reason::unreliableStack, {}, instructionsOf(unwinding)};
  uint64_t word;
  if (!scan.hit || readRemote(pid_, *scan.hit, {reinterpret_cast<uint8_t*>(&word), sizeof word}) != sizeof word) return finding;
  finding.reason = Finding::Reason::inUse;
  finding.forbidden = forbidden_.returnsInto(word);
  finding.frames.push_back(word);
  return finding;
}

}  // namespace suture
