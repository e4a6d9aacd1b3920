#include "resident-pages.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <utility>
#include <vector>

using namespace suture;

namespace {

constexpr uint64_t pageSize = 4096;

/** Memory of our own of which only the given pages have been touched. */
class Memory {
 public:
  Memory(size_t pages, const std::vector<size_t>& touched) : length_(pages * pageSize), at_(::mmap(nullptr, length_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    REQUIRE(at_ != MAP_FAILED);
    ::madvise(at_, length_, MADV_NOHUGEPAGE);
    for (const size_t page : touched) static_cast<char*>(at_)[page * pageSize] = 1;
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { ::munmap(at_, length_); }

  RemotePtr at(uint64_t offset) const { return RemotePtr(reinterpret_cast<uint64_t>(at_) + offset); }

  /** What a visit of [from, to) is shown: offsets of start and end. */
  std::vector<std::pair<uint64_t, uint64_t>> visit(uint64_t from, uint64_t to, uint64_t most, size_t enough = ~size_t{0}) const {
    std::vector<std::pair<uint64_t, uint64_t>> seen;
    const bool isWhole = ResidentPages(::getpid()).visit({at(from), at(to)}, most, [&](const RemoteRange& piece) {
      seen.push_back({piece.start - at(0), piece.end - at(0)});
      return seen.size() < enough;
    });
    CHECK(isWhole == (seen.size() < enough));
    return seen;
  }

 private:
  size_t length_;
  void* at_;
};

using Pieces = std::vector<std::pair<uint64_t, uint64_t>>;

}  // namespace

TEST_CASE("ResidentPages::visit() shows touched pages only, cut to the range and to the size that is asked for") {
  const Memory memory(10, {1, 2, 3, 7, 9});
  CHECK(memory.visit(0, 10 * pageSize, 64 * pageSize) == Pieces{{pageSize, 4 * pageSize}, {7 * pageSize, 8 * pageSize}, {9 * pageSize, 10 * pageSize}});
  CHECK(memory.visit(0, 10 * pageSize, 2 * pageSize) == Pieces{{pageSize, 3 * pageSize}, {3 * pageSize, 4 * pageSize}, {7 * pageSize, 8 * pageSize}, {9 * pageSize, 10 * pageSize}});
  CHECK(memory.visit(pageSize + 8, 7 * pageSize + 16, 64 * pageSize) == Pieces{{pageSize + 8, 4 * pageSize}, {7 * pageSize, 7 * pageSize + 16}});
  CHECK(memory.visit(0, 10 * pageSize, 64 * pageSize, 1) == Pieces{{pageSize, 4 * pageSize}});
  CHECK(memory.visit(4 * pageSize, 7 * pageSize, 64 * pageSize).empty());
  CHECK(memory.visit(8, 8, 64 * pageSize).empty());
}

TEST_CASE("ResidentPages::visit() touches nothing, in mappings of any size") {
  constexpr size_t pages = size_t{1} << 20;
  const Memory memory(pages, {0, 8191, 8192, pages - 1});
  const Pieces touched = {{0, pageSize}, {8191 * pageSize, 8192 * pageSize}, {8192 * pageSize, 8193 * pageSize}, {(pages - 1) * pageSize, pages * pageSize}};
  CHECK(memory.visit(0, pages * pageSize, 64 * pageSize) == touched);
  CHECK(memory.visit(0, pages * pageSize, 64 * pageSize) == touched);
}
