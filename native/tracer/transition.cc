#include "transition.h"

#include "fault-points.h"
#include "guardian.h"
#include "handlers.h"
#include "memory-sharers.h"
#include "stack-check.h"
#include "stack-readers.h"
#include "switch-plan.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <unordered_set>

namespace suture {

namespace {

/** More names than anybody reads are not worth holding threads for. */
constexpr size_t enoughBlockers = 16;

/**
 * Of one processor, which nobody else has meanwhile; enough for 64 KiB of a thousand threads. It is done only where threads wait for processors, each of them for
 * some milliseconds of every thread before it: that is a hundred times as long.
 */
constexpr uint64_t longestSearchAhead = 25'000'000;

using Kind = TransitionOutcome::Kind;

/** All that is needed of one process while its threads stand. */
struct PreparedProcess {
  const ProcessTransition* wanted;
  File memory;
  StackCheck check;
  /** Of its memory, when that is wanted; once for all who share it. */
  std::optional<MemoryScan> scan = {};
  std::optional<PassingLook> look = {};
};

class Transition {
 public:
  Transition(std::span<const ProcessTransition> processes, uint64_t budget, ScanDepth depth)
      : named_(processes.size()), wanted_(processes.begin(), processes.end()), budget_(budget), depth_(depth) {}

  Result<TransitionOutcome> perform() {
    const Result<bool> ready = prepare();
    const Result<bool> end = ready && ready.value() ? stopAndWrite() : ready;
    readers_.cancel();
    stop_.release();
    readers_.end();
    if (plan_.isMapped()) Guardian::instance().dismiss();
    faultPoint("released", 0);
    if (!end) return explain(end.error());
    outcome_.ahead.threads = readers_.countSettled();
    noteInspected();
    nameBlockers();
    if (isBlocked()) outcome_.kind = Kind::blocked;
    if (end.value()) judgeWhatWasSeen();
    outcome_.stop = stop_.figures();
    return std::move(outcome_);
  }

 private:
  // Each step: true to go on; false when `outcome_` says how it ended.

  /** Everything slow. */
  Result<bool> prepare() {
    for (const ProcessTransition& process : wanted_) {
      if (!checkSameProcess(process.pid, process.startTime)) return endAs(Kind::gone, process.pid);
    }
    TRY(addSharers());
    std::vector<std::optional<MemoryScan>> scans(wanted_.size());
    if (depth_ == ScanDepth::heap && !TRY(lookAhead(scans))) return false;
    if (!TRY(areAllAwake())) return false;
    for (const ProcessTransition& process : wanted_) TRY(stop_.watch(process.pid));
    for (const ProcessTransition& process : wanted_) {
      File memory = TRY(openMemory(process.pid, O_RDWR));
      if (!TRY(isAsExpected(process, memory.fd()))) return false;
      StackCheck check = TRY(StackCheck::of(process.pid, process.startTime, process.forbidden, prepared_.size() >= named_));
      TRY(touchPages(memory.fd(), TRY(readMappings(process.pid)), process.writes));
      if (depth_ == ScanDepth::heap) check.noteJudged();
      prepared_.push_back({&process, std::move(memory), std::move(check), std::move(scans[prepared_.size()])});
      if (process.leaving) prepared_.back().look.emplace(process.pid, process.startTime, *process.leaving);
    }
    for (const size_t owner : owners_) {
      if (prepared_[owner].look) prepared_[owner].look->giveUp();
    }
    return prepareToWrite();
  }

  /** A thread that cannot be stopped is seen before anybody is touched. */
  Result<bool> areAllAwake() {
    for (size_t i = 0; i < wanted_.size(); ++i) {
      const pid_t pid = wanted_[i].pid;
      for (const pid_t tid : TRY(awaitUninterruptible(pid))) outcome_.blockers.push_back({pid, ownerOf(i), tid, {}, false, "not-stopped", {}, {}});
    }
    return !isBlocked() || endAs(Kind::blocked);
  }

  /** While nobody is held: what is in the way for certain, and what would take too long. */
  Result<bool> lookAhead(std::vector<std::optional<MemoryScan>>& scans) {
    for (size_t i = 0; i < named_; ++i) {
      scans[i] = TRY(MemoryScan::of(wanted_[i].pid, examine(wanted_[i].pid, wanted_[i].forbidden)));
      for (MemoryHit& hit : TRY(scans[i]->lookAhead())) outcome_.inMemory.push_back({wanted_[i].pid, std::move(hit)});
      addCost(scans[i]->cost());
    }
    if (isBlocked()) return endAs(Kind::blocked);
    return outcome_.scan.nanoseconds <= budget_ || endAs(Kind::overBudget);
  }

