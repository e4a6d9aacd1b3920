// The stacks of a process: one short stop copies the registers and the used stack of every thread; everything is let go;
// the frames are worked out from the copy. A stack longer than the copy is cut, and its thread is not complete.
#include "handlers.h"
#include "stack-check.h"
#include "stopped-process.h"

#include <algorithm>

namespace suture {

namespace {

/** Inspection shall not hold a working thread for a very deep stack. */
constexpr uint64_t longestCopy = uint64_t{1} << 20;
constexpr uint64_t patience = 1'000'000'000;

struct CopiedThread {
  pid_t tid;
  char state;
  user_regs_struct registers;
  RemotePtr stackAt;
  Bytes stack;
};

struct Copy {
  std::vector<CopiedThread> threads;
  StopFigures stop;
};

CopiedThread copyThread(pid_t pid, const Tracee& tracee, const StackMap& stacks) {
  CopiedThread thread = {tracee.tid, tracee.scheduledAs, tracee.registers, {}, {}};
  const std::optional<StackMap::Used> used = stacks.usedBy(tracee.tid, tracee.registers);
  if (!used) return thread;
  thread.stackAt = used->stack.start;
  thread.stack.resize(std::min(used->stack.length(), longestCopy));
  thread.stack.resize(readRemote(pid, thread.stackAt.bits(), thread.stack));
  return thread;
}

Result<Copy> copyThreads(pid_t pid, uint64_t startTime, const StackMap& stacks) {
  Copy copy;
  AllStop stop;
  TRY(stop.watch(pid));
  TRY(stop.seize(pid, startTime));
  const AllStop::Visitor visitor = [&](const Tracee& tracee) {
    copy.threads.push_back(copyThread(pid, tracee, stacks));
    return true;
  };
  // A thread that does not stop is missing in the answer; the others are worth having.
  (void)stop.awaitUninterruptible();
  (void)stop.stopSleepers(visitor);
  const AllStop::Outcome outcome = stop.stopWorkers(now() + patience, visitor);
  stop.release();
  copy.stop = stop.figures();
  if (outcome == AllStop::Outcome::gone) return Error{ErrorKind::processGone, "Cannot read the stacks of pid " + std::to_string(pid) + ": it has ended", {{"pid", pid}}};
  return copy;
}

Json describe(pid_t pid, CopiedThread& thread, UnwindTables& tables) {
  CopiedMemory memory(pid);
  memory.add(thread.stackAt.bits(), std::move(thread.stack));
  const Unwinding unwinding = unwind(tables, memory, thread.registers);
  Json frames = Json::array();
  for (const Frame& frame : unwinding.frames) frames.push_back(formatHex(frame.instruction));
  const Result<TaskStat> stat = readThreadStat(pid, thread.tid);
  return {{"tid", thread.tid},
          {"name", stat ? stat.value().name : std::string()},
          {"state", std::string(1, thread.state)},
          {"complete", unwinding.isComplete},
          {"frames", std::move(frames)}};
}

Result<Answer> readStacks(pid_t pid) {
  const ProcessDescription process = TRY(describeProcess(pid));
  const StackMap stacks = TRY(StackMap::of(pid));
  Copy copy = TRY(copyThreads(pid, process.startTime, stacks));
  std::sort(copy.threads.begin(), copy.threads.end(), [](const CopiedThread& a, const CopiedThread& b) { return a.tid < b.tid; });
  const std::shared_ptr<UnwindTables> tables = UnwindTables::of(pid, process.startTime, stacks.mappings());
  Json threads = Json::array();
  for (CopiedThread& thread : copy.threads) threads.push_back(describe(pid, thread, *tables));
  return Answer{{{"threads", std::move(threads)}, {"stop", toJson(copy.stop)}}, {}};
}

}  // namespace

Result<Answer> stacks(const Request& request) {
  const pid_t pid = TRY(pidField(request.head));
  return traced<Answer>([&] { return readStacks(pid); });
}

}  // namespace suture
