#include "borrowed-thread.h"

#include "fault-points.h"
#include "interrupted-call.h"
#include "released-threads.h"
#include "remote-memory.h"
#include "signal-frame.h"
#include "tracing-thread.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <iterator>
#include <utility>

#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif

namespace suture {

namespace {

constexpr uint64_t millisecond = 1'000'000;
/** Longer than that only a thread in uninterruptible sleep takes; any other would carry the interruption into its call. */
constexpr uint64_t stopPatience = 2'000 * millisecond;
constexpr uint64_t longestStopPatience = 30'000 * millisecond;
/** For a thread that can be used, and between two looks. */
constexpr uint64_t busyPatience = 1'000 * millisecond;
constexpr uint64_t busyInterval = 5 * millisecond;
/** A call waits for the locks of the target's memory; longer than this, and the thread is left to go home by itself. */
constexpr uint64_t callPatience = 10'000 * millisecond;

constexpr uint64_t watchingTime = millisecond / 10;

constexpr uint64_t redZone = 128;
constexpr uint64_t mostRoom = 32 << 10;
constexpr int systemCallStop = SIGTRAP | 0x80;

/** Calls that threads wait in and that restart by themselves or by hideInterruption(). */
constexpr long goodPlaces[] = {
  SYS_futex, SYS_read, SYS_accept, SYS_accept4, SYS_poll, SYS_ppoll, SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2,
  SYS_select, SYS_pselect6, SYS_recvfrom, SYS_recvmsg, SYS_pause, SYS_nanosleep, SYS_clock_nanosleep,
};

std::string taskFile(pid_t pid, pid_t tid, const char* name) {
  return "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/" + name;
}

bool waitsInGoodPlace(pid_t pid, pid_t tid) {
  std::string text;
  long number = -1;
  if (!readTextFile(taskFile(pid, tid, "syscall"), text)) return false;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return std::find(std::begin(goodPlaces), std::end(goodPlaces), number) != std::end(goodPlaces);
}

/** False where the kernel does not say. */
bool hasChildren(pid_t pid, pid_t tid) {
  std::string children;
  return readTextFile(taskFile(pid, tid, "children"), children) && !children.empty();
}

struct Candidate {
  pid_t tid;
  int rank;
};

/**
 * Of those that sleep the lower is the better. While the main thread is traced the kernel keeps signals to the process that the process
 * ignores, and interrupts another thread for them; while one is that has children, the SIGCHLD of these.
 */
int rankOfSleeping(pid_t pid, pid_t tid) {
  if (tid == pid) return 3;
  if (hasChildren(pid, tid)) return 2;
  return waitsInGoodPlace(pid, tid) ? 0 : 1;
}

/** Best first: one that sleeps where it can be woken for nothing; then any sleeping one; then working ones. */
Result<std::vector<Candidate>> listCandidates(pid_t pid) {
  std::vector<Candidate> candidates;
  for (const pid_t tid : TRY(listThreadIds(pid))) {
    const Result<TaskStat> stat = readThreadStat(pid, tid);
    if (!stat) continue;
    switch (stat.value().state) {
      case 'S': candidates.push_back({tid, rankOfSleeping(pid, tid)}); break;
      case 'R': candidates.push_back({tid, 4}); break;
      case 'T': candidates.push_back({tid, 5}); break;
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) { return a.rank < b.rank; });
  return candidates;
}

bool hasSeccomp(pid_t pid, pid_t tid) {
  std::string status;
  if (!readTextFile(taskFile(pid, tid, "status"), status)) return true;
  const size_t at = status.find("\nSeccomp:\t");
  return at != status.npos && status[at + 10] != '0';
}

bool isAsleepForGood(pid_t pid, pid_t tid) {
  const Result<TaskStat> stat = readThreadStat(pid, tid);
  return !stat || stat.value().state == 'D' || stat.value().hasEnded();
}

bool isRestartCode(int64_t result) { return result <= -512 && result >= -516 && result != -515; }

constexpr std::string_view callBytes = "\x0f\x05";                                                // syscall
constexpr std::string_view callAndReturnBytes = "\x0f\x05\xc3";                                   // syscall; ret
constexpr std::string_view restorerBytes("\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05", 9);              // mov $15, %rax; syscall

}  // namespace

SystemCallCode findSystemCallCode(int memory, const std::vector<Mapping>& mappings) {
  constexpr uint64_t most = uint64_t{32} << 20;
  SystemCallCode code;
  uint64_t plainCall = 0;
  // The C library has all three; other places are only for programs without one.
  std::vector<const Mapping*> places;
  for (const Mapping& mapping : mappings) {
    if (mapping.executable && mapping.readable && mapping.path != "[vsyscall]") places.push_back(&mapping);
  }
  std::stable_partition(places.begin(), places.end(), [](const Mapping* mapping) { return mapping->path.find("/libc") != std::string::npos; });
  for (const Mapping* mapping : places) {
    std::string text(std::min(mapping->range.length(), most), '\0');
    if (!readMemory(memory, mapping->range.start, {reinterpret_cast<uint8_t*>(text.data()), text.size()})) continue;
    const auto find = [&](std::string_view bytes, uint64_t& into) {
      const size_t at = text.find(bytes);
      if (into == 0 && at != text.npos) into = mapping->range.start.bits() + at;
    };
    find(callAndReturnBytes, code.call);
    find(restorerBytes, code.restorer);
    find(callBytes, plainCall);
    if (code.call != 0 && code.restorer != 0) return code;
  }
  return {plainCall, 0};
}

Result<std::unique_ptr<BorrowedThread>> BorrowedThread::borrow(pid_t pid, uint64_t startTime, int memory, const Fitness& isFit) {
  const std::string act = "Cannot borrow a thread of pid " + std::to_string(pid);
  awaitReleased();
  const std::vector<Mapping> mappings = TRY(readMappings(pid));
  const SystemCallCode code = findSystemCallCode(memory, mappings);
  if (code.call == 0) return Error{ErrorKind::cannotBorrowThread, act + ": no system call instruction was found in its memory", {{"pid", pid}}};
  // Again: a thread that was busy with a signal, or waited for a page, is usually free a moment later. Who asks for more asks again himself.
  const uint64_t deadline = isFit ? 0 : now() + busyPatience;
  for (int round = 0; round < 2 || now() < deadline; ++round) {
    if (round > 1) rest(busyInterval);
    for (const Candidate& candidate : TRY(listCandidates(pid))) {
      std::unique_ptr<BorrowedThread> thread(new BorrowedThread(pid, candidate.tid, memory, code));
      if (TRY(thread->take(startTime, mappings, isFit))) return thread;
    }
  }
  // Gives the reason where all threads have the same one.
  TRY(describeProcess(pid));
  if (isFit) {
    return Error{ErrorKind::cannotBorrowThread,
                 act + " for a call: every thread is in a signal handler, in an allocator or the dynamic linker, on a stack that cannot be told, or cannot be used at all; try again",
                 {{"pid", pid}}};
  }
  return Error{ErrorKind::cannotBorrowThread,
               act + ": every thread is in uninterruptible sleep, takes a signal, or is under a seccomp filter that cannot be suspended; try again, or run as root",
               {{"pid", pid}}};
}

BorrowedThread::~BorrowedThread() {
  if (isHeld_) giveBack();
}

/** False: not this one. It has been let go. */
Result<bool> BorrowedThread::take(uint64_t startTime, const std::vector<Mapping>& mappings, const Fitness& isFit) {
  if (!TRY(seize())) return false;
  TRY(checkSameProcess(pid_, startTime));
  if (!interruptAndWait()) return false;
  isHeld_ = true;
  faultPoint("borrowed", 0);
  if (!hasSameMemory()) {
    letGo(0);
    return Error{ErrorKind::processGone, "Cannot borrow a thread of pid " + std::to_string(pid_) + ": it has become another program", {{"pid", pid_}}};
  }
  const bool isUsable = saved_.cs == 0x33 && !isInRestartableSequence() && (!isFit || isFit(saved_)) &&
                        ::ptrace(static_cast<__ptrace_request>(PTRACE_GETSIGMASK), tid_, sizeof savedMask_, &savedMask_) == 0;
  if (isUsable && makeRoom(mappings)) return true;
  if (isHeld_) giveBack();
  return false;
}

Result<bool> BorrowedThread::seize() {
  hasFilter_ = hasSeccomp(pid_, tid_);
  // A filter that kills for mmap would kill the whole process.
  if (seizeTracee(tid_, PTRACE_O_TRACESYSGOOD | PTRACE_O_SUSPEND_SECCOMP) == 0) return true;
  if (hasFilter_) return false;
  if (seizeTracee(tid_, PTRACE_O_TRACESYSGOOD) == 0) return true;
  const int number = errno;
  if (number == ESRCH) return false;
  // Gives already-traced where that is the reason.
  TRY(describeProcess(pid_));
  const Result<TaskStat> stat = readThreadStat(pid_, tid_);
  if (!stat || stat.value().hasEnded()) return false;
  return processError("Cannot borrow a thread of pid " + std::to_string(pid_), pid_, number);
}

/**
 * A thread that has a CPU stops within microseconds, and for us to be woken by it takes several times that. One that does not is waited
 * for in peace from then on: it may need the CPU that we are on.
 */
bool BorrowedThread::isStoppedSoon(int& status) {
  if (!isWatched_) return false;
  for (const uint64_t end = now() + watchingTime; now() < end;) {
    if (::waitpid(tid_, &status, __WALL | WNOHANG) == tid_) return true;
  }
  isWatched_ = false;
  return false;
}

/** False: it stopped for something else, or not at all, and is on its way again. */
bool BorrowedThread::interruptAndWait() {
  raised_.prepare(1);
  isWatched_ = ::sysconf(_SC_NPROCESSORS_ONLN) > 1;
  whereabouts_ = openFile(taskFile(pid_, tid_, "syscall"), O_RDONLY);
  if (::ptrace(PTRACE_INTERRUPT, tid_, nullptr, nullptr) != 0) return false;
  raised_.raise(tid_);
  const uint64_t deadline = now() + stopPatience;
  const Alarm alarm(deadline);
  int status;
  while (!isStoppedSoon(status) && ::waitpid(tid_, &status, __WALL) != tid_) {
    if (errno != EINTR) return false;
    if (now() >= deadline && (isAsleepForGood(pid_, tid_) || now() >= deadline + longestStopPatience)) return false;
  }
  if (!WIFSTOPPED(status) || ::ptrace(PTRACE_GETREGS, tid_, nullptr, &saved_) != 0) return false;
  const int event = status >> 16;
  hideInterruption(tid_, saved_);
  if (event == PTRACE_EVENT_STOP) return true;
  letGo(event == 0 ? WSTOPSIG(status) : 0);
  return false;
}

/** Since its mappings were read the process may have executed another program: what we know of its memory is of the old one then. */
bool BorrowedThread::hasSameMemory() const {
  uint8_t known[callBytes.size()], found[callBytes.size()];
  return readMemory(memory_, RemotePtr(code_.call), known) && readRemote(pid_, code_.call, found) == sizeof found && std::ranges::equal(known, found) &&
         std::ranges::equal(found, callBytes, {}, {}, [](char byte) { return static_cast<uint8_t>(byte); });
}

void BorrowedThread::letGo(int signal) {
  ::ptrace(PTRACE_DETACH, tid_, nullptr, static_cast<unsigned long>(signal != 0 ? signal : signal_));
  isHeld_ = false;
  noteReleased(pid_, tid_);
}

/**
 * The kernel forgets a restartable sequence when its thread is seen to run elsewhere, and then does not restart it. Nor does it forget it
 * before: the last sequence of a thread that is in none any more is still named.
 */
bool BorrowedThread::isInRestartableSequence() const {
  struct {
    uint64_t area;
    uint32_t size, signature, flags, padding;
  } configuration = {};
  constexpr auto getRseqConfiguration = static_cast<__ptrace_request>(0x420f);
  if (::ptrace(getRseqConfiguration, tid_, sizeof configuration, &configuration) <= 0 || configuration.area == 0) return false;
  uint64_t sequence = 0;  // struct rseq: cpu_id_start, cpu_id, rseq_cs
  if (readRemote(pid_, configuration.area + 8, {reinterpret_cast<uint8_t*>(&sequence), sizeof sequence}) != sizeof sequence) return true;
  if (sequence == 0) return false;
  struct {
    uint32_t version, flags;
    uint64_t start, length, interrupted;
  } place = {};  // struct rseq_cs
  if (readRemote(pid_, sequence, {reinterpret_cast<uint8_t*>(&place), sizeof place}) != sizeof place) return true;
  return saved_.rip - place.start < place.length;
}

/**
 * A stack that the kernel or libc has made, and the thread is on it: what lies below the red zone belongs to nobody. Of
 * alternate stacks, coroutines and stacks that the program has cut out of its own memory nobody can tell where they end.
 */
bool BorrowedThread::hasRoomBelow(const std::vector<Mapping>& mappings) const {
  const auto mapping = std::find_if(mappings.begin(), mappings.end(), [&](const Mapping& candidate) { return candidate.range.contains(RemotePtr(saved_.rsp)); });
  if (mapping == mappings.end() || saved_.rsp - mapping->range.start.bits() < mostRoom) return false;
  if (mapping->path == "[stack]") return tid_ == pid_;
  if (saved_.rsp >= saved_.fs_base || !mapping->range.contains(RemotePtr(saved_.fs_base))) return false;
  return guardBelow(mappings, mapping->range.start) != nullptr;
}

bool BorrowedThread::makeRoom(const std::vector<Mapping>& mappings) {
  if (hasRoomBelow(mappings)) return layOut(saved_.rsp - redZone);
  stackPointer_ = saved_.rsp;  // a system call does not touch it
  const Result<int64_t> made = call(SYS_mmap, {0, mostRoom, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~uint64_t{0}, 0});
  if (!made || made.value() < 0) return false;
  room_ = static_cast<uint64_t>(made.value());
  return layOut(room_ + mostRoom);
}

/** From `end` downwards: room for a text, the vector registers, the frame that leads home, the stack pointer, the frames of a row of calls. */
bool BorrowedThread::layOut(uint64_t end) {
  const uint64_t top = end & ~uint64_t{63};
  textAt_ = top - textRoom;
  const VectorState vectors = code_.restorer != 0 ? readVectorState(tid_) : VectorState();
  vectorAt_ = (textAt_ - vectors.bytes.size()) & ~uint64_t{63};
  // After the return to the restorer the stack is aligned as after a call.
  stackPointer_ = ((vectorAt_ - sizeof(SignalFrame)) & ~uint64_t{15}) - 8;
  savedFrom_ = stackPointer_ - rowRoom;
  if (end - savedFrom_ > mostRoom) return false;

  std::vector<uint8_t> before(top - savedFrom_);
  if (!readMemory(memory_, RemotePtr(savedFrom_), before)) return false;
  savedStack_ = std::move(before);
  if (vectors.bytes.empty()) return true;
  const SignalFrame home = homewardFrame(vectorAt_);
  findsHome_ = writeMemory(memory_, RemotePtr(vectorAt_), vectors.bytes) && writeMemory(memory_, RemotePtr(stackPointer_), bytesOf(home));
  mayCallInARow_ = findsHome_ && !vectors.lacksTiles && room_ == 0 && !hasFilter_ && !continuesItsCall(saved_) && !hasShadowStack();
  return findsHome_;
}

/** Only calls push onto it what returns expect there. */
bool BorrowedThread::hasShadowStack() const {
  uint64_t pointer;
  struct iovec room = {&pointer, sizeof pointer};
  constexpr unsigned long shadowStack = 0x204;  // NT_X86_SHSTK
  return ::ptrace(PTRACE_GETREGSET, tid_, shadowStack, &room) == 0;
}

SignalFrame BorrowedThread::homewardFrame(uint64_t vectorAt) const {
  user_regs_struct home = repeatingItsCall(saved_);
  if (home.rax == SYS_restart_syscall) home.rax = continuedCall(home.rip);
  return makeSignalFrame(code_.restorer, home, vectorAt, savedMask_);
}

/**
 * What restart_syscall goes on with is gone after rt_sigreturn, so the call that it stands for has to be made anew. Registers do not
 * tell which that is any more; but its number is nearly always loaded by the instruction before: b8, mov $number, %eax.
 */
uint64_t BorrowedThread::continuedCall(uint64_t at) const {
  uint8_t code[5];
  uint32_t number = 0;
  if (readRemote(pid_, at - sizeof code, code) == sizeof code && code[0] == 0xb8) std::memcpy(&number, code + 1, sizeof number);
  const bool isContinued = number == SYS_poll || number == SYS_nanosleep || number == SYS_clock_nanosleep || number == SYS_futex;
  return isContinued ? number : SYS_restart_syscall;
}

BorrowedThread::Stop BorrowedThread::resumeUntilStop(int request, uint64_t patience) {
  const uint64_t deadline = now() + patience;
  for (;;) {
    const auto signal = static_cast<unsigned long>(std::exchange(signal_, 0));
    if (::ptrace(static_cast<__ptrace_request>(request), tid_, nullptr, signal) != 0) return Stop::gone;
    const Alarm alarm(deadline);
    int status;
    while (!isStoppedSoon(status) && ::waitpid(tid_, &status, __WALL) != tid_) {
      if (errno != EINTR) return Stop::gone;
      // Without a way home there is nothing but to wait.
      if (now() >= deadline && findsHome_) return Stop::late;
    }
    if (!WIFSTOPPED(status)) return Stop::gone;
    const int event = status >> 16;
    if (event == 0 && WSTOPSIG(status) == systemCallStop) return Stop::systemCall;
    if (event == PTRACE_EVENT_STOP && request == PTRACE_CONT) return Stop::asked;
    // A stop of the whole process: it takes effect when the thread is given back.
    if (event == 0 && WSTOPSIG(status) == SIGSTOP) signal_ = SIGSTOP;
  }
}

bool BorrowedThread::blockSignals(uint64_t mask) {
  return ::ptrace(static_cast<__ptrace_request>(PTRACE_SETSIGMASK), tid_, sizeof mask, &mask) == 0;
}

Result<RemotePtr> BorrowedThread::text(std::string_view text) {
  std::vector<uint8_t> bytes(text.begin(), text.end());
  bytes.resize(std::min<size_t>(bytes.size(), longestText - 1));
  bytes.push_back(0);
  TRY(writeMemory(memory_, RemotePtr(textAt_), bytes));
  return RemotePtr(textAt_);
}

user_regs_struct BorrowedThread::registersFor(const Call& call, uint64_t stackPointer) const {
  user_regs_struct registers = saved_;
  registers.rip = code_.call;
  registers.rsp = stackPointer;
  registers.rax = static_cast<unsigned long long>(call.number);
  registers.orig_rax = noSystemCall;
  registers.rdi = call.arguments[0];
  registers.rsi = call.arguments[1];
  registers.rdx = call.arguments[2];
  registers.r10 = call.arguments[3];
  registers.r8 = call.arguments[4];
  registers.r9 = call.arguments[5];
  return registers;
}

Result<int64_t> BorrowedThread::call(long number, Arguments arguments) {
  if (!isHeld_) return gone();
  for (;;) {
    user_regs_struct registers = registersFor({number, arguments}, stackPointer_);
    // The registers first: from then on the thread finds home, and its mask, whatever becomes of us.
    if (::ptrace(PTRACE_SETREGS, tid_, nullptr, &registers) != 0) return gone();
    if (!hasCalled_ && !blockSignals(allSignals)) return gone();
    hasCalled_ = true;
    standsAsAsked_ = false;

    faultPoint("calling", 0);
    const Stop entered = resumeUntilStop(PTRACE_SYSCALL, callPatience);
    const Stop left = entered == Stop::systemCall ? resumeUntilStop(PTRACE_SYSCALL, callPatience) : entered;
    if (left != Stop::systemCall || ::ptrace(PTRACE_GETREGS, tid_, nullptr, &registers) != 0) {
      isHeld_ = false;
      return left == Stop::late ? late() : gone();
    }
    const auto result = static_cast<int64_t>(registers.rax);
    faultPoint("called", 0);
    if (!isRestartCode(result)) return result;
  }
}

/**
 * From the exit of a system call the kernel's own logic for interrupted calls can no longer be reached; from a stop
 * inside signal delivery it can, so the thread is brought to one first.
 */
void BorrowedThread::giveBack() {
  if (room_ != 0) {
    stackPointer_ = saved_.rsp;
    findsHome_ = false;
    (void)call(SYS_munmap, {room_, mostRoom, 0, 0, 0, 0});
  }
  if (hasCalled_) {
    if (!isHeld_) return;
    if (!standsAsAsked_ && (::ptrace(PTRACE_INTERRUPT, tid_, nullptr, nullptr) != 0 || resumeUntilStop(PTRACE_CONT, callPatience) != Stop::asked)) {
      isHeld_ = false;
      return;
    }
    // The mask first: until the registers are back the thread still finds home, and afterwards it has both.
    blockSignals(savedMask_);
    ::ptrace(PTRACE_SETREGS, tid_, nullptr, &saved_);
  }
  if (room_ == 0 && !savedStack_.empty()) (void)writeMemory(memory_, RemotePtr(savedFrom_), savedStack_);
  faultPoint("returned", 0);
  letGo(0);
}

/** A thread that stands ends only with its process, or when another of its threads executes a program. */
Error BorrowedThread::gone() const {
  return {ErrorKind::processGone, "Cannot use thread " + std::to_string(tid_) + " of pid " + std::to_string(pid_) + ": it has ended", {{"pid", pid_}}};
}

Error BorrowedThread::late() const {
  return {ErrorKind::cannotBorrowThread,
          "Cannot use thread " + std::to_string(tid_) + " of pid " + std::to_string(pid_) + ": it did not come back from a system call in time; it goes on by itself",
          {{"pid", pid_}, {"late", true}}};
}

}  // namespace suture
