// What C++ makes of classes, one of each: virtual functions, constructors under two names, inline methods, templates, lambdas
// that were stored before the patch came, thread_local variables, guarded statics, allocation functions of a class, strings and
// vectors, a C unit in between. Every "ask" answers in one line, a value for each. Two threads ask the same all the time.

#include "many-classes.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <thread>
#include <typeinfo>

namespace zoo {

int Animal::alive = 0;
int Animal::legs() const { return 4; }

Spider::Spider(int weight) : weight_(weight + 1) {}
Spider::~Spider() { weight_ = 0; }
int Spider::legs() const { return 8; }

namespace {

thread_local int visits = 10;
int drawn = 0;

struct Pooled {
  static void* operator new(std::size_t size) {
    ++drawn;
    return ::operator new(size);
  }
  static void operator delete(void* place) { ::operator delete(place); }
  int value = 5;
};

int made = 0;

struct Slow {
  Slow() : value(::getpid() > 0 ? 30 : 0) { ++made; }
  int value;
};

[[gnu::noinline]] int guarded(int n) {
  static Slow slow;
  return slow.value + made * 1000 + n;
}

[[gnu::noinline]] int visited(int n) { return visits + n; }

/** By the linker, so that no patch has a say in it. */
int* const volatile aliveAt = &Animal::alive;

[[gnu::noinline]] int living(int n) { return (&Animal::alive == aliveAt ? 1 : -100) + n; }

/** Each thread makes its own when it first asks. */
thread_local std::string label = std::to_string(::getpid() > 0 ? 12345 : 0);

[[gnu::noinline]] int labelled(int n) { return static_cast<int>(label.size()) + n; }

[[gnu::noinline]] int pooled(int n) {
  const std::unique_ptr<Pooled> one(new Pooled);
  return one->value + n;
}

[[gnu::noinline]] int described(int n) {
  std::string text = "zoo";
  for (int i = 0; i < n; ++i) text += std::to_string(i);
  std::vector<std::string> words = {text, "end"};
  return static_cast<int>(words.size() * 100 + words.front().size());
}

[[gnu::noinline]] int failing(int n) {
  try {
    if (n > 2) throw std::invalid_argument("more than " + std::to_string(n));
    return n;
  } catch (const std::exception& error) {
    return static_cast<int>(std::string(error.what()).size());
  }
}

std::function<int(int)> stored;

[[gnu::noinline]] void store(int base) {
  stored = [base](int n) { return base + n; };
}

/* Longer than a jump at every level. */
int increment(int n) { return n + 1 + (n >> 30); }

struct Answers {
  std::string text;
  void add(const char* name, int value) { text += std::string(" ") + name + "=" + std::to_string(value); }
};

/** What calls that are over have left on the stack would count as a reference to what they used. */
[[gnu::noipa]] void wipeStack() {
  volatile char room[8192];
  for (char volatile& each : room) each = 0;
}

[[gnu::noinline]] std::string answer() {
  Answers answers;
  std::unique_ptr<Animal> spider(new Spider(6));
  answers.add("virtual", spider->legs());
  answers.add("construct", static_cast<Spider&>(*spider).weight());
  answers.add("identity", typeid(*spider) == typeid(Spider) && &typeOfSpider(*spider) == &typeid(Spider) && dynamic_cast<Spider*>(spider.get()) != nullptr);
  answers.add("eyes", spider->eyes());
  answers.add("template", scaled(21));
  answers.add("other", askOther(3) % 1000);
  answers.add("lambda", stored(2));
  answers.add("guarded", guarded(1));
  answers.add("thread", visited(1));
  answers.add("labelled", labelled(1));
  answers.add("living", living(1));
  answers.add("pooled", pooled(1));
  answers.add("strings", described(3));
  answers.add("exception", failing(3));
  answers.add("mixed", ask_plain(4, increment));
  return answers.text;
}

}  // namespace
}  // namespace zoo

int main() {
  zoo::store(40);
  zoo::visits = 77;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  for (int i = 0; i < 2; ++i) {
    std::thread([] {
      for (;;) {
        if (zoo::answer().empty()) std::abort();
        zoo::wipeStack();
        ::usleep(500);
      }
    }).detach();
  }
  std::puts("ready");
  char line[64];
  for (;;) {
    zoo::wipeStack();
    if (std::fgets(line, sizeof line, stdin) == nullptr) return 0;
    std::puts(("answers:" + zoo::answer()).c_str());
  }
}
