#include "vector-registers.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

namespace suture {

size_t readVectorRegisters(pid_t tid, std::span<uint8_t> room) {
  for (const int set : {NT_X86_XSTATE, NT_PRFPREG}) {
    struct iovec bytes = {room.data(), room.size()};
    if (::ptrace(PTRACE_GETREGSET, tid, set, &bytes) == 0) return bytes.iov_len;
  }
  return 0;
}

}  // namespace suture
