// The frame that the kernel puts on a stack when it calls a signal handler, made by hand: a thread that returns to the C library's
// restorer with one of these on top of its stack takes all of its state from it. The layout is the kernel's (struct rt_sigframe).
#pragma once

#include <sys/types.h>
#include <sys/user.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace suture {

/** Floating point and vector registers in the form that rt_sigreturn reads. */
struct VectorState {
  /** Empty when the kernel does not give them. */
  std::vector<uint8_t> bytes;
  /** Matrix tiles are in use, which a frame does not hold: after rt_sigreturn they are empty. */
  bool lacksTiles = false;
};

VectorState readVectorState(pid_t tid);

struct SignalFrame {
  uint64_t restorer;
  uint64_t flags;
  uint64_t link;
  uint64_t alternateStack[3];
  uint64_t registers[23];
  uint64_t vectorState;
  uint64_t reserved[8];
  uint64_t mask;
};

/** `vectorAt`: where the thread finds bytes of a VectorState; 0: floating point starts anew. */
SignalFrame makeSignalFrame(uint64_t restorer, const user_regs_struct& registers, uint64_t vectorAt, uint64_t mask);

}  // namespace suture
