// Shared by the units of many-classes.cc: what C++ puts into headers, and so into every unit that includes them.
#pragma once

#include <string>
#include <typeinfo>
#include <vector>

namespace zoo {

class Animal {
 public:
  Animal() { ++alive; }
  Animal(const Animal&) = delete;
  virtual ~Animal() { --alive; }
  virtual int legs() const;
  virtual int eyes() const { return 2; }
  static int alive;
};

class Spider : public Animal {
 public:
  explicit Spider(int weight);
  ~Spider() override;
  int legs() const override;
  int weight() const { return weight_; }

 private:
  int weight_;
};

struct Counter {
  /* An inline method: every unit has it, the program keeps one. */
  int next() { return count += 1; }
  int count = 0;
};

/* The one that whoever came first has used: a second copy would be another. */
template <typename T>
const void* callsAt = nullptr;

template <typename T>
[[gnu::noinline]] T scaled(T value) {
  static int calls = 0;
  ++calls;
  if (callsAt<T> == nullptr) callsAt<T> = &calls;
  return value * 2 + (callsAt<T> == &calls ? 0 : 1000);
}

int askOther(int n);
const std::type_info& typeOfSpider(const Animal& animal);

}  // namespace zoo

extern "C" int ask_plain(int n, int (*callback)(int));
