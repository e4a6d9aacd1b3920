#include "guardian.h"

#include "fault-points.h"
#include "process.h"
#include "stopped-process.h"
#include "tracing-thread.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

namespace suture {

namespace {

constexpr char takePlan = 'P';
constexpr char planTaken = 'T';
constexpr char planRefused = 'R';
constexpr char watchHelper = 'W';
constexpr char forgetAll = 'F';

constexpr uint64_t millisecond = 1'000'000;
/** The kernel lets the threads go a moment after it has closed the dead helper's files. */
constexpr uint64_t patience = 5'000 * millisecond;
constexpr uint64_t pause = millisecond / 5;
/** How often a helper that holds threads is looked at, in milliseconds. */
constexpr int watchInterval = 20;

/** A message of one byte, with a descriptor where there is one. */
bool sendByte(int connection, char byte, int descriptor = -1) {
  struct iovec part = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptor)] = {};
  struct msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptor >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* const head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(head), &descriptor, sizeof descriptor);
  }
  return ::sendmsg(connection, &message, MSG_NOSIGNAL) == 1;
}

/** False at the end of the connection. */
bool receiveByte(int connection, char& byte, int& descriptor) {
  struct iovec part = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptor)] = {};
  struct msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do got = ::recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got != 1) return false;
  descriptor = -1;
  const cmsghdr* const head = CMSG_FIRSTHDR(&message);
  if (head != nullptr && head->cmsg_type == SCM_RIGHTS) std::memcpy(&descriptor, CMSG_DATA(head), sizeof descriptor);
  return true;
}

/**
 * Whoever wants to change the process next sees the name in /proc/net/unix, and waits until it is gone. It ends with our own
 * pid: the guardian of the run before may not have read yet that its switch is over, and still have its name.
 */
File announce(pid_t pid, uint64_t startTime) {
  const std::string name = "suture-guardian-" + std::to_string(pid) + "-" + std::to_string(startTime) + "-" + std::to_string(::getpid());
  struct sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, sizeof address.sun_path - 1);
  File socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  (void)::bind(socket.fd(), reinterpret_cast<const struct sockaddr*>(&address), static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + 1 + name.size()));
  return socket;
}

/** What the guardian holds of one switch. */
struct Trust {
  SwitchPlan plan;
  std::vector<File> memories;
  std::vector<File> announcements;

  static Trust of(int file) {
    Trust trust = {SwitchPlan::adopt(file), {}, {}};
    if (!trust.plan.isMapped()) return trust;
    for (size_t process = 0; process < trust.plan.processes(); ++process) {
      Result<File> memory = openMemory(trust.plan.pidOf(process), O_RDWR);
      if (!memory) return {};
      trust.memories.push_back(std::move(memory).value());
      trust.announcements.push_back(announce(trust.plan.pidOf(process), trust.plan.startTimeOf(process)));
    }
    return trust;
  }

  bool isComplete() const { return plan.isMapped(); }
};

/** Every thread of every process of the plan that still lives, or none; the dead helper may not have let go of them yet. */
bool stopAll(const SwitchPlan& plan, AllStop& stop) {
  for (size_t process = 0; process < plan.processes(); ++process) {
    if (plan.isLeftOut(process)) continue;
    if (!stop.watch(plan.pidOf(process)) || !stop.seize(plan.pidOf(process), plan.startTimeOf(process), true)) return false;
  }
  const AllStop::Visitor visitor = [](const Tracee&) { return true; };
  // A thread in uninterruptible sleep runs no code of its own, and will stop before it does.
  (void)stop.awaitUninterruptible();
  stop.interruptUninterruptible();
  return stop.stopSleepers(visitor) == AllStop::Outcome::stopped && stop.stopWorkers(now() + 100 * millisecond, visitor) == AllStop::Outcome::stopped;
}

/** What has ended meanwhile must not keep the others from being settled. False: nobody is left. */
bool leaveOutEnded(SwitchPlan& plan) {
  bool isAnyoneLeft = false;
  for (size_t process = 0; process < plan.processes(); ++process) {
    if (plan.isLeftOut(process)) continue;
    if (checkSameProcess(plan.pidOf(process), plan.startTimeOf(process))) {
      isAnyoneLeft = true;
    } else {
      plan.leaveOut(process);
    }
  }
  return isAnyoneLeft;
}

bool settleStopped(Trust& trust) {
  AllStop stop;
  if (!stopAll(trust.plan, stop)) return false;
  return trust.plan.settle(
    [&](uint32_t process, uint64_t at, std::span<uint8_t> into) { return readMemory(trust.memories[process].fd(), RemotePtr(at), into).ok(); },
    [&](uint32_t process, uint64_t at, ByteView bytes) { return writeMemory(trust.memories[process].fd(), RemotePtr(at), bytes).ok(); });
}

