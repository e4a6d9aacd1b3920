// Places where a test can have the helper killed, by name and number: SUTURE_KILL_AT="place:3". Only in a build made for
// that (-DSUTURE_FAULT_POINTS=ON); in every other they are nothing at all. SUTURE_FAULT=guardian: the guardian dies with it.
#pragma once

#include <cstddef>

#ifdef SUTURE_FAULT_POINTS
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>
#endif

namespace suture {

#ifdef SUTURE_FAULT_POINTS
inline void faultPoint(const char* name, size_t index) {
  const char* const wanted = getenv("SUTURE_KILL_AT");
  if (wanted != nullptr && wanted == std::string(name) + ":" + std::to_string(index)) kill(getpid(), SIGKILL);
}
inline void forgetFaultPoints() { unsetenv("SUTURE_KILL_AT"); }
inline bool isFaultWanted(const char* name) {
  const char* const wanted = getenv("SUTURE_FAULT");
  return wanted != nullptr && wanted == std::string(name);
}
#else
inline void faultPoint(const char*, size_t) {}
inline void forgetFaultPoints() {}
inline bool isFaultWanted(const char*) { return false; }
#endif

}  // namespace suture
