#include "branches.h"

#include "handlers.h"
#include "remote-memory.h"

#include <capstone/capstone.h>

#include <algorithm>
#include <cstring>

namespace suture {

namespace {

/** A switch with more cases is longer than any function that has one. */
constexpr size_t longestTable = 65536;
constexpr uint64_t largestFunction = 16 << 20;

class Decoder {
 public:
  Decoder() {
    if (::cs_open(CS_ARCH_X86, CS_MODE_64, &handle_) != CS_ERR_OK) return;
    ::cs_option(handle_, CS_OPT_DETAIL, CS_OPT_ON);
    instruction_ = ::cs_malloc(handle_);
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() {
    if (instruction_ != nullptr) ::cs_free(instruction_, 1);
    if (handle_ != 0) ::cs_close(&handle_);
  }

  /** Nothing: no instruction that is known. */
  const cs_insn* next(const uint8_t*& code, size_t& left, uint64_t& at) {
    return instruction_ != nullptr && ::cs_disasm_iter(handle_, &code, &left, &at, instruction_) ? instruction_ : nullptr;
  }

  bool isIn(const cs_insn& instruction, uint8_t group) const { return ::cs_insn_group(handle_, &instruction, group); }

 private:
  csh handle_ = 0;
  cs_insn* instruction_ = nullptr;
};

class Search {
 public:
  Search(pid_t pid, std::span<const RemoteRange> ranges, const RemoteRange& head) : pid_(pid), ranges_(ranges), head_(head) {}

  Result<std::vector<BranchBack>> perform() {
    for (const RemoteRange& range : ranges_) TRY(decode(range));
    std::ranges::sort(tables_);
    tables_.erase(std::unique(tables_.begin(), tables_.end()), tables_.end());
    for (const uint64_t table : tables_) follow(table);
    return std::move(found_);
  }

 private:
  Result<void> decode(const RemoteRange& range) {
    if (range.length() > largestFunction) return undecodable(range.start.bits());
    std::vector<uint8_t> bytes(range.length());
    if (readRemote(pid_, range.start.bits(), bytes) != bytes.size()) return undecodable(range.start.bits());
    const uint8_t* code = bytes.data();
    size_t left = bytes.size();
    uint64_t at = range.start.bits();
    while (left > 0) {
      const cs_insn* const instruction = decoder_.next(code, left, at);
      if (instruction == nullptr) return undecodable(at);
      look(*instruction);
    }
    return {};
  }

  Result<void> undecodable(uint64_t at) const {
    return Error{ErrorKind::unreadableMemory, "Cannot follow the jumps of a function of pid " + std::to_string(pid_) + ": the instruction at " + formatHex(at) + " is not known", {{"at", formatHex(at)}}};
  }

  void look(const cs_insn& instruction) {
    // A call of the function itself begins anew, which is as it should be.
    const bool isCall = decoder_.isIn(instruction, X86_GRP_CALL);
    const bool isBranch = !isCall && (decoder_.isIn(instruction, X86_GRP_JUMP) || decoder_.isIn(instruction, X86_GRP_BRANCH_RELATIVE));
    const cs_x86& x86 = instruction.detail->x86;
    for (uint8_t i = 0; i < x86.op_count; ++i) {
      const cs_x86_op& operand = x86.operands[i];
      if (operand.type == X86_OP_IMM && isBranch) note(instruction.address, static_cast<uint64_t>(operand.imm));
      if (operand.type == X86_OP_MEM) noteTable(operand.mem, instruction.address + instruction.size);
    }
  }

  void note(uint64_t at, uint64_t to) {
    if (head_.contains(RemotePtr(to))) found_.push_back({at, to});
  }

  /** Of a position-independent table, or of one at a fixed address. */
  void noteTable(const x86_op_mem& operand, uint64_t next) {
    if (operand.base == X86_REG_RIP) tables_.push_back(next + static_cast<uint64_t>(operand.disp));
    if (operand.base == X86_REG_INVALID && operand.segment == X86_REG_INVALID && operand.disp > 0) tables_.push_back(static_cast<uint64_t>(operand.disp));
  }

  bool isOurs(uint64_t place) const {
    return std::ranges::any_of(ranges_, [&](const RemoteRange& range) { return range.contains(RemotePtr(place)); });
  }

  /** As long as what stands there leads into the function. */
  void follow(uint64_t table) {
    followAs<uint64_t>(table, [](uint64_t word) { return word; });
    followAs<int32_t>(table, [table](int32_t distance) { return table + static_cast<uint64_t>(int64_t{distance}); });
  }

  template <typename Entry, typename Target>
  void followAs(uint64_t table, Target targetOf) {
    for (size_t i = 0; i < longestTable; ++i) {
      Entry entry;
      const uint64_t at = table + i * sizeof entry;
      if (readRemote(pid_, at, {reinterpret_cast<uint8_t*>(&entry), sizeof entry}) != sizeof entry || !isOurs(targetOf(entry))) return;
      note(at, targetOf(entry));
    }
  }

  pid_t pid_;
  std::span<const RemoteRange> ranges_;
  RemoteRange head_;
  Decoder decoder_;
  std::vector<uint64_t> tables_;
  std::vector<BranchBack> found_;
};

}  // namespace

Result<std::vector<BranchBack>> findBranchesBack(pid_t pid, std::span<const RemoteRange> ranges, const RemoteRange& head) {
  return Search(pid, ranges, head).perform();
}

Result<Answer> branches(const Request& request) {
  const pid_t pid = TRY(pidField(request.head));
  std::vector<RemoteRange> ranges;
  for (const Json& range : *TRY(objectsField(request.head, "ranges"))) ranges.push_back(TRY(rangeOf(range)));
  const RemoteRange head = {TRY(addressField(request.head, "start")), TRY(addressField(request.head, "end"))};
  Json found = Json::array();
  for (const auto& [at, to] : TRY(findBranchesBack(pid, ranges, head))) found.push_back({{"at", formatHex(at)}, {"to", formatHex(to)}});
  return Answer{{{"branches", std::move(found)}}, {}};
}

}  // namespace suture
