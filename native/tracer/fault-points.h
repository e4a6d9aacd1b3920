// Places where a test can have the helper killed: by name and number, SUTURE_KILL_AT="place:3", or by their count since
// the helper's start, SUTURE_KILL_AT_STEP=17. SUTURE_KILL=tool: it is not the helper that dies there but the program that has
// started it; SUTURE_KILL=both; SUTURE_FAULT=guardian: the guardian dies with the helper. SUTURE_STOP_AT="place:3": the helper is
// stopped there as by SIGSTOP; SUTURE_FAULT=unwatched: the guardian leaves it so. SUTURE_WRITE_FAULT=fails, fails-on, alters: in the first switch of
// the helper the first write does not succeed, or it and all that follow, or it leaves another byte than it should; in the second switch the
// second, and so on. SUTURE_SIGNAL=2: everybody of the helper's process group gets that signal there, as from a terminal, or
// the process SUTURE_SIGNAL_TO, and nobody is killed. Only in a build made for that (-DSUTURE_FAULT_POINTS=ON); in every other they are nothing at all.
#pragma once

#include <cstddef>
#include <cstdint>

#ifdef SUTURE_FAULT_POINTS
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>
#endif

namespace suture {

enum class WriteFault : uint8_t { none, fails, alters };

#ifdef SUTURE_FAULT_POINTS
inline bool isSetTo(const char* variable, const std::string& value) {
  const char* const text = getenv(variable);
  return text != nullptr && text == value;
}
inline void faultPoint(const char* name, size_t index) {
  static size_t steps = 0;
  const std::string place = std::string(name) + ":" + std::to_string(index);
  if (isSetTo("SUTURE_STOP_AT", place)) raise(SIGSTOP);
  if (!isSetTo("SUTURE_KILL_AT", place) && !isSetTo("SUTURE_KILL_AT_STEP", std::to_string(steps++))) return;
  if (const char* const number = getenv("SUTURE_SIGNAL")) {
    const char* const whom = getenv("SUTURE_SIGNAL_TO");
    kill(whom == nullptr ? 0 : atoi(whom), atoi(number));
    return;
  }
  if (isSetTo("SUTURE_KILL", "tool") || isSetTo("SUTURE_KILL", "both")) kill(getppid(), SIGKILL);
  if (!isSetTo("SUTURE_KILL", "tool")) kill(getpid(), SIGKILL);
}
inline void forgetFaultPoints() {
  for (const char* const variable : {"SUTURE_KILL_AT", "SUTURE_KILL_AT_STEP", "SUTURE_STOP_AT", "SUTURE_SIGNAL"}) unsetenv(variable);
}
inline bool isFaultWanted(const char* name) { return isSetTo("SUTURE_FAULT", name); }
/** Of the writes of one switch. */
class WriteFaults {
 public:
  WriteFaults() : due_(switches()++) {}
  WriteFault next() {
    const size_t write = writes_++;
    if (write == due_ && isSetTo("SUTURE_WRITE_FAULT", "alters")) return WriteFault::alters;
    const bool isFailing = (write == due_ && isSetTo("SUTURE_WRITE_FAULT", "fails")) || (write >= due_ && isSetTo("SUTURE_WRITE_FAULT", "fails-on"));
    return isFailing ? WriteFault::fails : WriteFault::none;
  }

 private:
  static size_t& switches() {
    static size_t count = 0;
    return count;
  }
  size_t due_;
  size_t writes_ = 0;
};
#else
inline void faultPoint(const char*, size_t) {}
inline void forgetFaultPoints() {}
inline bool isFaultWanted(const char*) { return false; }
struct WriteFaults {
  WriteFault next() { return WriteFault::none; }
};
#endif

}  // namespace suture
