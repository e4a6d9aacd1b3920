#include "resident-pages.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <string>

namespace suture {

namespace {

constexpr uint64_t pageSize = 4096;
/** Bits 63 and 62 of an entry, as Documentation/admin-guide/mm/pagemap.rst of the kernel has them. */
constexpr uint64_t presentOrSwapped = uint64_t{3} << 62;
/** Of memory at a time; its entries take 64 KiB. */
constexpr uint64_t blockSize = uint64_t{32} << 20;

}  // namespace

ResidentPages::ResidentPages(pid_t pid) : pageMap_(openFile("/proc/" + std::to_string(pid) + "/pagemap", O_RDONLY)), entries_(blockSize / pageSize + 1) {}

bool ResidentPages::visit(const RemoteRange& range, uint64_t most, const Visitor& visitor) {
  for (RemotePtr at = range.start; at < range.end;) {
    const RemotePtr end = std::min(range.end, at + blockSize);
    if (!visitBlock({at, end}, most / pageSize, visitor)) return false;
    at = end;
  }
  return true;
}

bool ResidentPages::visitBlock(const RemoteRange& block, size_t most, const Visitor& visitor) {
  const uint64_t first = block.start.bits() / pageSize;
  const std::span<uint64_t> entries = std::span(entries_).first((block.end.bits() + pageSize - 1) / pageSize - first);
  const bool isKnown = ::pread64(pageMap_.fd(), entries.data(), entries.size_bytes(), static_cast<off64_t>(first * sizeof(uint64_t))) == static_cast<ssize_t>(entries.size_bytes());
  const auto isTouched = [&](size_t page) { return !isKnown || (entries[page] & presentOrSwapped) != 0; };
  for (size_t page = 0; page < entries.size();) {
    size_t run = 0;
    while (page + run < entries.size() && run < most && isTouched(page + run)) ++run;
    const RemoteRange touched = {std::max(block.start, RemotePtr((first + page) * pageSize)), std::min(block.end, RemotePtr((first + page + run) * pageSize))};
    if (run > 0 && !visitor(touched)) return false;
    page += std::max<size_t>(run, 1);
  }
  return true;
}

}  // namespace suture
