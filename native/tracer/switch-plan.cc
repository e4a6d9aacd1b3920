#include "switch-plan.h"

#include "fault-points.h"
#include "transition.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ranges>
#include <vector>

namespace suture {

namespace {

constexpr std::array<uint8_t, 2> parked = {
  0xeb, 0xfe,  // jmp to itself
};
constexpr uint64_t magic = 0x6e616c702d777374;

Error noMemory(const char* what) {
  return {ErrorKind::internal, std::string("Cannot prepare the switch: ") + what + " failed: " + std::strerror(errno)};
}

}  // namespace

struct SwitchPlan::Head {
  uint64_t magic;
  std::atomic<Phase> phase;
  uint32_t processes;
  uint32_t steps;
};

struct SwitchPlan::Process {
  int64_t pid;
  uint64_t startTime;
};

/** When a write is made: while all entries are parked, instead of being so, or when they lead to where they shall. */
enum class SwitchPlan::Kind : uint32_t { early, entry, late };

struct SwitchPlan::Step {
  uint64_t at;
  uint32_t process;
  Kind kind;
  uint32_t length;
  /** Where in the file the expected bytes begin; the replacement follows. */
  uint32_t bytes;
};

SwitchPlan::SwitchPlan(SwitchPlan&& other) noexcept
    : file_(std::move(other.file_)), base_(std::exchange(other.base_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SwitchPlan& SwitchPlan::operator=(SwitchPlan&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(base_, other.base_);
  std::swap(size_, other.size_);
  return *this;
}

SwitchPlan::~SwitchPlan() {
  if (base_ != nullptr) ::munmap(base_, size_);
}

Result<SwitchPlan> SwitchPlan::make(std::span<const ProcessTransition> processes) {
  size_t steps = 0, bytes = 0;
  for (const ProcessTransition& process : processes) {
    steps += process.writes.size();
    for (const MemoryWrite& write : process.writes) bytes += 2 * write.expected.size();
  }
  SwitchPlan plan;
  plan.size_ = sizeof(Head) + processes.size() * sizeof(Process) + steps * sizeof(Step) + bytes;
  plan.file_ = File(::memfd_create("suture-switch-plan", MFD_CLOEXEC));
  if (!plan.file_.isOpen() || ::ftruncate(plan.file(), static_cast<off_t>(plan.size_)) != 0) return noMemory("a memory file");
  void* const base = ::mmap(nullptr, plan.size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, plan.file(), 0);
  if (base == MAP_FAILED) return noMemory("mapping it");
  plan.base_ = static_cast<uint8_t*>(base);

  Head& head = *new (base) Head{magic, Phase::idle, static_cast<uint32_t>(processes.size()), static_cast<uint32_t>(steps)};
  auto* processRow = reinterpret_cast<Process*>(&head + 1);
  auto* step = reinterpret_cast<Step*>(processRow + processes.size());
  auto* next = reinterpret_cast<uint8_t*>(step + steps);
  for (uint32_t i = 0; i < processes.size(); ++i) {
    *processRow++ = {processes[i].pid, processes[i].startTime};
    size_t entriesLeft = static_cast<size_t>(std::ranges::count_if(processes[i].writes, &MemoryWrite::isEntry));
    for (const MemoryWrite& write : processes[i].writes) {
      const size_t length = write.expected.size();
      const Kind kind = write.isEntry ? Kind::entry : entriesLeft > 0 ? Kind::early : Kind::late;
      entriesLeft -= write.isEntry ? 1 : 0;
      *step++ = {write.at.bits(), i, kind, static_cast<uint32_t>(length), static_cast<uint32_t>(next - plan.base_)};
      std::memcpy(next, write.expected.data(), length);
      std::memcpy(next + length, write.replacement.data(), length);
      next += 2 * length;
    }
  }
  return plan;
}

SwitchPlan SwitchPlan::adopt(int file) {
  SwitchPlan plan;
  plan.file_ = File(file);
  struct stat status;
  if (::fstat(file, &status) != 0 || status.st_size < static_cast<off_t>(sizeof(Head))) return plan;
  void* const base = ::mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (base == MAP_FAILED) return plan;
  plan.size_ = static_cast<size_t>(status.st_size);
  plan.base_ = static_cast<uint8_t*>(base);
  return plan;
}

SwitchPlan::Head& SwitchPlan::head() const { return *reinterpret_cast<Head*>(base_); }
SwitchPlan::Phase SwitchPlan::phase() const { return head().phase.load(std::memory_order_acquire); }
size_t SwitchPlan::processes() const { return head().processes; }
pid_t SwitchPlan::pidOf(size_t process) const { return static_cast<pid_t>(processRows()[process].pid); }
uint64_t SwitchPlan::startTimeOf(size_t process) const { return processRows()[process].startTime; }

std::span<const SwitchPlan::Process> SwitchPlan::processRows() const {
  return {reinterpret_cast<const Process*>(&head() + 1), head().processes};
}

std::span<const SwitchPlan::Step> SwitchPlan::steps() const {
  return {reinterpret_cast<const Step*>(processRows().data() + processes()), head().steps};
}

void SwitchPlan::leaveOut(size_t process) { const_cast<Process&>(processRows()[process]).pid = 0; }
bool SwitchPlan::isLeftOut(size_t process) const { return processRows()[process].pid == 0; }

auto SwitchPlan::stepsOf(Kind kind) const {
  return steps() | std::views::filter([this, kind](const Step& step) { return step.kind == kind && !isLeftOut(step.process); });
}

ByteView SwitchPlan::expectedOf(const Step& step) const { return {base_ + step.bytes, step.length}; }
ByteView SwitchPlan::replacementOf(const Step& step) const { return {base_ + step.bytes + step.length, step.length}; }

/** Before the first write of the phase: a death between the two must be taken for one in the phase. */
void SwitchPlan::enter(Phase phase) { head().phase.store(phase, std::memory_order_seq_cst); }

bool SwitchPlan::parkAll(const Writer& write) {
  size_t index = 0;
  for (const Step& step : stepsOf(Kind::entry)) {
    if (!write(step.process, step.at, parked)) return false;
    faultPoint("park", index++);
  }
  return true;
}

/** The tail of an entry first, while it is parked; then its head, which opens it. */
bool SwitchPlan::fill(const Writer& write, bool isNew) {
  size_t index = 0;
  for (const Step& step : stepsOf(Kind::entry)) {
    const ByteView bytes = isNew ? replacementOf(step) : expectedOf(step);
    if (!write(step.process, step.at + parked.size(), bytes.subspan(parked.size()))) return false;
    faultPoint("tail", index);
    if (!write(step.process, step.at, bytes.first(parked.size()))) return false;
    faultPoint("place", index++);
  }
  return true;
}

bool SwitchPlan::fillOthers(const Writer& write, Kind kind, bool isNew) {
  size_t index = 0;
  for (const Step& step : stepsOf(kind)) {
    if (!write(step.process, step.at, isNew ? replacementOf(step) : expectedOf(step))) return false;
    faultPoint(kind == Kind::early ? "early" : "late", index++);
  }
  return true;
}

/** From parked to new. Whatever records the switch comes last. */
bool SwitchPlan::open(const Writer& write) {
  if (!fillOthers(write, Kind::early, true) || !fill(write, true) || !fillOthers(write, Kind::late, true)) return false;
  enter(Phase::done);
  return true;
}

bool SwitchPlan::perform(const Writer& write) {
  enter(Phase::parking);
  faultPoint("parking", 0);
  if (!parkAll(write)) return false;
  enter(Phase::placing);
  faultPoint("placing", 0);
  if (!open(write)) return false;
  faultPoint("done", 0);
  return true;
}

bool SwitchPlan::takeBack(const Writer& write) {
  if (phase() == Phase::idle) return true;
  // From new to old there is no way but through parked.
  if (phase() != Phase::parking) {
    enter(Phase::placing);
    // What records the switch goes first, as it came last: it is never there with entries that do not lead where it says.
    if (!fillOthers(write, Kind::late, false) || !parkAll(write) || !fillOthers(write, Kind::early, false)) return false;
    enter(Phase::parking);
  }
  if (!fill(write, false)) return false;
  enter(Phase::idle);
  return true;
}

bool SwitchPlan::mayHold(const Step& step, ByteView found) const {
  const bool isPlacing = phase() == Phase::placing;
  const auto is = [&](ByteView wanted) { return std::ranges::equal(found, wanted); };
  const auto hasTailOf = [&](ByteView wanted) { return std::ranges::equal(found.subspan(parked.size()), wanted.subspan(parked.size())); };
  if (step.kind != Kind::entry) return is(expectedOf(step)) || (isPlacing && is(replacementOf(step)));
  if (is(isPlacing ? replacementOf(step) : expectedOf(step))) return true;
  return std::ranges::equal(found.first(parked.size()), parked) && (hasTailOf(expectedOf(step)) || hasTailOf(replacementOf(step)));
}

bool SwitchPlan::isAsLeft(const Reader& read) const {
  std::vector<uint8_t> found;
  for (const Step& step : steps()) {
    if (isLeftOut(step.process)) continue;
    found.resize(step.length);
    if (!read(step.process, step.at, found) || !mayHold(step, found)) return false;
  }
  return true;
}

bool SwitchPlan::settle(const Reader& read, const Writer& write) {
  if (phase() == Phase::idle || phase() == Phase::done || !isAsLeft(read)) return true;
  return phase() == Phase::parking ? takeBack(write) : open(write);
}

}  // namespace suture
