// Does the process still know addresses in given ranges? Looks through all memory that it can write, while it runs, and
// through the registers and used stacks of its threads, in one short stop before. For whoever wants to give memory back:
// a pointer to it that lies in the target's own data would dangle.
//
// What a stack holds below its stack pointer is dead and is passed over. Pages that were never touched hold nothing and
// are not touched by us. The process runs on meanwhile, so a pointer that is moved behind the reader's back can be
// missed: the answer "none" is evidence, not proof; the answer "here" is certain enough to leave the memory alone.
#include "handlers.h"
#include "resident-pages.h"
#include "stack-check.h"
#include "stopped-process.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace suture {

namespace {

constexpr uint64_t redZone = 128;
constexpr size_t chunkSize = 256 << 10;
constexpr size_t enoughReferences = 16;
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

struct Reference {
  /** 0: in a register. */
  uint64_t at;
  uint64_t value;
};

class Search {
 public:
  Search(pid_t pid, std::vector<RemoteRange> into, std::vector<RemoteRange> except) : pid_(pid), into_(std::move(into)), except_(std::move(except)), resident_(pid), chunk_(chunkSize + lookAhead) {}

  /** Registers, and how far down each stack is in use. */
  Result<void> lookAtThreads(uint64_t startTime) {
    AllStop stop;
    TRY(stop.watch(pid_));
    TRY(stop.seize(pid_, startTime));
    const AllStop::Visitor visitor = [&](const Tracee& tracee) {
      lookAtRegisters(tracee.registers);
      stackPointers_.push_back(tracee.registers.rsp);
      return true;
    };
    isComplete_ &= stop.awaitUninterruptible() == AllStop::Outcome::stopped;
    isComplete_ &= stop.stopSleepers(visitor) == AllStop::Outcome::stopped;
    isComplete_ &= stop.stopWorkers(now() + patience, visitor) == AllStop::Outcome::stopped;
    return {};
  }

  Result<void> lookAtMemory() {
    const std::vector<Mapping> mappings = TRY(readMappings(pid_));
    for (const Mapping& mapping : mappings) {
      if (mapping.writable && mapping.readable && !isExcepted(mapping.range)) lookAtMapping(mapping.range);
      if (isEnough()) break;
    }
    return {};
  }

  Json toJson() const {
    Json references = Json::array();
    for (const Reference& reference : found_) references.push_back({{"at", formatHex(reference.at)}, {"value", formatHex(reference.value)}});
    return {{"references", std::move(references)}, {"complete", isComplete_ && !isEnough()}};
  }

 private:
  bool isEnough() const { return found_.size() >= enoughReferences; }
  bool isWanted(uint64_t word) const {
    return std::any_of(into_.begin(), into_.end(), [word](const RemoteRange& range) { return range.contains(RemotePtr(word)); });
  }
  bool isExcepted(const RemoteRange& mapping) const {
    return std::any_of(except_.begin(), except_.end(), [&](const RemoteRange& range) { return range.contains(mapping.start); });
  }

  void lookAtRegisters(const user_regs_struct& registers) {
    for (const uint64_t value : {registers.rax, registers.rbx, registers.rcx, registers.rdx, registers.rsi, registers.rdi, registers.rbp, registers.r8, registers.r9,
                                 registers.r10, registers.r11, registers.r12, registers.r13, registers.r14, registers.r15}) {
      if (isWanted(value)) found_.push_back({0, value});
    }
  }

  /** The lowest place of a mapping that is in use: it may be a stack. */
  uint64_t usedFrom(const RemoteRange& mapping) const {
    uint64_t lowest = ~uint64_t{0};
    for (const uint64_t stackPointer : stackPointers_) {
      if (mapping.contains(RemotePtr(stackPointer))) lowest = std::min(lowest, stackPointer - redZone);
    }
    return lowest == ~uint64_t{0} ? mapping.start.bits() : std::max(mapping.start.bits(), lowest / sizeof(uint64_t) * sizeof(uint64_t));
  }

  void lookAtMapping(const RemoteRange& mapping) {
    resident_.visit({RemotePtr(usedFrom(mapping)), mapping.end}, chunkSize, [&](const RemoteRange& piece) {
      lookAt(piece.start.bits(), piece.length());
      return !isEnough();
    });
  }

  void lookAt(uint64_t at, size_t length) {
    const size_t got = readRemote(pid_, at, {chunk_.data(), length + lookAhead});
    // Memory that was given back meanwhile holds nothing any more.
    for (size_t i = 0; i < length && i + sizeof(uint64_t) <= got && !isEnough(); i += sizeof(uint64_t)) {
      const uint64_t word = wordAt(i);
      if (isWanted(word) && !isLeftByUnwinder(i, got)) found_.push_back({at + i, word});
    }
  }

  uint64_t wordAt(size_t i) const {
    uint64_t word;
    std::memcpy(&word, chunk_.data() + i, sizeof word);
    return word;
  }

  /**
   * The head of a C++ exception, alive or long freed, remembers where it is to be caught, and the unwinder's context where it
   * has come to. Both are read only while the frame in question is on the stack, which is a matter for whoever looks at stacks.
   */
  bool isLeftByUnwinder(size_t i, size_t got) const {
    const auto isBehind = [&](size_t distance, uint64_t mask, uint64_t wanted) { return i + distance + sizeof(uint64_t) <= got && (wordAt(i + distance) & mask) == wanted; };
    return std::any_of(std::begin(distancesToClass), std::end(distancesToClass), [&](size_t distance) { return isBehind(distance, ~uint64_t{0xff}, exceptionClass); }) ||
           std::any_of(std::begin(distancesToFlags), std::end(distancesToFlags), [&](size_t distance) { return isBehind(distance, ~signalFrameFlag, contextFlags); });
  }

  pid_t pid_;
  std::vector<RemoteRange> into_;
  std::vector<RemoteRange> except_;
  ResidentPages resident_;
  std::vector<uint8_t> chunk_;
  std::vector<uint64_t> stackPointers_;
  std::vector<Reference> found_;
  bool isComplete_ = true;
};

Result<std::vector<RemoteRange>> rangesField(const Json& object, const char* name) {
  std::vector<RemoteRange> ranges;
  for (const Json& range : *TRY(objectsField(object, name))) ranges.push_back(TRY(rangeOf(range)));
  return ranges;
}

}  // namespace

Result<Answer> references(const Request& request) {
  const pid_t pid = TRY(pidField(request.head));
  const uint64_t startTime = TRY(hexField(request.head, "startTime"));
  Search search(pid, TRY(rangesField(request.head, "into")), TRY(rangesField(request.head, "except")));
  TRY(checkSameProcess(pid, startTime));
  TRY(traced<bool>([&]() -> Result<bool> {
    TRY(search.lookAtThreads(startTime));
    return true;
  }));
  TRY(search.lookAtMemory());
  return Answer{search.toJson(), {}};
}

}  // namespace suture