  void addCost(const MemoryScan::Cost& cost) {
    outcome_.scan.bytes += cost.bytes;
    outcome_.scan.nanoseconds += cost.nanoseconds;
  }

  /** Whoever lives in the same memory runs the same code: stopped and checked with the rest, written to through the one that was named. */
  Result<bool> addSharers() {
    for (size_t i = 0; i < named_; ++i) {
      for (const MemorySharer& sharer : TRY(findMemorySharers(wanted_[i].pid))) {
        const bool isKnown = std::ranges::any_of(wanted_, [&](const ProcessTransition& process) { return process.pid == sharer.pid; });
        if (isKnown) continue;
        wanted_.push_back({sharer.pid, sharer.startTime, wanted_[i].forbidden, {}});
        owners_.push_back(i);
      }
    }
    return true;
  }

  /** A transition that only looks needs nobody to finish it. */
  Result<bool> prepareToWrite() {
    if (std::ranges::all_of(wanted_, [](const ProcessTransition& process) { return process.writes.empty(); })) return true;
    SwitchPlan plan = TRY(SwitchPlan::make(wanted_));
    TRY(Guardian::instance().entrust(plan));
    plan_ = std::move(plan);
    return true;
  }

  Result<bool> stopAndWrite() {
    if (depth_ == ScanDepth::stacks && StackReaders::mayHelp()) searchAhead();
    for (const ProcessTransition& process : wanted_) TRY(stop_.seize(process.pid, process.startTime));
    faultPoint("seized", 0);
    for (size_t i = 0; i < prepared_.size(); ++i) {
      if (prepared_[i].look && stop_.countThreads(i) > PassingLook::mostThreads) prepared_[i].look->giveUp();
    }
    if (depth_ == ScanDepth::stacks) readers_.prepare(stop_.countWorking());
    searched_.reserve(stop_.countWorking());
    // Whoever sleeps in the way ends it before a working thread has been held at all.
    const AllStop::Visitor visitor = [&](const Tracee& tracee) { return inspect(tracee) || outcome_.blockers.size() < enoughBlockers; };
    AllStop::Outcome sleepers = stop_.awaitUninterruptible();
    if (sleepers == AllStop::Outcome::stopped) sleepers = stop_.stopSleepers(visitor);
    faultPoint("half-stopped", 0);
    if (!outcome_.blockers.empty()) return endAs(Kind::blocked);
    if (sleepers != AllStop::Outcome::stopped) return notStopped(sleepers, true);

    const uint64_t deadline = now() + budget_;
    const AllStop::Outcome workers = stop_.stopWorkers(deadline, [&](const Tracee& tracee) { return inspectOrAdd(tracee); },
                                                   [&](const Tracee& tracee) { prepared_[tracee.process].check.noteAsked(tracee.tid); });
    const bool isSearched = workers == AllStop::Outcome::stopped && readers_.finish(deadline);
    if (!outcome_.blockers.empty() || !inspectFound()) return endAs(Kind::blocked);
    if (workers != AllStop::Outcome::stopped) return notStopped(workers, false);
    if (!isSearched) return endAs(Kind::overBudget);
    return depth_ == ScanDepth::heap && !TRY(lookThroughMemory()) ? false : write();
  }

  /** What it finds out is outdated soon: so we have a processor for it all the while, or leave it. */
  void searchAhead() {
    std::vector<StackCheck*> worthwhile;
    for (PreparedProcess& process : prepared_) {
      if (process.check.prepareAhead()) worthwhile.push_back(&process.check);
    }
    if (worthwhile.empty() || !stop_.raiseOurselves()) return;
    const uint64_t began = now();
    for (StackCheck* const check : worthwhile) check->searchAhead(began + longestSearchAhead);
    outcome_.ahead.nanoseconds = now() - began;
  }

  Result<bool> lookThroughMemory() {
    const uint64_t deadline = (stop_.workersHeldFrom() == 0 ? now() : stop_.workersHeldFrom()) + budget_;
    for (size_t i = 0; i < named_; ++i) {
      std::optional<std::vector<MemoryHit>> found = TRY(prepared_[i].scan->look(judgedOf(i), deadline));
      if (!found) return endAs(Kind::overBudget);
      for (MemoryHit& hit : *found) outcome_.inMemory.push_back({wanted_[i].pid, std::move(hit)});
    }
    return !isBlocked() || endAs(Kind::blocked);
  }

