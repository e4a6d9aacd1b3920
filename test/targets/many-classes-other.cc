// A second unit of many-classes.cc: its copies of what the header holds are the same ones.
#include "many-classes.h"

#include <typeinfo>

namespace zoo {

[[gnu::noinline]] int askOther(int n) {
  static Counter counter;
  return scaled(n) + counter.next() * 1000 + Spider(n).weight();
}

const std::type_info& typeOfSpider(const Animal& animal) { return typeid(animal); }

}  // namespace zoo
