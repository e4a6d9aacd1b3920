// Does the process still know addresses in given ranges? Looks through all memory that it can write, while it runs, and
// through the registers of its threads, in one short stop before. For whoever wants to give memory back: a pointer to it that
// lies in the target's own data would dangle, and so would the frame of a coroutine that waits its turn.
//
// What a stack holds below its stack pointer is dead and is passed over; but for return addresses, since a stack may lie in a frame
// of another one. Stacks are judged in that stop as before a switch (stack-check.h): what calls that are over have left behind does
// not count. Those that lie elsewhere are held against a second stop. Pages that were never touched hold nothing and are not touched by us.
// The process runs on meanwhile, so a pointer that is moved behind the reader's back can be missed: the answer "none" is
// evidence, not proof; the answer "here" is certain enough to leave the memory alone.
#include "handlers.h"
#include "memory-scan.h"
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

struct Reference {
  /** 0: in a register. */
  uint64_t at;
  uint64_t value;
};

class Search {
 public:
  struct Wanted {
    std::vector<RemoteRange> into;
    /** Memory that is not looked through. */
    std::vector<RemoteRange> except;
    /** Return addresses into it are a matter of stacks. */
    std::vector<ForbiddenRange> code;
  };

  Search(pid_t pid, uint64_t startTime, Wanted wanted)
      : pid_(pid), startTime_(startTime), wanted_(std::move(wanted)), code_(wanted_.code), resident_(pid), chunk_(chunkSize + lookAhead) {}

  Result<void> perform() {
    TRY(judgeStacks([&](const Tracee& tracee) {
      lookAtRegisters(tracee.registers);
      stackPointers_.push_back(tracee.registers.rsp);
    }));
    mappings_ = TRY(readMappings(pid_));
    for (const Mapping& mapping : mappings_) {
      if (mapping.writable && mapping.readable && !isExcepted(mapping.range)) lookAtMapping(mapping.range);
      if (isEnough()) break;
    }
    dropDead();
    // Where something is found in any case, nobody need be held again.
    if (!found_.empty() || returns_.empty()) return {};
    TRY(judgeStacks([](const Tracee&) {}));
    dropDead();
    std::move(returns_.begin(), returns_.end(), std::back_inserter(found_));
    return {};
  }

  Json toJson() const {
    Json references = Json::array();
    for (const Reference& reference : found_) references.push_back({{"at", formatHex(reference.at)}, {"value", formatHex(reference.value)}});
    return {{"references", std::move(references)}, {"complete", isComplete_ && !isEnough()}};
  }

 private:
  bool isEnough() const { return found_.size() >= enoughReferences || returns_.size() >= enoughReturns; }
  bool isWanted(uint64_t word) const {
    return std::any_of(wanted_.into.begin(), wanted_.into.end(), [word](const RemoteRange& range) { return range.contains(RemotePtr(word)); });
  }
  bool isReturn(uint64_t word) const {
    uint8_t before[longestCall];
    return code_.returnsInto(word) && (readRemote(pid_, word - sizeof before, before) != sizeof before || mayEndWithCall(before));
  }
  bool isExcepted(const RemoteRange& mapping) const {
    return std::any_of(wanted_.except.begin(), wanted_.except.end(), [&](const RemoteRange& range) { return range.contains(mapping.start); });
  }

  template <typename Look>
  Result<void> stopEveryone(Look look) {
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
  Result<void> judgeStacks(Look look) {
    StackCheck check = TRY(StackCheck::of(pid_, startTime_, wanted_.code));
    check.noteJudged();
    TRY(stopEveryone([&](const Tracee& tracee) {
      look(tracee);
      if (check.check(tracee.tid, tracee.registers)) found_.push_back({0, tracee.registers.rip});
    }));
    judged_ = check.judged();
    return {};
  }

  /** What calls that are over have left on stacks. */
  void dropDead() {
    std::erase_if(returns_, [&](const Reference& each) { return isJudged(each.at) || isOnDeadThreadStack(each.at); });
  }

  bool isJudged(uint64_t at) const {
    return std::any_of(judged_.begin(), judged_.end(), [at](const RemoteRange& range) { return range.contains(RemotePtr(at)); });
  }

  bool isOnDeadThreadStack(uint64_t at) const {
    const auto mapping = std::find_if(mappings_.begin(), mappings_.end(), [at](const Mapping& each) { return each.range.contains(RemotePtr(at)); });
    return mapping != mappings_.end() && isStackOfEndedThread(pid_, mappings_, mapping->range);
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
    const uint64_t used = usedFrom(mapping);
    resident_.visit(mapping, chunkSize, [&](const RemoteRange& piece) {
      lookAt(piece.start.bits(), piece.length(), used);
      return !isEnough();
    });
  }

  void lookAt(uint64_t at, size_t length, uint64_t used) {
    const size_t got = readRemote(pid_, at, {chunk_.data(), length + lookAhead});
    // Memory that was given back meanwhile holds nothing any more.
    for (size_t i = 0; i < length && i + sizeof(uint64_t) <= got && !isEnough(); i += sizeof(uint64_t)) {
      const uint64_t word = wordAt(i);
      if (!isWanted(word) || isLeftByUnwinder(i, got)) continue;
      if (isReturn(word)) returns_.push_back({at + i, word});
      else if (at + i >= used) found_.push_back({at + i, word});
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
  uint64_t startTime_;
  Wanted wanted_;
  ForbiddenRanges code_;
  std::vector<Mapping> mappings_;
  ResidentPages resident_;
  std::vector<uint8_t> chunk_;
  std::vector<uint64_t> stackPointers_;
  std::vector<Reference> found_;
  std::vector<Reference> returns_;
  /** Of the last stop: nothing on these pieces of stacks is a frame in the code. */
  std::vector<RemoteRange> judged_;
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
  Search::Wanted wanted = {TRY(rangesField(request.head, "into")), TRY(rangesField(request.head, "except")), {}};
  for (const RemoteRange& range : TRY(rangesField(request.head, "code"))) wanted.code.push_back({range});
  TRY(checkSameProcess(pid, startTime));
  Search search(pid, startTime, std::move(wanted));
  TRY(search.perform());
  return Answer{search.toJson(), {}};
}

}  // namespace suture