  /** By its own threads, and by those who share its memory. */
  std::vector<RemoteRange> judgedOf(size_t process) const {
    std::vector<RemoteRange> judged = prepared_[process].check.judged();
    for (size_t sharer = 0; sharer < owners_.size(); ++sharer) {
      if (owners_[sharer] == process) std::ranges::copy(prepared_[named_ + sharer].check.judged(), std::back_inserter(judged));
    }
    return judged;
  }

  bool isBlocked() const { return !outcome_.blockers.empty() || !outcome_.inMemory.empty(); }

  Result<bool> write() {
    for (const PreparedProcess& process : prepared_) {
      if (!TRY(isAsExpected(*process.wanted, process.memory.fd()))) return false;
    }
    copyInPassing();
    if (isOverBudget()) return endAs(Kind::overBudget);
    if (!plan_.isMapped()) return true;
    WriteFaults faults;
    const SwitchPlan::Writer writer = [&](uint32_t process, uint64_t at, ByteView bytes) { return writeTo(prepared_[process].memory.fd(), RemotePtr(at), bytes, faults.next()); };
    faultPoint("stopped", 0);
    const bool isPerformed = plan_.perform(writer);
    if (isPerformed && isWritten()) return true;
    const std::string what = isPerformed ? "Cannot switch: other bytes were read back than were written" : "Cannot switch: a write failed";
    if (plan_.takeBack(writer) && isPutBack()) return Error{ErrorKind::internal, what + "; everything has been put back"};
    return Error{ErrorKind::internal, what + ", and putting it back failed too; recover the process"};
  }

  static bool writeTo(int memory, RemotePtr at, ByteView bytes, WriteFault fault) {
    if (fault == WriteFault::none) return writeMemory(memory, at, bytes).ok();
    Bytes altered(bytes.begin(), bytes.end());
    altered.back() ^= 0xff;
    return fault == WriteFault::alters && writeMemory(memory, at, altered).ok();
  }

  bool isWritten() const {
    return std::ranges::all_of(prepared_, [](const PreparedProcess& process) {
      const Result<bool> written = areWritten(process.wanted->pid, process.memory.fd(), process.wanted->writes);
      return written && written.value();
    });
  }

  bool isPutBack() const {
    return std::ranges::all_of(prepared_, [](const PreparedProcess& process) {
      const Result<std::optional<Mismatch>> found = findMismatch(process.wanted->pid, process.memory.fd(), process.wanted->writes);
      return found && !found.value();
    });
  }

  void judgeWhatWasSeen() {
    for (PreparedProcess& process : prepared_) {
      if (!process.look) continue;
      process.look->judge(process.check);
      outcome_.looks.push_back(std::move(*process.look));
    }
  }

  /** While everybody stands: before, one thread may still give another what it is about to forget. */
  void copyInPassing() {
    if (std::ranges::none_of(prepared_, [](const PreparedProcess& process) { return process.look.has_value(); })) return;
    stop_.eachHeld([&](const Tracee& tracee) {
      PreparedProcess& process = prepared_[tracee.process];
      if (process.look) process.look->copy(process.check, tracee.tid, tracee.registers);
    });
  }

  /** True: nobody is known to be in the way. */
  bool inspectOrAdd(const Tracee& tracee) {
    const std::optional<StackSearch> search = readers_.isHelping() ? prepared_[tracee.process].check.searchFor(tracee.tid, tracee.registers) : std::nullopt;
    if (!search) return inspect(tracee) && inspectFound();
    searched_.push_back(&tracee);
    readers_.add(*search);
    return inspectFound();
  }

  bool inspectFound() {
    for (const size_t each : readers_.takeFound()) {
      if (!inspect(*searched_[each], readers_.scanOf(each))) break;
    }
    return outcome_.blockers.empty();
  }

  /** True: not in the way. */
  bool inspect(const Tracee& tracee, const StackScan* found = nullptr) {
    outcome_.inspected.push_back(tracee.tid);
    std::optional<Finding> finding = prepared_[tracee.process].check.check(tracee.tid, tracee.registers, found);
    if (!finding) return true;
    const char* const reason = finding->reason == Finding::Reason::inUse ? "in-use" : "unreliable-stack";
    outcome_.blockers.push_back({stop_.pidOf(tracee), ownerOf(tracee.process), tracee.tid, {}, tracee.isWorking, reason, finding->forbidden, std::move(finding->frames)});
    return false;
  }

  pid_t ownerOf(size_t process) const { return wanted_[process < named_ ? process : owners_[process - named_]].pid; }

