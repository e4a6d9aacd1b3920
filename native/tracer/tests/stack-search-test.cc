// Stacks that are searched together, and by several threads, are those of this program: memory of its own with words in known places.
#include "real-time.h"
#include "stack-readers.h"
#include "tracing-thread.h"

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <thread>
#include <vector>

using namespace suture;

namespace {

constexpr uint64_t pageSize = 4096;
constexpr uint64_t inRange = 0x5008;
const ForbiddenRanges forbidden(std::vector{ForbiddenRange{{RemotePtr(0x5000), RemotePtr(0x5010)}}});

class Stacks {
 public:
  Stacks(size_t count, size_t pages) : count_(count), length_(pages * pageSize), at_(::mmap(nullptr, count * length_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    REQUIRE(at_ != MAP_FAILED);
  }
  Stacks(const Stacks&) = delete;
  Stacks& operator=(const Stacks&) = delete;
  ~Stacks() { ::munmap(at_, count_ * length_); }

  uint64_t at(size_t stack, uint64_t offset = 0) const { return reinterpret_cast<uint64_t>(at_) + stack * length_ + offset; }
  void put(size_t stack, uint64_t offset, uint64_t word) { std::memcpy(reinterpret_cast<void*>(at(stack, offset)), &word, sizeof word); }
  void closePage(size_t stack, uint64_t offset) { REQUIRE(::mprotect(reinterpret_cast<void*>(at(stack, offset)), pageSize, PROT_NONE) == 0); }
  StackSearch search(size_t stack, uint64_t most = uint64_t{64} << 20) const {
    return {::getpid(), &forbidden, {RemotePtr(at(stack)), RemotePtr(at(stack) + length_)}, most, sizeof(uint64_t)};
  }
  std::vector<StackSearch> searches() const {
    std::vector<StackSearch> all;
    for (size_t i = 0; i < count_; ++i) all.push_back(search(i));
    return all;
  }

 private:
  size_t count_;
  uint64_t length_;
  void* at_;
};

/** As the tracing thread is while threads are held. */
template <typename Act>
void withRealTimePriority(Act act) {
  std::thread([&] {
    SchedulingAttributes attributes = {};
    attributes.size = sizeof attributes;
    attributes.policy = SCHED_FIFO;
    attributes.priority = 2;
    act(changeScheduling(0, attributes));
  }).join();
}

size_t countProcessors() {
  cpu_set_t set;
  REQUIRE(::sched_getaffinity(0, sizeof set, &set) == 0);
  return static_cast<size_t>(CPU_COUNT(&set));
}

constexpr uint64_t never = ~uint64_t{0} >> 1;

}  // namespace

TEST_CASE("countTogether() takes what fits into one chunk, of one process, and one at least; without what is settled, while that is to be hoped") {
  const Stacks shallow(20, 1), deep(3, 12), longer(2, 40);
  CHECK(countTogether(shallow.searches()) == StackSearcher::mostTogether);
  CHECK(countTogether(deep.searches()) == 2);
  CHECK(countTogether(longer.searches()) == 1);
  std::vector<StackSearch> searches = shallow.searches();
  searches[3].pid = 1;
  CHECK(countTogether(searches) == 3);
  searches[2].most = pageSize / 2;
  CHECK(countTogether(searches) == 2);

  const WaitingThreads nobody;
  std::vector<StackSearch> settled = longer.searches();
  for (size_t i = 0; i < settled.size(); ++i) settled[i].settled = {RemotePtr(longer.at(i, pageSize)), &nobody, 1};
  CHECK(countTogether(settled) == 2);
  CHECK(leaveOutSettled(settled) == 0);
  CHECK(countTogether(settled) == 1);
  CHECK(settled[0].range.length() == 40 * pageSize);
}

TEST_CASE("StackSearcher::search() finds in stacks that are read together what it finds in each") {
  Stacks stacks(8, 4);
  stacks.put(1, 0, inRange);
  stacks.put(4, 4 * pageSize - sizeof(uint64_t), inRange);
  stacks.put(6, pageSize, inRange);
  // What lies behind a page that cannot be read, and in the stacks after it, is another matter.
  stacks.put(5, 3 * pageSize, inRange);
  stacks.closePage(5, 2 * pageSize);
  stacks.closePage(7, 0);
  const std::vector<StackSearch> wanted = stacks.searches();
  std::vector<StackScan> found(wanted.size());
  StackSearcher searcher;
  searcher.search(wanted, found);
  for (size_t i = 0; i < wanted.size(); ++i) {
    const StackScan alone = StackSearcher().search(wanted[i]);
    CHECK(found[i].hit == alone.hit);
    CHECK(found[i].isPartial == alone.isPartial);
  }
  CHECK(found[0].isClean());
  CHECK(found[1].hit == stacks.at(1));
  CHECK(found[4].hit == stacks.at(4, 4 * pageSize - sizeof(uint64_t)));
  CHECK_FALSE(found[5].hit);
  CHECK(found[5].isPartial);
  CHECK(found[6].hit == stacks.at(6, pageSize));
  CHECK(found[7].isPartial);
}

TEST_CASE("StackSearcher::search() finds words at the seams of a long stack, at odd places too, and says what it has left out") {
  constexpr uint64_t seam = StackSearcher::chunkSize;
  Stacks stacks(1, 3 * seam / pageSize);
  for (const uint64_t offset : {seam - 8, seam, seam - 4}) {
    stacks.put(0, offset, inRange);
    StackSearch wanted = stacks.search(0);
    wanted.step = offset % 8 == 0 ? 8 : 1;
    CHECK(StackSearcher().search(wanted).hit == stacks.at(0, offset));
    stacks.put(0, offset, 0);
  }
  CHECK(StackSearcher().search(stacks.search(0, seam)).isPartial);
  CHECK(StackSearcher().search(stacks.search(0)).isClean());
}

TEST_CASE("StackReaders make every search once, while others are added, and name those that came to something") {
  withRealTimePriority([](bool isPermitted) {
    constexpr size_t count = 300;
    Stacks stacks(count, 17);
    for (size_t i = 0; i < count; ++i) {
      for (uint64_t page = 0; page < 17; ++page) stacks.put(i, page * pageSize, i % 7 == 3 && page == i % 17 ? inRange : 1);
    }
    const WaitingThreads nobody;
    for (int round = 0; round < 20; ++round) {
      StackReaders readers;
      readers.prepare(count);
      CHECK(readers.isHelping() == (isPermitted && countProcessors() > 1));
      if (!readers.isHelping()) return;
      std::vector<size_t> found;
      const auto collect = [&] {
        for (const size_t each : readers.takeFound()) found.push_back(each);
      };
      for (size_t i = 0; i < count; ++i) {
        StackSearch wanted = stacks.search(i);
        // Of threads that have not waited: all is searched all the same.
        if (i % 2 == 0) wanted.settled = {RemotePtr(stacks.at(i, pageSize)), &nobody, 1};
        readers.add(wanted);
        collect();
      }
      REQUIRE(readers.finish(never));
      collect();
      std::ranges::sort(found);
      std::vector<size_t> expected;
      for (size_t i = 3; i < count; i += 7) expected.push_back(i);
      CHECK(found == expected);
      for (size_t i = 0; i < count; ++i) {
        REQUIRE(readers.scanOf(i) != nullptr);
        CHECK(readers.scanOf(i)->hit == (i % 7 == 3 ? std::optional(stacks.at(i, i % 17 * pageSize)) : std::nullopt));
      }
    }
  });
}

TEST_CASE("StackReaders begin no search when they have been cancelled, whoever is to make it; what was under way is whole or absent") {
  withRealTimePriority([](bool) {
    const Stacks stacks(64, 17);
    for (int round = 0; round < 20; ++round) {
      StackReaders readers;
      readers.prepare(64);
      if (!readers.isHelping()) return;
      for (size_t i = 0; i < 64; ++i) readers.add(stacks.search(i));
      if (round % 2 == 0) readers.cancel();
      const bool isFinished = readers.finish(0);
      readers.end();
      for (size_t i = 0; i < 64; ++i) CHECK((readers.scanOf(i) == nullptr ? !isFinished : readers.scanOf(i)->isClean()));
      readers.add(stacks.search(0));
      CHECK_FALSE(readers.finish(now() + 1'000'000));
      CHECK(readers.scanOf(64) == nullptr);
    }
  });
}

TEST_CASE("StackReaders do not help a thread of ordinary priority, nor with few searches") {
  StackReaders ordinary;
  ordinary.prepare(1000);
  CHECK_FALSE(ordinary.isHelping());
  withRealTimePriority([](bool) {
    StackReaders few;
    few.prepare(7);
    CHECK_FALSE(few.isHelping());
  });
}
