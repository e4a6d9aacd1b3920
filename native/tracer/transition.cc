#include "transition.h"

#include "fault-points.h"
#include "guardian.h"
#include "handlers.h"
#include "stack-check.h"
#include "switch-plan.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <unordered_set>

namespace suture {

namespace {

/** More names than anybody reads are not worth holding threads for. */
constexpr size_t enoughBlockers = 16;

using Kind = TransitionOutcome::Kind;

/** All that is needed of one process while its threads stand. */
struct PreparedProcess {
  const ProcessTransition* wanted;
  File memory;
  StackCheck check;
};

class Transition {
 public:
  Transition(std::span<const ProcessTransition> processes, uint64_t budget) : wanted_(processes), budget_(budget) {}

  Result<TransitionOutcome> perform() {
    const Result<bool> ready = prepare();
    const Result<bool> end = ready && ready.value() ? stopAndWrite() : ready;
    stop_.release();
    if (plan_.isMapped()) Guardian::instance().dismiss();
    faultPoint("released", 0);
    if (!end) return explain(end.error());
    nameBlockers();
    if (!outcome_.blockers.empty()) outcome_.kind = Kind::blocked;
    outcome_.stop = stop_.figures();
    return std::move(outcome_);
  }

 private:
  // Each step: true to go on; false when `outcome_` says how it ended.

  /** Everything slow. */
  Result<bool> prepare() {
    for (const ProcessTransition& process : wanted_) {
      if (!checkSameProcess(process.pid, process.startTime)) return endAs(Kind::gone, process.pid);
      TRY(stop_.watch(process.pid));
    }
    for (const ProcessTransition& process : wanted_) {
      File memory = TRY(openMemory(process.pid, O_RDWR));
      if (!TRY(isAsExpected(process, memory.fd()))) return false;
      StackCheck check = TRY(StackCheck::of(process.pid, process.startTime, process.forbidden));
      TRY(touchPages(memory.fd(), TRY(readMappings(process.pid)), process.writes));
      prepared_.push_back({&process, std::move(memory), std::move(check)});
    }
    return prepareToWrite();
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
    for (const ProcessTransition& process : wanted_) TRY(stop_.seize(process.pid, process.startTime));
    // Whoever sleeps in the way ends it before a working thread has been held at all.
    const AllStop::Visitor visitor = [&](const Tracee& tracee) { return inspect(tracee) || outcome_.blockers.size() < enoughBlockers; };
    AllStop::Outcome sleepers = stop_.stopUninterruptible(visitor);
    if (sleepers == AllStop::Outcome::stopped) sleepers = stop_.stopSleepers(visitor);
    if (!outcome_.blockers.empty()) return endAs(Kind::blocked);
    if (sleepers != AllStop::Outcome::stopped) return notStopped(sleepers, true);

    const AllStop::Outcome workers = stop_.stopWorkers(now() + budget_, [&](const Tracee& tracee) { return inspect(tracee); });
    if (!outcome_.blockers.empty()) return endAs(Kind::blocked);
    if (workers != AllStop::Outcome::stopped) return notStopped(workers, false);
    return write();
  }

  Result<bool> write() {
    for (const PreparedProcess& process : prepared_) {
      if (!TRY(isAsExpected(*process.wanted, process.memory.fd()))) return false;
    }
    if (isOverBudget()) return endAs(Kind::overBudget);
    if (!plan_.isMapped()) return true;
    const SwitchPlan::Writer writer = [&](uint32_t process, uint64_t at, ByteView bytes) { return writeMemory(prepared_[process].memory.fd(), RemotePtr(at), bytes).ok(); };
    faultPoint("stopped", 0);
    if (plan_.perform(writer) && isWritten()) return true;
    if (plan_.takeBack(writer)) return Error{ErrorKind::internal, "Cannot switch: a write failed; everything has been put back"};
    return Error{ErrorKind::internal, "Cannot switch: a write failed, and so did putting it back; recover the process"};
  }

  bool isWritten() const {
    return std::ranges::all_of(prepared_, [](const PreparedProcess& process) {
      const Result<bool> written = areWritten(process.wanted->pid, process.memory.fd(), process.wanted->writes);
      return written && written.value();
    });
  }

