// The request that calls a function of a process on one of its own threads. Which thread: one that stands, by complete call
// frame information, in none of the ranges to avoid (allocators, the dynamic linker, the unwinder: what holds locks that
// the function may want) and in no signal handler. Sleeping ones first. A function that is late is not left
// while it stands in one of the ranges to hold. Refuses: cannot-borrow-thread.
#include "borrowed-thread.h"
#include "handlers.h"
#include "remote-memory.h"
#include "tracing-thread.h"
#include "unwind.h"

#include <fcntl.h>

#include <algorithm>

namespace suture {

namespace {

constexpr uint64_t millisecond = 1'000'000;
constexpr uint64_t mostPatience = 60'000;

/** How a thread stands, with regard to a call on top of what it does. */
class Standing {
 public:
  Standing(pid_t pid, std::shared_ptr<UnwindTables> tables, std::vector<RemoteRange> avoid, std::vector<RemoteRange> hold)
      : tables_(std::move(tables)), avoid_(std::move(avoid)), hold_(std::move(hold)), memory_(pid) {}

  bool isFree(const user_regs_struct& registers) {
    const Unwinding unwinding = unwindFrom(registers);
    const bool isInHandler = std::any_of(unwinding.frames.begin() + 1, unwinding.frames.end(), [](const Frame& frame) { return frame.isExact; });
    return unwinding.isComplete && !isInHandler && !isIn(avoid_, unwinding);
  }

  /** In the called function the stack ends at what called it, so nothing says that it is complete. */
  bool mayBeLeft(const user_regs_struct& registers) { return !isIn(hold_, unwindFrom(registers)); }

 private:
  Unwinding unwindFrom(const user_regs_struct& registers) {
    memory_.forget();
    return unwind(*tables_, memory_, registers);
  }

  static bool isIn(const std::vector<RemoteRange>& ranges, const Unwinding& unwinding) {
    return std::any_of(unwinding.frames.begin(), unwinding.frames.end(), [&](const Frame& frame) {
      const RemotePtr at(frame.isExact ? frame.instruction : frame.instruction - 1);
      return std::any_of(ranges.begin(), ranges.end(), [&](const RemoteRange& range) { return range.contains(at); });
    });
  }

  std::shared_ptr<UnwindTables> tables_;
  std::vector<RemoteRange> avoid_;
  std::vector<RemoteRange> hold_;
  LiveMemory memory_;
};

const char* nameOf(CallOutcome::End end) {
  switch (end) {
    case CallOutcome::End::returned: return "returned";
    case CallOutcome::End::crashed: return "crashed";
    case CallOutcome::End::late: return "late";
    case CallOutcome::End::ended: return "ended";
  }
  return "";
}

Result<FunctionCall> parseCall(const Json& head) {
  FunctionCall call;
  call.function = TRY(addressField(head, "function"));
  call.through = TRY(addressField(head, "through"));
  call.errnoLocation = TRY(addressField(head, "errnoLocation"));
  call.patience = TRY(integerField(head, "patienceMilliseconds", mostPatience)) * millisecond;
  const auto arguments = head.find("arguments");
  if (arguments == head.end() || !arguments->is_array() || arguments->size() != call.arguments.size()) return Error{ErrorKind::usage, "Cannot call a function: \"arguments\" is not a list of three numbers"};
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    const Json& each = (*arguments)[i];
    const std::optional<uint64_t> value = each.is_string() ? parseHex(each.get_ref<const std::string&>()) : std::nullopt;
    if (!value) return Error{ErrorKind::usage, "Cannot call a function: an argument is not a number written as \"0x…\""};
    call.arguments[i] = *value;
  }
  return call;
}

Result<Json> callIn(pid_t pid, uint64_t startTime, FunctionCall function, std::vector<RemoteRange> avoid, std::vector<RemoteRange> hold) {
  TRY(checkSameProcess(pid, startTime));
  const File memory = TRY(openMemory(pid, O_RDWR));
  Standing standing(pid, UnwindTables::of(pid, startTime, TRY(readMappings(pid))), std::move(avoid), std::move(hold));
  const std::unique_ptr<BorrowedThread> thread = TRY(BorrowedThread::borrow(pid, startTime, memory.fd(), [&](const user_regs_struct& registers) { return standing.isFree(registers); }));
  function.mayBeLeft = [&](const user_regs_struct& registers) { return standing.mayBeLeft(registers); };
  const CallOutcome outcome = TRY(thread->callFunction(function));
  return Json{{"end", nameOf(outcome.end)}, {"value", formatHex(outcome.value)}, {"signal", outcome.signal}, {"tid", thread->tid()}};
}

}  // namespace

Result<Answer> call(const Request& request) {
  const pid_t pid = TRY(pidField(request.head));
  const uint64_t startTime = TRY(hexField(request.head, "startTime"));
  const FunctionCall function = TRY(parseCall(request.head));
  std::vector<RemoteRange> avoid = TRY(rangesField(request.head, "avoid")), hold = TRY(rangesField(request.head, "hold"));
  return Answer{TRY(traced<Json>([&] { return callIn(pid, startTime, function, std::move(avoid), std::move(hold)); })), {}};
}

}  // namespace suture
