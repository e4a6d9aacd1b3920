#include "signal-frame.h"

#include "vector-registers.h"

#include <cpuid.h>
#include <ucontext.h>

#include <algorithm>
#include <cstring>

namespace suture {

namespace {

/** What the kernel writes into the legacy area of a frame to say that more follows (struct _fpx_sw_bytes). */
struct ExtendedStateMark {
  uint32_t magic;
  uint32_t extendedSize;
  uint64_t features;
  uint32_t stateSize;
  uint32_t padding[7];
};
constexpr uint32_t extendedStateMagic = 0x46505853;     // FP_XSTATE_MAGIC1
constexpr uint32_t extendedStateEndMagic = 0x46505845;  // FP_XSTATE_MAGIC2
constexpr size_t markOffset = 464;
constexpr size_t legacySize = 512;
constexpr size_t legacyAndHeaderSize = 576;
/** The tiles of AMX: a program must ask for them, and rt_sigreturn takes no more than the program has. */
constexpr uint64_t tileFeatures = uint64_t{3} << 17;
constexpr uint64_t frameFlags = 1 | 2 | 4;  // UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS

/** Of all features that this processor has. */
uint32_t largestStateSize() {
  uint32_t enabled, enabledSize, largest = 0, features;
  return __get_cpuid_count(0xd, 0, &enabled, &enabledSize, &largest, &features) != 0 ? std::max<uint32_t>(largest, legacyAndHeaderSize) : legacySize;
}

uint32_t stateSizeOf(uint64_t features) {
  uint32_t size = legacyAndHeaderSize;
  for (unsigned feature = 2; feature < 63; ++feature) {
    if (!(features >> feature & 1)) continue;
    uint32_t length, offset, unused1, unused2;
    __cpuid_count(0xd, feature, length, offset, unused1, unused2);
    size = std::max(size, offset + length);
  }
  return size;
}

}  // namespace

VectorState readVectorState(pid_t tid) {
  // Asked for once: in a virtual machine each answer of the processor takes tens of microseconds.
  static const uint32_t largest = largestStateSize();
  std::vector<uint8_t> state(largest + sizeof extendedStateEndMagic);
  const size_t got = readVectorRegisters(tid, std::span(state).first(largest));
  if (got < legacyAndHeaderSize) return {};

  ExtendedStateMark mark = {};
  uint64_t present;
  std::memcpy(&mark.features, state.data() + markOffset, sizeof mark.features);
  std::memcpy(&present, state.data() + legacySize, sizeof present);
  mark.features &= ~tileFeatures;
  mark.magic = extendedStateMagic;
  static uint64_t knownFeatures = 0;
  static uint32_t knownSize = legacyAndHeaderSize;
  if (knownFeatures != mark.features) knownSize = stateSizeOf(mark.features);
  knownFeatures = mark.features;
  mark.stateSize = std::min<uint32_t>(knownSize, static_cast<uint32_t>(got));
  mark.extendedSize = mark.stateSize + sizeof extendedStateEndMagic;
  std::memcpy(state.data() + markOffset, &mark, sizeof mark);
  std::memcpy(state.data() + mark.stateSize, &extendedStateEndMagic, sizeof extendedStateEndMagic);
  state.resize(mark.extendedSize);
  return {std::move(state), (present & tileFeatures) != 0};
}

SignalFrame makeSignalFrame(uint64_t restorer, const user_regs_struct& from, uint64_t vectorAt, uint64_t mask) {
  SignalFrame frame = {};
  frame.restorer = restorer;
  frame.flags = frameFlags;
  // An alternate stack of no size: refused by the kernel without a word, so that the thread keeps the one it has.
  uint64_t* const registers = frame.registers;
  registers[REG_R8] = from.r8;
  registers[REG_R9] = from.r9;
  registers[REG_R10] = from.r10;
  registers[REG_R11] = from.r11;
  registers[REG_R12] = from.r12;
  registers[REG_R13] = from.r13;
  registers[REG_R14] = from.r14;
  registers[REG_R15] = from.r15;
  registers[REG_RDI] = from.rdi;
  registers[REG_RSI] = from.rsi;
  registers[REG_RBP] = from.rbp;
  registers[REG_RBX] = from.rbx;
  registers[REG_RDX] = from.rdx;
  registers[REG_RAX] = from.rax;
  registers[REG_RCX] = from.rcx;
  registers[REG_RSP] = from.rsp;
  registers[REG_RIP] = from.rip;
  registers[REG_EFL] = from.eflags;
  registers[REG_CSGSFS] = from.cs | from.ss << 48;
  frame.vectorState = vectorAt;
  frame.mask = mask;
  return frame;
}

}  // namespace suture
