#include "reference-search.h"

#include "stack-check.h"
#include "vector-registers.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace suture {

namespace {

constexpr uint64_t redZone = 128;
constexpr size_t chunkSize = 256 << 10;
constexpr size_t enoughReferences = 16;
constexpr size_t enoughReturns = 65536;
constexpr size_t longestCall = 7;
constexpr uint64_t patience = 100'000'000;

/** "GNUCC++", and in the lowest byte whether it is a second reference to the exception. */
constexpr uint64_t exceptionClass = 0x474e5543432b2b00;
/** Of the action, the language data and the landing pad in the head of a C++ exception, back from its class. */
constexpr size_t distancesToClass[] = {32, 24, 16};
/** In what libgcc's unwinder leaves on the stack (struct _Unwind_Context): the flags that are always the same… */
constexpr uint64_t contextFlags = uint64_t{1} << 62;
constexpr uint64_t signalFrameFlag = uint64_t{1} << 63;
/** … and the return address, the language data and the function, back from them. */
constexpr size_t distancesToFlags[] = {40, 32, 8};
constexpr size_t lookAhead = 48;

}  // namespace

ReferenceSearch::ReferenceSearch(pid_t pid, uint64_t startTime, WantedReferences wanted)
    : pid_(pid), startTime_(startTime), wanted_(std::move(wanted)), code_(wanted_.code), resident_(pid), chunk_(chunkSize + lookAhead) {}

Result<void> ReferenceSearch::perform() {
  TRY(judgeStacks([&](const Tracee& tracee) {
    const size_t vectors = readVectorRegisters(tracee.tid, std::span(chunk_).first(mostVectorBytes));
    isComplete_ &= vectors > 0;
    lookAtRegisters(tracee.registers, std::span(chunk_).first(vectors));
    stackPointers_.push_back(tracee.registers.rsp);
  }));
  TRY(lookThroughMemory());
  // Where something is found in any case, nobody need be held again.
  if (!found_.empty() || returns_.empty()) return {};
  TRY(judgeStacks([](const Tracee&) {}));
  dropDead();
  std::move(returns_.begin(), returns_.end(), std::back_inserter(found_));
  return {};
}

Result<bool> ReferenceSearch::findsNothing(std::vector<RemoteRange> judged) {
  judged_ = std::move(judged);
  if (found_.empty()) TRY(lookThroughMemory());
  return found_.empty() && returns_.empty() && isComplete_;
}

void ReferenceSearch::lookAtThread(const user_regs_struct& registers, std::span<const uint8_t> vectors, uint64_t at, std::span<const uint8_t> stack) {
  lookAtRegisters(registers, vectors);
  stackPointers_.push_back(registers.rsp);
  const size_t odd = std::min<size_t>(-at % sizeof(uint64_t), stack.size());
  const size_t length = std::min(stack.size() - odd, chunkSize);
  std::memcpy(chunk_.data(), stack.data() + odd, length);
  lookAt(at + odd, length, length, at);
}

Json ReferenceSearch::toJson() const {
  Json references = Json::array();
  for (const Reference& reference : found_) references.push_back({{"at", formatHex(reference.at)}, {"value", formatHex(reference.value)}});
  return {{"references", std::move(references)}, {"complete", isComplete_}};
}

Result<void> ReferenceSearch::lookThroughMemory() {
  mappings_ = TRY(readMappings(pid_));
  for (const Mapping& mapping : mappings_) {
    if (mapping.writable && mapping.readable && !isExcepted(mapping.range)) lookAtMapping(mapping.range);
    if (!isEnough()) continue;
    // What is dropped now may have been all that it was broken off for.
    isComplete_ = false;
    break;
  }
  dropDead();
  return {};
}

bool ReferenceSearch::isEnough() const { return found_.size() >= enoughReferences || returns_.size() >= enoughReturns; }
bool ReferenceSearch::isWanted(uint64_t word) const {
  return std::any_of(wanted_.into.begin(), wanted_.into.end(), [word](const RemoteRange& range) { return range.contains(RemotePtr(word)); });
}
bool ReferenceSearch::isReturn(uint64_t word) const {
  uint8_t before[longestCall];
  return code_.returnsInto(word) && (readRemote(pid_, word - sizeof before, before) != sizeof before || mayEndWithCall(before));
}
bool ReferenceSearch::isExcepted(const RemoteRange& mapping) const {
  return std::any_of(wanted_.except.begin(), wanted_.except.end(), [&](const RemoteRange& range) { return range.contains(mapping.start); });
}

template <typename Look>
Result<void> ReferenceSearch::stopEveryone(Look look) {
  return traced<void>([&]() -> Result<void> {
    AllStop stop;
    TRY(stop.watch(pid_));
    TRY(stop.seize(pid_, startTime_));
    const AllStop::Visitor visitor = [&](const Tracee& tracee) { return look(tracee), true; };
    isComplete_ &= stop.awaitUninterruptible() == AllStop::Outcome::stopped;
    isComplete_ &= stop.stopSleepers(visitor) == AllStop::Outcome::stopped;
    isComplete_ &= stop.stopWorkers(now() + patience, visitor) == AllStop::Outcome::stopped;
    return {};
  });
}

