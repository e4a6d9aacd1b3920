#include "unwind.h"

#include <dwarf.h>

#include <array>
#include <optional>
#include <span>

namespace suture {

namespace {

// The numbers of the x86-64 psABI.
constexpr size_t stackPointer = 7;
constexpr size_t returnAddress = 16;
constexpr size_t registerCount = 17;

struct RegisterFile {
  std::array<uint64_t, registerCount> values = {};
  /** Bit n: register n is known in this frame. */
  uint32_t known = 0;

  std::optional<uint64_t> get(uint64_t number) const {
    if (number >= registerCount || !(known & (1u << number))) return {};
    return values[number];
  }
  void set(size_t number, uint64_t value) {
    values[number] = value;
    known |= 1u << number;
  }
};

RegisterFile registerFile(const user_regs_struct& from) {
  RegisterFile file;
  file.values = {from.rax, from.rdx, from.rcx, from.rbx, from.rsi, from.rdi, from.rbp, from.rsp, from.r8,
                 from.r9,  from.r10, from.r11, from.r12, from.r13, from.r14, from.r15, from.rip};
  file.known = (1u << registerCount) - 1;
  return file;
}

/** The small stack machine of DWARF expressions, as far as call frame information uses it. */
class Expression {
 public:
  Expression(const RegisterFile& registers, WordReader& memory, std::optional<uint64_t> cfa)
      : registers_(registers), memory_(memory), cfa_(cfa) {}

  std::optional<uint64_t> evaluate(std::span<const Dwarf_Op> operations) {
    for (const Dwarf_Op& operation : operations) {
      if (!perform(operation)) return {};
    }
    if (depth_ == 0) return {};
    return stack_[depth_ - 1];
  }

 private:
  bool push(std::optional<uint64_t> value) {
    if (!value || depth_ == stack_.size()) return false;
    stack_[depth_++] = *value;
    return true;
  }

  bool pushRegister(uint64_t number, uint64_t offset) {
    const std::optional<uint64_t> value = registers_.get(number);
    return value && push(*value + offset);
  }

  bool pick(uint64_t fromTop) { return fromTop < depth_ && push(stack_[depth_ - 1 - fromTop]); }

  bool dereference() {
    uint64_t word;
    if (depth_ == 0 || !memory_.readWord(stack_[depth_ - 1], word)) return false;
    stack_[depth_ - 1] = word;
    return true;
  }

  bool swap() {
    if (depth_ < 2) return false;
    std::swap(stack_[depth_ - 1], stack_[depth_ - 2]);
    return true;
  }

  bool combine(unsigned atom) {
    if (depth_ < 2) return false;
    const uint64_t right = stack_[--depth_];
    uint64_t& left = stack_[depth_ - 1];
    const auto signedLeft = static_cast<int64_t>(left), signedRight = static_cast<int64_t>(right);
    switch (atom) {
      case DW_OP_plus: left += right; return true;
      case DW_OP_minus: left -= right; return true;
      case DW_OP_mul: left *= right; return true;
      case DW_OP_and: left &= right; return true;
      case DW_OP_or: left |= right; return true;
      case DW_OP_xor: left ^= right; return true;
      case DW_OP_shl: left = right < 64 ? left << right : 0; return true;
      case DW_OP_shr: left = right < 64 ? left >> right : 0; return true;
      case DW_OP_shra: left = static_cast<uint64_t>(signedLeft >> (right < 64 ? right : 63)); return true;
      case DW_OP_eq: left = left == right; return true;
      case DW_OP_ne: left = left != right; return true;
      case DW_OP_lt: left = signedLeft < signedRight; return true;
      case DW_OP_le: left = signedLeft <= signedRight; return true;
      case DW_OP_gt: left = signedLeft > signedRight; return true;
      case DW_OP_ge: left = signedLeft >= signedRight; return true;
      default: return false;
    }
  }