  Result<bool> notStopped(AllStop::Outcome outcome, bool isAsleep) {
    if (outcome == AllStop::Outcome::gone) return endAs(Kind::gone, stop_.gonePid());
    for (const Tracee* tracee : stop_.unstopped()) {
      // A working thread that only waits for a CPU is late, and that is a matter of the budget.
      const Result<TaskStat> stat = readThreadStat(stop_.pidOf(*tracee), tracee->tid);
      if (isAsleep || (stat && stat.value().state == 'D')) outcome_.blockers.push_back({stop_.pidOf(*tracee), ownerOf(tracee->process), tracee->tid, {}, !isAsleep, "not-stopped", {}, {}});
    }
    return endAs(Kind::overBudget);
  }

  Result<bool> isAsExpected(const ProcessTransition& process, int memory) {
    Result<std::optional<Mismatch>> found = findMismatch(process.pid, memory, process.writes);
    if (!found) return std::move(found).error();
    if (!found.value()) return true;
    outcome_.mismatch = std::move(*found.value());
    return endAs(Kind::mismatch, process.pid);
  }

  bool endAs(Kind kind, pid_t pid = 0) {
    outcome_.kind = kind;
    outcome_.pid = pid;
    return false;
  }

  bool isOverBudget() const { return stop_.workersHeldFrom() != 0 && now() - stop_.workersHeldFrom() > budget_; }

  /** Whatever failed: when a process has ended, that is why. */
  Result<TransitionOutcome> explain(Error error) {
    for (const ProcessTransition& process : wanted_) {
      // Which of them the error is about it need not say: it may be one who only shares the memory.
      const bool isEnding = unlessEnding(process.pid, Error{ErrorKind::internal, {}}).kind == ErrorKind::processGone;
      if (isEnding || !checkSameProcess(process.pid, process.startTime)) {
        return TransitionOutcome{.kind = Kind::gone, .pid = process.pid, .stop = stop_.figures()};
      }
    }
    return error;
  }

  /** Those whose searches came to nothing; the others have been noted. */
  void noteInspected() {
    for (size_t i = 0; i < searched_.size(); ++i) {
      const StackScan* const scan = readers_.scanOf(i);
      if (scan != nullptr && scan->isClean()) outcome_.inspected.push_back(searched_[i]->tid);
    }
  }

  /** Names are read when nobody is held any more. */
  void nameBlockers() {
    for (Blocker& blocker : outcome_.blockers) {
      Result<TaskStat> stat = readThreadStat(blocker.pid, blocker.tid);
      if (stat) blocker.threadName = std::move(stat.value().name);
    }
  }

