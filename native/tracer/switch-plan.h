// What one transition writes, in memory that the helper shares with its guardian (guardian.h), and the order of writing
// that keeps the target consistent whoever dies in the middle.
//
// Entries are code that threads run into. Before the first one is replaced all of them are parked: a jump to itself, two
// bytes long, stands at their beginning. So at every moment the entries are old and parked, or parked and new, never old
// and new: a thread that is let go by the kernel in the middle (we were killed) waits at a parked entry instead of
// running half a patch. Whoever comes next, the guardian or a later run, puts all of them back or finishes.
//
// What is listed before a process's entries, the values that its new code wants, is written while all entries are parked: no
// call finds the code of one version and the values of another. What is listed behind them, the record of the switch, comes last.
//
// A two-byte head that lies across two pages could be torn by a kill between them; compilers align functions to more
// than that at every level but -Os and -O0, and two bytes are one copy of the kernel's in all other places.
#pragma once

#include "memory-write.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <sys/types.h>

namespace suture {

struct ProcessTransition;

class SwitchPlan {
 public:
  /** How far the writing is. What is to be done about a death follows from it alone. */
  enum class Phase : uint32_t {
    /** Nothing was written, or everything was put back. */
    idle,
    /** Entries are old or parked: put back. */
    parking,
    /** Entries are parked or new: finish. */
    placing,
    /** Everything was written. */
    done,
  };
  /** Writes bytes of a process; false when that failed. The index is that of make()'s processes. */
  using Writer = std::function<bool(uint32_t process, uint64_t at, ByteView bytes)>;
  using Reader = std::function<bool(uint32_t process, uint64_t at, std::span<uint8_t> into)>;

  SwitchPlan() = default;
  SwitchPlan(SwitchPlan&& other) noexcept;
  SwitchPlan& operator=(SwitchPlan&& other) noexcept;
  ~SwitchPlan();

  static Result<SwitchPlan> make(std::span<const ProcessTransition> processes);
  /** Of somebody who was handed the memory file. Not mapped when it is no plan. */
  static SwitchPlan adopt(int file);

  int file() const { return file_.fd(); }
  bool isMapped() const { return base_ != nullptr; }
  Phase phase() const;
  size_t processes() const;
  pid_t pidOf(size_t process) const;
  uint64_t startTimeOf(size_t process) const;

  /** Parks, places, and writes the rest. False: a write failed, and what was written is to be taken back. */
  bool perform(const Writer& write);
  /** A process that has ended has nothing to be settled; the others have. */
  void leaveOut(size_t process);
  bool isLeftOut(size_t process) const;
  /** Puts everything back. */
  bool takeBack(const Writer& write);
  /**
   * What is right in this phase when the one who was writing has died; true when there is nothing left to do. Touches
   * nothing when the memory is not as this phase leaves it: a later run was quicker, and what it did stands.
   */
  bool settle(const Reader& read, const Writer& write);

 private:
  struct Head;
  struct Process;
  struct Step;
  enum class Kind : uint32_t;

  Head& head() const;
  std::span<const Process> processRows() const;
  std::span<const Step> steps() const;
  auto stepsOf(Kind kind) const;
  ByteView expectedOf(const Step& step) const;
  ByteView replacementOf(const Step& step) const;
  void enter(Phase phase);

  bool parkAll(const Writer& write);
  bool fill(const Writer& write, bool isNew);
  bool fillOthers(const Writer& write, Kind kind, bool isNew);
  bool open(const Writer& write);
  bool isAsLeft(const Reader& read) const;
  bool mayHold(const Step& step, ByteView found) const;

  File file_;
  uint8_t* base_ = nullptr;
  size_t size_ = 0;
};

}  // namespace suture
