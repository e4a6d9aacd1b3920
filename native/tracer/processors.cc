#include "processors.h"

#include <sched.h>

namespace suture {

size_t countProcessors() {
  cpu_set_t set;
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<size_t>(CPU_COUNT(&set)) : 1;
}

}  // namespace suture
