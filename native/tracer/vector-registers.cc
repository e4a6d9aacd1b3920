#include "vector-registers.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

namespace suture {

size_t readVectorRegisters(pid_t tid, std::span<uint8_t> room) {
  struct iovec bytes = {room.data(), room.size()};
  return ::ptrace(PTRACE_GETREGSET, tid, NT_X86_XSTATE, &bytes) == 0 ? bytes.iov_len : 0;
}

bool mayHoldValues(const user_regs_struct& registers) { return registers.orig_rax == ~decltype(registers.orig_rax){0}; }

}  // namespace suture