  bool perform(const Dwarf_Op& operation) {
    const unsigned atom = operation.atom;
    if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31) return pushRegister(atom - DW_OP_breg0, operation.number);
    if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31) return push(atom - DW_OP_lit0);
    switch (atom) {
      case DW_OP_bregx: return pushRegister(operation.number, operation.number2);
      case DW_OP_call_frame_cfa: return push(cfa_);
      case DW_OP_addr:
      case DW_OP_const1u:
      case DW_OP_const1s:
      case DW_OP_const2u:
      case DW_OP_const2s:
      case DW_OP_const4u:
      case DW_OP_const4s:
      case DW_OP_const8u:
      case DW_OP_const8s:
      case DW_OP_constu:
      case DW_OP_consts: return push(operation.number);
      case DW_OP_plus_uconst: return depth_ > 0 && (stack_[depth_ - 1] += operation.number, true);
      case DW_OP_deref: return dereference();
      case DW_OP_dup: return pick(0);
      case DW_OP_over: return pick(1);
      case DW_OP_pick: return pick(operation.number);
      case DW_OP_drop: return depth_ > 0 && (--depth_, true);
      case DW_OP_swap: return swap();
      case DW_OP_neg: return depth_ > 0 && (stack_[depth_ - 1] = -stack_[depth_ - 1], true);
      case DW_OP_not: return depth_ > 0 && (stack_[depth_ - 1] = ~stack_[depth_ - 1], true);
      case DW_OP_nop:
      case DW_OP_stack_value: return true;
      default: return combine(atom);
    }
  }

  const RegisterFile& registers_;
  WordReader& memory_;
  std::optional<uint64_t> cfa_;
  std::array<uint64_t, 64> stack_ = {};
  size_t depth_ = 0;
};

enum class Recovery : uint8_t { known, undefined, failed };

/** What register `number` held in the caller of `frame`. */
Recovery recover(Dwarf_Frame* frame, size_t number, const RegisterFile& registers, WordReader& memory, uint64_t cfa, uint64_t& into) {
  Dwarf_Op simple[3];
  Dwarf_Op* operations;
  size_t count;
  if (dwarf_frame_register(frame, static_cast<int>(number), simple, &operations, &count) != 0) return Recovery::failed;
  if (count == 0 && operations != nullptr) return Recovery::undefined;

  std::optional<uint64_t> value;
  if (count == 0) {
    value = registers.get(number);  // the same as here
  } else if (operations[0].atom >= DW_OP_reg0 && operations[0].atom <= DW_OP_reg31) {
    value = registers.get(operations[0].atom - DW_OP_reg0);
  } else if (operations[0].atom == DW_OP_regx) {
    value = registers.get(operations[0].number);
  } else {
    value = Expression(registers, memory, cfa).evaluate({operations, count});
    uint64_t word;
    if (value && operations[count - 1].atom != DW_OP_stack_value) {
      value = memory.readWord(*value, word) ? std::optional(word) : std::nullopt;
    }
  }
  if (!value) return Recovery::failed;
  into = *value;
  return Recovery::known;
}

std::optional<uint64_t> findCfa(Dwarf_Frame* frame, const RegisterFile& registers, WordReader& memory) {
  Dwarf_Op* operations;
  size_t count;
  if (dwarf_frame_cfa(frame, &operations, &count) != 0 || count == 0) return {};
  return Expression(registers, memory, {}).evaluate({operations, count});
}

RegisterFile callerRegisters(Dwarf_Frame* frame, const RegisterFile& registers, WordReader& memory, uint64_t cfa) {
  RegisterFile caller;
  for (size_t number = 0; number < returnAddress; ++number) {
    uint64_t value;
    if (recover(frame, number, registers, memory, cfa, value) == Recovery::known) caller.set(number, value);
  }
  return caller;
}

}  // namespace

Unwinding unwind(UnwindTables& tables, WordReader& memory, const user_regs_struct& from) {
  Unwinding unwinding;
  RegisterFile registers = registerFile(from);
  bool isExact = true;
  while (unwinding.frames.size() < maxFrames) {
    const uint64_t instruction = registers.values[returnAddress];
    unwinding.frames.push_back({instruction, isExact, 0});
    // A return address can lie behind the last instruction of its function.
    const std::optional<FrameRules> rules = tables.find(isExact ? instruction : instruction - 1);
    if (!rules) break;
    const std::optional<uint64_t> cfa = findCfa(rules->frame, registers, memory);
    if (!cfa) break;
    unwinding.frames.back().cfa = *cfa;

    uint64_t caller = 0;
    const Recovery end = recover(rules->frame, returnAddress, registers, memory, *cfa, caller);
    unwinding.isComplete = end == Recovery::undefined || (end == Recovery::known && caller == 0);
    if (unwinding.isComplete || end == Recovery::failed) break;
    // A stack grows downwards; only a handler may stand on another one.
    if (!rules->isSignalFrame && *cfa <= registers.values[stackPointer]) break;

    registers = callerRegisters(rules->frame, registers, memory, *cfa);
    registers.set(returnAddress, caller);
    if (!registers.get(stackPointer)) registers.set(stackPointer, *cfa);
    isExact = rules->isSignalFrame;
  }
  return unwinding;
}

}  // namespace suture