/** The helper has died in the middle. Entries that cannot be settled stay parked for a later run. */
void settle(Trust& trust) {
  const uint64_t deadline = now() + patience;
  while (now() < deadline && leaveOutEnded(trust.plan)) {
    const Result<bool> settled = traced<bool>([&]() -> Result<bool> { return settleStopped(trust); });
    if (settled && settled.value()) return;
    rest(pause);
  }
}

bool isUnfinished(const Trust& trust) {
  if (!trust.isComplete()) return false;
  const SwitchPlan::Phase phase = trust.plan.phase();
  return phase == SwitchPlan::Phase::parking || phase == SwitchPlan::Phase::placing;
}

/** By SIGSTOP, which nobody can hold back. */
bool isStopped(pid_t pid) {
  const Result<TaskStat> stat = readProcessStat(pid);
  return stat && stat.value().state == 'T';
}

/** Returns when there is something to be read. Threads that a stopped helper holds would be held until it goes on, so it is ended. */
void watchWhileQuiet(int connection, pid_t helper) {
  struct pollfd message = {connection, POLLIN, 0};
  for (int timesStopped = 0; ::poll(&message, 1, watchInterval) <= 0;) {
    timesStopped = isStopped(helper) ? timesStopped + 1 : 0;
    if (timesStopped == 2 && !isFaultWanted("unwatched")) ::kill(helper, SIGKILL);
  }
}

void guard(int connection, pid_t helper) {
  Trust trust;
  bool isWatching = false;
  char byte;
  int descriptor;
  for (;;) {
    if (isWatching) watchWhileQuiet(connection, helper);
    if (!receiveByte(connection, byte, descriptor)) break;
    trust = {};
    isWatching = byte != forgetAll;
    if (byte != takePlan) continue;
    trust = Trust::of(descriptor);
    if (!sendByte(connection, trust.isComplete() ? planTaken : planRefused)) break;
  }
  if (isUnfinished(trust) && !isFaultWanted("guardian")) settle(trust);
}

/** Nothing of the helper's stays open, or whoever reads its output would wait for us too. */
void closeAllBut(int connection) {
  const int null = ::open("/dev/null", O_RDWR);
  for (int standard = 0; standard < 3; ++standard) ::dup2(null, standard);
  for (int fd = 3; fd < 1 << 16; ++fd) {
    if (fd == connection) continue;
    if (fd > connection) {
      ::close_range(static_cast<unsigned>(fd), ~0u, 0);
      return;
    }
    ::close(fd);
  }
}

[[noreturn]] void live(int connection, pid_t helper) {
  ::setsid();
  forgetFaultPoints();
  ::prctl(PR_SET_NAME, "suture-guardian");
  closeAllBut(connection);
  signal(SIGTERM, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  guard(connection, helper);
  ::_exit(0);
}

}  // namespace

Guardian& Guardian::instance() {
  static Guardian guardian;
  return guardian;
}

Result<void> Guardian::start() {
  int ends[2];
  const auto failed = [](const char* what) {
    return Error{ErrorKind::internal, std::string("Cannot start the guardian of the switch: ") + what + " failed: " + std::strerror(errno)};
  };
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return failed("a socket");
  File ours(ends[0]), theirs(ends[1]);
  // Twice, so that it is nobody's child here: the tracer waits for its children.
  const pid_t helper = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return failed("fork");
  if (child == 0) {
    if (::fork() == 0) live(theirs.fd(), helper);
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  connection_ = std::move(ours);
  return {};
}

bool Guardian::hand(int plan) {
  char answer = planRefused;
  int unused;
  return connection_.isOpen() && sendByte(connection_.fd(), takePlan, plan) && receiveByte(connection_.fd(), answer, unused) && answer == planTaken;
}

Result<void> Guardian::entrust(const SwitchPlan& plan) {
  if (hand(plan.file())) return {};
  TRY(start());
  if (hand(plan.file())) return {};
  return Error{ErrorKind::internal, "Cannot switch: the process that guards the switch does not answer"};
}

void Guardian::watch() {
  if (connection_.isOpen() && sendByte(connection_.fd(), watchHelper)) return;
  if (start()) (void)sendByte(connection_.fd(), watchHelper);
}

void Guardian::dismiss() {
  if (connection_.isOpen()) (void)sendByte(connection_.fd(), forgetAll);
}

}  // namespace suture
