#include "tracing-thread.h"

#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace suture {

namespace {

constexpr uint64_t second = 1'000'000'000;
constexpr uint64_t alarmInterval = 500'000;

/** Made for each tracing thread: a timer's signal goes to one thread. */
thread_local timer_t alarmTimer;
thread_local bool hasAlarmTimer = false;

int alarmSignal() { return SIGRTMIN + 5; }

thread_local volatile sig_atomic_t isSeizing = 0;
/** Not changed while isSeizing, and read in the handler only then. */
thread_local std::vector<pid_t> seized;

bool hasEnded(const siginfo_t& info) {
  return info.si_pid != 0 && (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED);
}

/** Takes note of tracees that have ended. Whatever is asked for, the kernel gives the stops of tracees as well: so it is only looked at first. */
void onAlarm(int) {
  if (!isSeizing) return;
  const int number = errno;
  for (const pid_t tid : seized) {
    siginfo_t info = {};
    const auto id = static_cast<id_t>(tid);
    if (::waitid(P_PID, id, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 && hasEnded(info)) ::waitid(P_PID, id, &info, WEXITED | WNOHANG | __WALL);
  }
  errno = number;
}

void makeAlarmTimer() {
  struct sigaction action = {};
  action.sa_handler = onAlarm;  // and no SA_RESTART: the interruption is what it is for
  ::sigaction(alarmSignal(), &action, nullptr);
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, alarmSignal());
  ::pthread_sigmask(SIG_UNBLOCK, &mask, nullptr);

  struct sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = alarmSignal();
  event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid));
  hasAlarmTimer = ::timer_create(CLOCK_MONOTONIC, &event, &alarmTimer) == 0;
}

void removeAlarmTimer() {
  if (hasAlarmTimer) ::timer_delete(alarmTimer);
  hasAlarmTimer = false;
}

struct timespec timeSpec(uint64_t nanoseconds) {
  return {static_cast<time_t>(nanoseconds / second), static_cast<long>(nanoseconds % second)};
}

void setAlarm(uint64_t first, uint64_t interval) {
  if (!hasAlarmTimer) return;
  const struct itimerspec times = {timeSpec(interval), timeSpec(first)};
  ::timer_settime(alarmTimer, TIMER_ABSTIME, &times, nullptr);
}

void* runSession(void* argument) {
  makeAlarmTimer();
  (*static_cast<const std::function<void()>*>(argument))();
  removeAlarmTimer();
  return nullptr;
}

}  // namespace

uint64_t readClock(clockid_t clock) {
  struct timespec time;
  ::clock_gettime(clock, &time);
  return static_cast<uint64_t>(time.tv_sec) * second + static_cast<uint64_t>(time.tv_nsec);
}

uint64_t now() { return readClock(CLOCK_MONOTONIC); }

void rest(uint64_t nanoseconds) {
  const struct timespec time = timeSpec(nanoseconds);
  ::nanosleep(&time, nullptr);
}

Result<void> runTracing(const std::function<void()>& session) {
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const int failed = ::pthread_create(&thread, nullptr, runSession, const_cast<std::function<void()>*>(&session));
  if (failed == 0) ::pthread_join(thread, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failed != 0) return Error{ErrorKind::internal, std::string("Cannot start a thread for tracing: ") + std::strerror(failed)};
  return {};
}

long seizeTracee(pid_t tid, long options) {
  seized.reserve(seized.size() + 1);
  // Long for a call that waits for nobody.
  const Alarm alarm(now() + alarmInterval);
  isSeizing = 1;
  const long result = ::ptrace(PTRACE_SEIZE, tid, nullptr, options);
  isSeizing = 0;
  if (result == 0) seized.push_back(tid);
  return result;
}

Alarm::Alarm(uint64_t deadline) { setAlarm(deadline == 0 ? 1 : deadline, alarmInterval); }
Alarm::~Alarm() { setAlarm(0, 0); }

}  // namespace suture
