#include "borrowed-thread.h"

#include "fault-points.h"
#include "interrupted-call.h"
#include "released-threads.h"
#include "remote-memory.h"
#include "tracing-thread.h"

#include <cpuid.h>
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <ucontext.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <iterator>

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

constexpr uint64_t redZone = 128;
constexpr uint64_t textRoom = 256;
constexpr uint64_t mostRoom = 32 << 10;
constexpr uint64_t allSignals = ~uint64_t{0};
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

/** What the kernel writes into the legacy area of a frame to say that more follows (struct _fpx_sw_bytes). */
struct ExtendedStateMark {
  uint32_t magic;
  uint32_t extendedSize;
  uint64_t features;
  uint32_t stateSize;
  uint32_t padding[7];
};
constexpr uint32_t extendedStateMagic = 0x46505853;     // FP_XSTATE_MAGIC1
constexpr uint32_t extendedStateEndMagic = 0x46505845;  // FP_XSTATE_MAGIC2
constexpr size_t markOffset = 464;
constexpr size_t legacyAndHeaderSize = 576;
/** The tiles of AMX: a program must ask for them, and rt_sigreturn takes no more than the program has. */
constexpr uint64_t tileFeatures = uint64_t{3} << 17;

uint32_t stateSizeOf(uint64_t features) {
  uint32_t size = legacyAndHeaderSize;
  for (unsigned feature = 2; feature < 63; ++feature) {
    if (!(features >> feature & 1)) continue;
    uint32_t length, offset, unused1, unused2;
    __cpuid_count(0xd, feature, length, offset, unused1, unused2);
    size = std::max(size, offset + length);
  }
  return size;
}

/** The kernel's struct rt_sigframe, without the siginfo that rt_sigreturn does not read. */
struct SignalFrame {
  uint64_t restorer;
  uint64_t flags;
  uint64_t link;
  uint64_t alternateStack[3];
  uint64_t registers[23];
  uint64_t vectorState;
  uint64_t reserved[8];
  uint64_t mask;
};
constexpr uint64_t frameFlags = 1 | 2 | 4;  // UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS

}  // namespace

/** Floating point and vector registers in the form that rt_sigreturn reads; empty when the kernel does not give them. */
std::vector<uint8_t> BorrowedThread::readVectorState(pid_t tid) {
  std::vector<uint8_t> state(64 << 10);
  struct iovec room = {state.data(), state.size()};
  if (::ptrace(PTRACE_GETREGSET, tid, NT_X86_XSTATE, &room) != 0 || room.iov_len < legacyAndHeaderSize) return {};

  ExtendedStateMark mark = {};
  std::memcpy(&mark.features, state.data() + markOffset, sizeof mark.features);
  mark.features &= ~tileFeatures;
  mark.magic = extendedStateMagic;
  mark.stateSize = std::min<uint32_t>(stateSizeOf(mark.features), static_cast<uint32_t>(room.iov_len));
  mark.extendedSize = mark.stateSize + sizeof extendedStateEndMagic;
  std::memcpy(state.data() + markOffset, &mark, sizeof mark);
  std::memcpy(state.data() + mark.stateSize, &extendedStateEndMagic, sizeof extendedStateEndMagic);
  state.resize(mark.extendedSize);
  return state;
}

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
  // A filter that kills for mmap would kill the whole process.
  if (seizeTracee(tid_, PTRACE_O_TRACESYSGOOD | PTRACE_O_SUSPEND_SECCOMP) == 0) return true;
  if (hasSeccomp(pid_, tid_)) return false;
  if (seizeTracee(tid_, PTRACE_O_TRACESYSGOOD) == 0) return true;
  const int number = errno;
  if (number == ESRCH) return false;
  // Gives already-traced where that is the reason.
  TRY(describeProcess(pid_));
  const Result<TaskStat> stat = readThreadStat(pid_, tid_);
  if (!stat || stat.value().hasEnded()) return false;
  return processError("Cannot borrow a thread of pid " + std::to_string(pid_), pid_, number);
}

