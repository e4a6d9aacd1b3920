#include "passing-look.h"

#include "vector-registers.h"

namespace suture {

PassingLook::PassingLook(pid_t pid, uint64_t startTime, WantedReferences wanted) : pid_(pid), search_(pid, startTime, std::move(wanted)), copies_(mostThreads) {
  for (Copy& copy : copies_) {
    copy.stack.resize(longestStack);
    copy.vectors.resize(mostVectorBytes);
  }
}

void PassingLook::copy(const StackCheck& check, pid_t tid, const user_regs_struct& registers) {
  if (!isWhole_) return;
  const std::optional<StackMap::Used> used = check.ownStackOf(tid, registers);
  isWhole_ = copied_ < copies_.size() && used && used->stack.length() <= longestStack;
  if (!isWhole_) return;
  Copy& copy = copies_[copied_++];
  copy.tid = tid;
  copy.registers = registers;
  copy.vectors.resize(readVectorRegisters(tid, copy.vectors));
  copy.used = *used;
  // Smaller than it was: nothing is allocated.
  copy.stack.resize(used->stack.length());
  isWhole_ = !copy.vectors.empty() && readRemote(pid_, used->stack.start.bits(), copy.stack) == copy.stack.size();
}

void PassingLook::judge(StackCheck& check) {
  copies_.resize(copied_);
  if (!isWhole_) return;
  for (Copy& copy : copies_) {
    search_.lookAtThread(copy.registers, copy.vectors, copy.used.stack.start.bits(), copy.stack);
    check.judgeCopied(copy.tid, copy.registers, copy.used, std::move(copy.stack));
  }
  judged_ = check.judged();
}

bool PassingLook::findsNothing() {
  if (!isWhole_ || copies_.empty()) return false;
  const Result<bool> found = search_.findsNothing(std::move(judged_));
  return found && found.value();
}

}  // namespace suture