  /** How many of the wanted ones the caller has named; behind them those that share their memory. */
  size_t named_;
  std::vector<ProcessTransition> wanted_;
  /** Of each of those that share: whose memory it is. */
  std::vector<size_t> owners_;
  uint64_t budget_;
  ScanDepth depth_;
  std::vector<PreparedProcess> prepared_;
  TransitionOutcome outcome_;
  SwitchPlan plan_;
  /** In the order of their searches. */
  std::vector<const Tracee*> searched_;
  StackReaders readers_;
  // The last member: the first to go, so that threads are let go before anything else is cleaned up.
  AllStop stop_;
};

Result<ProcessTransition> parseProcess(const Json& object, BodyReader& body) {
  ProcessTransition process = {TRY(pidField(object)), TRY(hexField(object, "startTime")), {}, {}};
  for (const Json& range : *TRY(objectsField(object, "forbidden"))) process.forbidden.push_back({TRY(rangeOf(range)), !TRY(flagField(range, "endIsFree"))});
  process.writes = TRY(parseWrites(object, body));
  if (object.contains("leaving")) process.leaving = TRY(parseWantedReferences(object["leaving"]));
  return process;
}

Result<std::vector<ProcessTransition>> parseProcesses(const Request& request) {
  std::vector<ProcessTransition> processes;
  std::unordered_set<pid_t> seen;
  BodyReader body(request.body);
  for (const Json& object : *TRY(objectsField(request.head, "processes"))) {
    processes.push_back(TRY(parseProcess(object, body)));
    if (!seen.insert(processes.back().pid).second) {
      return Error{ErrorKind::usage, "Cannot switch pid " + std::to_string(processes.back().pid) + ": it is named twice in one request"};
    }
  }
  TRY(body.finish());
  return processes;
}

Json toJson(const Blocker& blocker) {
  Json frames = Json::array();
  for (const uint64_t frame : blocker.frames) frames.push_back(formatHex(frame));
  Json json = {{"pid", blocker.pid}, {"of", blocker.of}, {"tid", blocker.tid}, {"threadName", blocker.threadName}, {"working", blocker.isWorking}, {"reason", blocker.reason}, {"frames", frames}};
  if (blocker.forbidden) json["forbidden"] = *blocker.forbidden;
  return json;
}

Json toJson(const MemoryBlocker& blocker) {
  const auto& [pid, hit] = blocker;
  return {{"pid", pid}, {"of", pid}, {"reason", "in-memory"}, {"forbidden", hit.forbidden}, {"at", formatHex(hit.at)}, {"value", formatHex(hit.value)}, {"mapping", hit.mapping}};
}

Json blockersToJson(const TransitionOutcome& outcome) {
  Json json = Json::array();
  for (const Blocker& blocker : outcome.blockers) json.push_back(toJson(blocker));
  for (const MemoryBlocker& blocker : outcome.inMemory) json.push_back(toJson(blocker));
  return json;
}

Json toJson(const TransitionOutcome::Ahead& ahead) { return {{"microseconds", ahead.nanoseconds / 1000}, {"threads", ahead.threads}}; }

Json toJson(const MemoryScan::Cost& cost) { return {{"bytes", cost.bytes}, {"microseconds", cost.nanoseconds / 1000}}; }

/** Nobody is held any more, nor traced. */
Json lookThrough(std::vector<PassingLook>& looks) {
  Json unreferenced = Json::array();
  for (PassingLook& look : looks) {
    if (look.findsNothing()) unreferenced.push_back(look.pid());
  }
  return unreferenced;
}

Answer toAnswer(TransitionOutcome& outcome) {
  const Json stop = toJson(outcome.stop), ahead = toJson(outcome.ahead);
  switch (outcome.kind) {
    case Kind::done: return {{{"outcome", "done"}, {"unreferenced", lookThrough(outcome.looks)}, {"ahead", ahead}, {"stop", stop}}};
    case Kind::blocked: return {{{"outcome", "blocked"}, {"blockers", blockersToJson(outcome)}, {"inspected", outcome.inspected}, {"ahead", ahead}, {"stop", stop}}};
    case Kind::overBudget: return {{{"outcome", "over-budget"}, {"scan", toJson(outcome.scan)}, {"ahead", ahead}, {"stop", stop}}};
    case Kind::gone: return {{{"outcome", "gone"}, {"pid", outcome.pid}}};
    case Kind::mismatch: break;
  }
  const Mismatch& mismatch = outcome.mismatch;
  return {{{"outcome", "mismatch"}, {"pid", outcome.pid}, {"at", formatHex(mismatch.at)}, {"found", mismatch.found.size()}, {"stop", stop}}, mismatch.found};
}

}  // namespace

Result<TransitionOutcome> performTransition(std::span<const ProcessTransition> processes, uint64_t maxStopMicroseconds, ScanDepth depth) {
  constexpr int mostTries = 20;
  for (int tries = 1;; ++tries) {
    Result<TransitionOutcome> outcome = Transition(processes, maxStopMicroseconds * 1000, depth).perform();
    // Somebody who shared the memory of a process, a child of vfork as a rule, has gone his own way.
    const bool isOfNobodyNamed = outcome && outcome.value().kind == Kind::gone &&
                                 std::ranges::none_of(processes, [&](const ProcessTransition& process) { return process.pid == outcome.value().pid; });
    if (!isOfNobodyNamed) return outcome;
    if (tries < mostTries) continue;
    // One after the other: for the caller, who may wait longer, it is somebody who cannot be caught just now.
    TransitionOutcome& moving = outcome.value();
    moving.kind = Kind::blocked;
    moving.blockers = {{moving.pid, processes.front().pid, moving.pid, {}, false, "not-stopped", {}, {}}};
    return outcome;
  }
}

Result<Answer> transition(const Request& request) {
  constexpr uint64_t mostMicroseconds = 60'000'000;
  const std::vector<ProcessTransition> processes = TRY(parseProcesses(request));
  const uint64_t budget = TRY(integerField(request.head, "maxStopMicroseconds", mostMicroseconds));
  const ScanDepth depth = TRY(flagField(request.head, "scanHeap")) ? ScanDepth::heap : ScanDepth::stacks;
  TransitionOutcome outcome = TRY(traced<TransitionOutcome>([&] { return performTransition(processes, budget, depth); }));
  return toAnswer(outcome);
}

}  // namespace suture
