// The processors that we may use: the program's own affinity, not the machine.
#pragma once

#include <cstddef>

namespace suture {

/** One at least. */
size_t countProcessors();

}  // namespace suture