  /** True: not in the way. */
  bool inspect(const Tracee& tracee) {
    std::optional<Finding> finding = prepared_[tracee.process].check.check(tracee.tid, tracee.registers);
    if (!finding) return true;
    const char* const reason = finding->reason == Finding::Reason::inUse ? "in-use" : "unreliable-stack";
    outcome_.blockers.push_back({stop_.pidOf(tracee), tracee.tid, {}, reason, finding->forbidden, std::move(finding->frames)});
    return false;
  }

  Result<bool> notStopped(AllStop::Outcome outcome, bool isAsleep) {
    if (outcome == AllStop::Outcome::gone) return endAs(Kind::gone, stop_.gonePid());
    for (const Tracee* tracee : stop_.unstopped()) {
      // A working thread that only waits for a CPU is late, and that is a matter of the budget.
      const Result<TaskStat> stat = readThreadStat(stop_.pidOf(*tracee), tracee->tid);
      if (isAsleep || (stat && stat.value().state == 'D')) outcome_.blockers.push_back({stop_.pidOf(*tracee), tracee->tid, {}, "not-stopped", {}, {}});
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
      const bool isEnding = unlessEnding(process.pid, error).kind == ErrorKind::processGone;
      if (isEnding || !checkSameProcess(process.pid, process.startTime)) {
        return TransitionOutcome{.kind = Kind::gone, .pid = process.pid, .stop = stop_.figures()};
      }
    }
    return error;
  }

  /** Names are read when nobody is held any more. */
  void nameBlockers() {
    for (Blocker& blocker : outcome_.blockers) {
      Result<TaskStat> stat = readThreadStat(blocker.pid, blocker.tid);
      if (stat) blocker.threadName = std::move(stat.value().name);
    }
  }

  std::span<const ProcessTransition> wanted_;
  uint64_t budget_;
  std::vector<PreparedProcess> prepared_;
  TransitionOutcome outcome_;
  SwitchPlan plan_;
  // The last member: the first to go, so that threads are let go before anything else is cleaned up.
  AllStop stop_;
};

Result<ProcessTransition> parseProcess(const Json& object, BodyReader& body) {
  ProcessTransition process = {TRY(pidField(object)), TRY(hexField(object, "startTime")), {}, {}};
  for (const Json& range : *TRY(objectsField(object, "forbidden"))) process.forbidden.push_back(TRY(rangeOf(range)));
  process.writes = TRY(parseWrites(object, body));
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
  Json json = {{"pid", blocker.pid}, {"tid", blocker.tid}, {"threadName", blocker.threadName}, {"reason", blocker.reason}, {"frames", frames}};
  if (blocker.forbidden) json["forbidden"] = *blocker.forbidden;
  return json;
}

Json toJson(const std::vector<Blocker>& blockers) {
  Json json = Json::array();
  for (const Blocker& blocker : blockers) json.push_back(toJson(blocker));
  return json;
}

Answer toAnswer(const TransitionOutcome& outcome) {
  const Json stop = toJson(outcome.stop);
  switch (outcome.kind) {
    case Kind::done: return {{{"outcome", "done"}, {"stop", stop}}};
    case Kind::blocked: return {{{"outcome", "blocked"}, {"blockers", toJson(outcome.blockers)}, {"stop", stop}}};
    case Kind::overBudget: return {{{"outcome", "over-budget"}, {"stop", stop}}};
    case Kind::gone: return {{{"outcome", "gone"}, {"pid", outcome.pid}}};
    case Kind::mismatch: break;
  }
  const Mismatch& mismatch = outcome.mismatch;
  return {{{"outcome", "mismatch"}, {"pid", outcome.pid}, {"at", formatHex(mismatch.at)}, {"found", mismatch.found.size()}, {"stop", stop}}, mismatch.found};
}

}  // namespace

Result<TransitionOutcome> performTransition(std::span<const ProcessTransition> processes, uint64_t maxStopMicroseconds) {
  return Transition(processes, maxStopMicroseconds * 1000).perform();
}

Result<Answer> transition(const Request& request) {
  constexpr uint64_t mostMicroseconds = 60'000'000;
  const std::vector<ProcessTransition> processes = TRY(parseProcesses(request));
  const uint64_t budget = TRY(integerField(request.head, "maxStopMicroseconds", mostMicroseconds));
  const TransitionOutcome outcome = TRY(traced<TransitionOutcome>([&] { return performTransition(processes, budget); }));
  return toAnswer(outcome);
}

}  // namespace suture