/** False: it stopped for something else, or not at all, and is on its way again. */
bool BorrowedThread::interruptAndWait() {
  raised_.prepare(1);
  if (::ptrace(PTRACE_INTERRUPT, tid_, nullptr, nullptr) != 0) return false;
  raised_.raise(tid_);
  const uint64_t deadline = now() + stopPatience;
  const Alarm alarm(deadline);
  int status;
  while (::waitpid(tid_, &status, __WALL) != tid_) {
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
  ::ptrace(PTRACE_DETACH, tid_, nullptr, static_cast<unsigned long>(signal));
  isHeld_ = false;
  noteReleased(pid_, tid_);
}

/** The kernel forgets a restartable sequence when its thread is seen to run elsewhere, and then does not restart it. */
bool BorrowedThread::isInRestartableSequence() const {
  struct {
    uint64_t area;
    uint32_t size, signature, flags, padding;
  } configuration = {};
  constexpr auto getRseqConfiguration = static_cast<__ptrace_request>(0x420f);
  if (::ptrace(getRseqConfiguration, tid_, sizeof configuration, &configuration) <= 0 || configuration.area == 0) return false;
  uint64_t sequence = 0;  // struct rseq: cpu_id_start, cpu_id, rseq_cs
  if (readRemote(pid_, configuration.area + 8, {reinterpret_cast<uint8_t*>(&sequence), sizeof sequence}) != sizeof sequence) return true;
  return sequence != 0;
}

/**
 * A stack that the kernel or libc has made, and the thread is on it: what lies below the red zone belongs to nobody. Of
 * alternate stacks, coroutines and stacks that the program has cut out of its own memory nobody can tell where they end.
 */
bool BorrowedThread::hasRoomBelow(const std::vector<Mapping>& mappings) const {
  const auto mapping = std::find_if(mappings.begin(), mappings.end(), [&](const Mapping& candidate) { return candidate.range.contains(RemotePtr(saved_.rsp)); });
  if (mapping == mappings.end() || saved_.rsp - mapping->range.start.bits() < mostRoom) return false;
  if (mapping->path == "[stack]") return tid_ == pid_;
  if (saved_.rsp >= saved_.fs_base || !mapping->range.contains(RemotePtr(saved_.fs_base)) || mapping == mappings.begin()) return false;
  const Mapping& guard = *std::prev(mapping);
  return guard.range.end == mapping->range.start && !guard.readable && !guard.writable;
}

bool BorrowedThread::makeRoom(const std::vector<Mapping>& mappings) {
  if (hasRoomBelow(mappings)) return layOut(saved_.rsp - redZone);
  stackPointer_ = saved_.rsp;  // a system call does not touch it
  const Result<int64_t> made = call(SYS_mmap, {0, mostRoom, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~uint64_t{0}, 0});
  if (!made || made.value() < 0) return false;
  room_ = static_cast<uint64_t>(made.value());
  return layOut(room_ + mostRoom);
}

/** From `end` downwards: room for a text, the vector registers, the frame that leads home, the stack pointer. */
bool BorrowedThread::layOut(uint64_t end) {
  const uint64_t top = end & ~uint64_t{63};
  textAt_ = top - textRoom;
  std::vector<uint8_t> vectorState = code_.restorer != 0 ? readVectorState(tid_) : std::vector<uint8_t>();
  const uint64_t vectorAt = (textAt_ - vectorState.size()) & ~uint64_t{63};
  // After the return to the restorer the stack is aligned as after a call.
  const uint64_t bottom = ((vectorAt - sizeof(SignalFrame)) & ~uint64_t{15}) - 8;
  if (end - bottom > mostRoom) return false;

  std::vector<uint8_t> before(top - bottom);
  if (!readMemory(memory_, RemotePtr(bottom), before)) return false;
  savedStack_ = std::move(before);
  stackPointer_ = bottom;
  if (vectorState.empty()) return true;
  findsHome_ = writeMemory(memory_, RemotePtr(vectorAt), vectorState) && writeMemory(memory_, RemotePtr(bottom), homewardFrame(vectorAt));
  return findsHome_;
}

std::vector<uint8_t> BorrowedThread::homewardFrame(uint64_t vectorAt) const {
  const user_regs_struct home = repeatingItsCall(saved_);
  SignalFrame frame = {};
  frame.restorer = code_.restorer;
  frame.flags = frameFlags;
  // An alternate stack of no size: refused by the kernel without a word, so that the thread keeps the one it has.
  uint64_t* const registers = frame.registers;
  registers[REG_R8] = home.r8;
  registers[REG_R9] = home.r9;
  registers[REG_R10] = home.r10;
  registers[REG_R11] = home.r11;
  registers[REG_R12] = home.r12;
  registers[REG_R13] = home.r13;
  registers[REG_R14] = home.r14;
  registers[REG_R15] = home.r15;
  registers[REG_RDI] = home.rdi;
  registers[REG_RSI] = home.rsi;
  registers[REG_RBP] = home.rbp;
  registers[REG_RBX] = home.rbx;
  registers[REG_RDX] = home.rdx;
  registers[REG_RAX] = home.rax;
  registers[REG_RCX] = home.rcx;
  registers[REG_RSP] = home.rsp;
  registers[REG_RIP] = home.rip;
  registers[REG_EFL] = home.eflags;
  registers[REG_CSGSFS] = home.cs | home.ss << 48;
  frame.vectorState = vectorAt;
  frame.mask = savedMask_;
  std::vector<uint8_t> bytes(sizeof frame);
  std::memcpy(bytes.data(), &frame, sizeof frame);
  return bytes;
}

BorrowedThread::Stop BorrowedThread::resumeUntilStop(int request, uint64_t patience) {
  const uint64_t deadline = now() + patience;
  for (;;) {
    if (::ptrace(static_cast<__ptrace_request>(request), tid_, nullptr, nullptr) != 0) return Stop::gone;
    const Alarm alarm(deadline);
    int status;
    while (::waitpid(tid_, &status, __WALL) != tid_) {
      if (errno != EINTR) return Stop::gone;
      // Without a way home there is nothing but to wait.
      if (now() >= deadline && findsHome_) return Stop::late;
    }
    if (!WIFSTOPPED(status)) return Stop::gone;
    const int event = status >> 16;
    if (event == 0 && WSTOPSIG(status) == systemCallStop) return Stop::systemCall;
    if (event == PTRACE_EVENT_STOP && request == PTRACE_CONT) return Stop::asked;
    if (event == 0 && WSTOPSIG(status) == SIGSTOP) owesStop_ = true;
    // A group stop of the process: it takes effect when the thread is given back.
  }
}

bool BorrowedThread::blockSignals(uint64_t mask) {
  return ::ptrace(static_cast<__ptrace_request>(PTRACE_SETSIGMASK), tid_, sizeof mask, &mask) == 0;
}

Result<RemotePtr> BorrowedThread::text(std::string_view text) {
  std::vector<uint8_t> bytes(text.begin(), text.end());
  bytes.resize(std::min<size_t>(bytes.size(), textRoom - 1));
  bytes.push_back(0);
  TRY(writeMemory(memory_, RemotePtr(textAt_), bytes));
  return RemotePtr(textAt_);
}

Result<int64_t> BorrowedThread::call(long number, Arguments arguments) {
  if (!isHeld_) return gone();
  for (;;) {
    user_regs_struct registers = saved_;
    registers.rip = code_.call;
    registers.rsp = stackPointer_;
    registers.rax = static_cast<unsigned long long>(number);
    registers.orig_rax = noSystemCall;
    registers.rdi = arguments[0];
    registers.rsi = arguments[1];
    registers.rdx = arguments[2];
    registers.r10 = arguments[3];
    registers.r8 = arguments[4];
    registers.r9 = arguments[5];
    // The registers first: from then on the thread finds home, and its mask, whatever becomes of us.
    if (::ptrace(PTRACE_SETREGS, tid_, nullptr, &registers) != 0) return gone();
    if (!hasCalled_ && !blockSignals(allSignals)) return gone();
    hasCalled_ = true;

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
    if (!isHeld_ || ::ptrace(PTRACE_INTERRUPT, tid_, nullptr, nullptr) != 0 || resumeUntilStop(PTRACE_CONT, callPatience) != Stop::asked) {
      isHeld_ = false;
      return;
    }
    // The mask first: until the registers are back the thread still finds home, and afterwards it has both.
    blockSignals(savedMask_);
    ::ptrace(PTRACE_SETREGS, tid_, nullptr, &saved_);
  }
  if (room_ == 0 && !savedStack_.empty()) (void)writeMemory(memory_, RemotePtr(stackPointer_), savedStack_);
  faultPoint("returned", 0);
  letGo(0);
  if (owesStop_) ::syscall(SYS_tgkill, pid_, tid_, SIGSTOP);
}

/** A thread that we hold ends only with its process, or when another of its threads executes a program. */
Error BorrowedThread::gone() const {
  return {ErrorKind::processGone, "Cannot use thread " + std::to_string(tid_) + " of pid " + std::to_string(pid_) + ": it has ended", {{"pid", pid_}}};
}

Error BorrowedThread::late() const {
  return {ErrorKind::cannotBorrowThread,
          "Cannot use thread " + std::to_string(tid_) + " of pid " + std::to_string(pid_) + ": it did not come back from a system call in time; it goes on by itself",
          {{"pid", pid_}}};
}

}  // namespace suture
