// Exceptions on every way through functions that a patch replaces: thrown in, caught in, rethrown, passed through with
// something to clean up, stopped by a noexcept; types of the program and of the library, told apart by address; a backtrace through all of it.
// Four threads do so all the time and end the program when something is left open. "ask" answers in one line.

#include <execinfo.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>

namespace shop {

struct Refusal : std::runtime_error {
  int code;
  explicit Refusal(int code) : std::runtime_error("refused"), code(code) {}
};

namespace {
struct Secret {
  int code;
};
}  // namespace

thread_local int openDoors = 0;

struct Door {
  Door() { ++openDoors; }
  ~Door() { --openDoors; }
};

[[gnu::noinline]] int thrower(int n) {
  if (n % 4 == 1) throw Refusal(n);
  if (n % 4 == 2) throw std::out_of_range(std::string("too far: ") + std::to_string(n));
  if (n % 4 == 3) throw Secret{n};
  return n * 10;
}

[[gnu::noinline]] int passer(int n) {
  const Door door;
  return thrower(n) + openDoors;
}

[[gnu::noinline]] int rethrower(int n) {
  const Door door;
  try {
    return passer(n);
  } catch (const std::exception&) {
    const Door another;
    throw;
  }
}

[[gnu::noinline]] int catcher(int n) {
  try {
    return rethrower(n);
  } catch (const Refusal& refusal) {
    return 1000 + refusal.code;
  } catch (const std::out_of_range& error) {
    return 2000 + static_cast<int>(std::strlen(error.what()));
  } catch (const Secret& secret) {
    return 3000 + secret.code;
  }
}

/** What leaves this one ends the program. */
[[gnu::noinline]] int sealed(int n) noexcept { return n + 0 * openDoors; }
/** Its caller knows nothing of it. */
int (*volatile seal)(int) = sealed;

[[noreturn]] void terminated() {
  std::puts("terminated");
  std::_Exit(0);
}

[[gnu::noinline]] int outermost(int n) {
  const int result = catcher(n);
  if (openDoors != 0) std::abort();
  return result;
}

[[gnu::noinline]] int depth(int n) {
  void* frames[64];
  return n > 0 ? depth(n - 1) + 0 * openDoors : backtrace(frames, 64);
}

[[gnu::noinline]] int depthThrough(int n) {
  const Door door;
  return depth(n) + 0 * openDoors;
}

/** What calls that are over have left on the stack would count as a reference to what they used. */
[[gnu::noipa]] void wipeStack() {
  volatile char room[8192];
  for (char volatile& each : room) each = 0;
}

}  // namespace shop

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::set_terminate(shop::terminated);
  for (int i = 0; i < 4; ++i) {
    std::thread([] {
      for (int n = 0;; ++n) {
        shop::outermost(n);
        if (n % 64 != 0) continue;
        shop::wipeStack();
        ::usleep(1000);
      }
    }).detach();
  }
  const int before = shop::depthThrough(3);
  std::puts("ready");
  char line[64];
  for (;;) {
    shop::wipeStack();
    if (std::fgets(line, sizeof line, stdin) == nullptr) return 0;
    if (std::strcmp(line, "seal\n") == 0) {
      std::puts(std::to_string(shop::seal(7)).c_str());
      continue;
    }
    std::string answer = "answers:";
    for (int n = 0; n < 4; ++n) answer += ' ' + std::to_string(shop::outermost(n));
    answer += shop::depthThrough(3) == before ? " whole" : " cut";
    std::puts(answer.c_str());
  }
}