/** Who is in the code keeps it. */
template <typename Look>
Result<void> ReferenceSearch::judgeStacks(Look look) {
  StackCheck check = TRY(StackCheck::of(pid_, startTime_, wanted_.code));
  check.noteJudged();
  TRY(stopEveryone([&](const Tracee& tracee) {
    look(tracee);
    if (check.check(tracee.tid, tracee.registers) && !isEnough()) found_.push_back({0, tracee.registers.rip});
  }));
  judged_ = check.judged();
  return {};
}

/** What calls that are over have left on stacks. */
void ReferenceSearch::dropDead() {
  std::erase_if(returns_, [&](const Reference& each) { return isJudged(each.at) || isOnDeadThreadStack(each.at); });
}

bool ReferenceSearch::isJudged(uint64_t at) const {
  return std::any_of(judged_.begin(), judged_.end(), [at](const RemoteRange& range) { return range.contains(RemotePtr(at)); });
}

bool ReferenceSearch::isOnDeadThreadStack(uint64_t at) const {
  const auto mapping = std::find_if(mappings_.begin(), mappings_.end(), [at](const Mapping& each) { return each.range.contains(RemotePtr(at)); });
  return mapping != mappings_.end() && isStackOfEndedThread(pid_, mappings_, mapping->range);
}

void ReferenceSearch::lookAtRegisters(const user_regs_struct& registers, std::span<const uint8_t> vectors) {
  const auto look = [&](uint64_t value) {
    if (!isEnough() && isWanted(value)) found_.push_back({0, value});
  };
  for (const uint64_t value : {registers.rax, registers.rbx, registers.rcx, registers.rdx, registers.rsi, registers.rdi, registers.rbp, registers.r8, registers.r9,
                               registers.r10, registers.r11, registers.r12, registers.r13, registers.r14, registers.r15}) {
    look(value);
  }
  eachVectorWord(vectors, look);
}

/** The lowest place of a mapping that is in use: it may be a stack. */
uint64_t ReferenceSearch::usedFrom(const RemoteRange& mapping) const {
  uint64_t lowest = ~uint64_t{0};
  for (const uint64_t stackPointer : stackPointers_) {
    if (mapping.contains(RemotePtr(stackPointer))) lowest = std::min(lowest, stackPointer - redZone);
  }
  return lowest == ~uint64_t{0} ? mapping.start.bits() : std::max(mapping.start.bits(), lowest / sizeof(uint64_t) * sizeof(uint64_t));
}

void ReferenceSearch::lookAtMapping(const RemoteRange& mapping) {
  const uint64_t used = usedFrom(mapping);
  resident_.visit(mapping, chunkSize, [&](const RemoteRange& piece) {
    const uint64_t at = piece.start.bits();
    // Memory that was given back meanwhile holds nothing any more.
    lookAt(at, piece.length(), readRemote(pid_, at, {chunk_.data(), piece.length() + lookAhead}), used);
    return !isEnough();
  });
}

/** What of it the chunk holds. */
void ReferenceSearch::lookAt(uint64_t at, size_t length, size_t got, uint64_t used) {
  for (size_t i = 0; i < length && i + sizeof(uint64_t) <= got && !isEnough(); i += sizeof(uint64_t)) {
    const uint64_t word = wordAt(i);
    if (!isWanted(word) || isLeftByUnwinder(i, got)) continue;
    if (isReturn(word)) returns_.push_back({at + i, word});
    else if (at + i >= used) found_.push_back({at + i, word});
  }
}

uint64_t ReferenceSearch::wordAt(size_t i) const {
  uint64_t word;
  std::memcpy(&word, chunk_.data() + i, sizeof word);
  return word;
}

/**
 * The head of a C++ exception, alive or long freed, remembers where it is to be caught, and the unwinder's context where it
 * has come to. Both are read only while the frame in question is on the stack, which is a matter for whoever looks at stacks.
 */
bool ReferenceSearch::isLeftByUnwinder(size_t i, size_t got) const {
  const auto isBehind = [&](size_t distance, uint64_t mask, uint64_t wanted) { return i + distance + sizeof(uint64_t) <= got && (wordAt(i + distance) & mask) == wanted; };
  return std::any_of(std::begin(distancesToClass), std::end(distancesToClass), [&](size_t distance) { return isBehind(distance, ~uint64_t{0xff}, exceptionClass); }) ||
         std::any_of(std::begin(distancesToFlags), std::end(distancesToFlags), [&](size_t distance) { return isBehind(distance, ~signalFrameFlag, contextFlags); });
}

}  // namespace suture
