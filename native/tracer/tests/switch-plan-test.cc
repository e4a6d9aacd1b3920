#include "switch-plan.h"

#include "transition.h"

#include <doctest/doctest.h>

#include <array>
#include <map>

using namespace suture;

namespace {

constexpr std::array<uint8_t, 5> oldBytes = {1, 2, 3, 4, 5};
constexpr std::array<uint8_t, 5> newBytes = {0xe9, 6, 7, 8, 9};

/** The memory of a few processes, each with one entry at its own place; writing can be made to fail from some write on. */
struct Memories {
  std::map<std::pair<uint32_t, uint64_t>, uint8_t> bytes;
  int writesLeft = 1 << 20;

  explicit Memories(uint32_t processes) {
    for (uint32_t i = 0; i < processes; ++i) {
      for (size_t at = 0; at < oldBytes.size(); ++at) bytes[{i, 0x1000 + at}] = oldBytes[at];
    }
  }

  SwitchPlan::Writer writer() {
    return [this](uint32_t process, uint64_t at, ByteView from) {
      if (writesLeft-- <= 0) return false;
      for (size_t i = 0; i < from.size(); ++i) bytes[{process, at + i}] = from[i];
      return true;
    };
  }

  SwitchPlan::Reader reader() {
    return [this](uint32_t process, uint64_t at, std::span<uint8_t> into) {
      for (size_t i = 0; i < into.size(); ++i) into[i] = bytes[{process, at + i}];
      return true;
    };
  }

  bool holds(uint32_t process, const std::array<uint8_t, 5>& wanted) {
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (bytes[{process, 0x1000 + i}] != wanted[i]) return false;
    }
    return true;
  }
};

SwitchPlan planFor(uint32_t processes) {
  std::vector<ProcessTransition> wanted;
  for (uint32_t i = 0; i < processes; ++i) wanted.push_back({static_cast<pid_t>(100 + i), i, {}, {{RemotePtr(0x1000), oldBytes, newBytes, true}}});
  return SwitchPlan::make(wanted).value();
}

}  // namespace

TEST_CASE("SwitchPlan::settle() ends a switch that was cut short anywhere with every process old or every process new") {
  bool sawOld = false, sawNew = false;
  for (int writes = 0; writes < 9; ++writes) {
    SwitchPlan plan = planFor(3);
    Memories memories(3);
    memories.writesLeft = writes;
    CHECK_FALSE(plan.perform(memories.writer()));
    memories.writesLeft = 1 << 20;
    REQUIRE(plan.settle(memories.reader(), memories.writer()));
    const bool isOld = memories.holds(0, oldBytes) && memories.holds(1, oldBytes) && memories.holds(2, oldBytes);
    const bool isNew = memories.holds(0, newBytes) && memories.holds(1, newBytes) && memories.holds(2, newBytes);
    CHECK(isOld != isNew);
    sawOld |= isOld;
    sawNew |= isNew;
  }
  CHECK(sawOld);
  CHECK(sawNew);
}

TEST_CASE("SwitchPlan::leaveOut() lets the others be settled when one process has ended") {
  SwitchPlan plan = planFor(3);
  Memories memories(3);
  memories.writesLeft = 6;  // all parked, the first one and half of the second placed
  CHECK_FALSE(plan.perform(memories.writer()));
  memories.writesLeft = 1 << 20;
  // What is read of a process that has ended would not be as it was left.
  for (size_t at = 0; at < oldBytes.size(); ++at) memories.bytes[{1, 0x1000 + at}] = 0xcc;
  plan.leaveOut(1);
  CHECK(plan.isLeftOut(1));
  REQUIRE(plan.settle(memories.reader(), memories.writer()));
  CHECK(memories.holds(0, newBytes));
  CHECK(memories.holds(2, newBytes));
  CHECK(memories.bytes[{1, 0x1000}] == 0xcc);
}

TEST_CASE("SwitchPlan::settle() touches nothing when memory is not as the switch has left it") {
  SwitchPlan plan = planFor(2);
  Memories memories(2);
  memories.writesLeft = 3;
  CHECK_FALSE(plan.perform(memories.writer()));
  memories.bytes[{1, 0x1003}] = 0xcc;
  const auto before = memories.bytes;
  memories.writesLeft = 1 << 20;
  CHECK(plan.settle(memories.reader(), memories.writer()));
  CHECK(memories.bytes == before);
}

TEST_CASE("SwitchPlan has what is listed before the entries written while all of them are parked, there and back") {
  constexpr std::array<uint8_t, 1> oldValue = {1}, newValue = {2}, oldRecord = {3}, newRecord = {4};
  const ProcessTransition wanted = {100, 1, {}, {
    {RemotePtr(0x900), oldValue, newValue}, {RemotePtr(0x1000), oldBytes, newBytes, true}, {RemotePtr(0x1100), oldBytes, newBytes, true}, {RemotePtr(0x2000), oldRecord, newRecord},
  }};
  for (int writes = 0; writes <= 8; ++writes) for (const bool isPutBack : {true, false}) {
    SwitchPlan plan = SwitchPlan::make({&wanted, 1}).value();
    Memories memories(1);
    for (size_t at = 0; at < oldBytes.size(); ++at) memories.bytes[{0, 0x1100 + at}] = oldBytes[at];
    memories.bytes[{0, 0x900}] = oldValue[0];
    memories.bytes[{0, 0x2000}] = oldRecord[0];
    const auto byteAt = [&](uint64_t at) { return memories.bytes[{0, at}]; };
    bool sawValue = false;
    const SwitchPlan::Writer watched = [&](uint32_t process, uint64_t at, ByteView bytes) {
      if (!memories.writer()(process, at, bytes)) return false;
      const bool isNew = byteAt(0x900) == newValue[0];
      for (const uint64_t entry : {0x1000, 0x1100}) {
        CHECK_FALSE((isNew && byteAt(entry) == oldBytes[0]));
        CHECK_FALSE((!isNew && byteAt(entry) == newBytes[0]));
      }
      CHECK_FALSE((byteAt(0x2000) == newRecord[0] && byteAt(0x1100) != newBytes[0]));
      sawValue |= isNew;
      return true;
    };
    memories.writesLeft = writes;
    CHECK(plan.perform(watched) == (writes == 8));
    CHECK(sawValue == (writes > 2));
    memories.writesLeft = 1 << 20;
    REQUIRE((isPutBack ? plan.takeBack(watched) : plan.settle(memories.reader(), watched)));
    // Both are parked after two writes.
    const bool endsNew = !isPutBack && writes >= 2;
    CHECK(byteAt(0x900) == (endsNew ? newValue : oldValue)[0]);
    CHECK(memories.holds(0, endsNew ? newBytes : oldBytes));
    CHECK(byteAt(0x2000) == (endsNew ? newRecord : oldRecord)[0]);
  }
}
