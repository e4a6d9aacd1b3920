// A place in the target's memory. It is no pointer of ours: it cannot be dereferenced, and it turns into a
// number only where somebody says so.
#pragma once

#include <compare>
#include <cstdint>

namespace suture {

class RemotePtr {
 public:
  constexpr RemotePtr() = default;
  constexpr explicit RemotePtr(uint64_t at) : at_(at) {}

  constexpr uint64_t bits() const { return at_; }
  constexpr bool isNull() const { return at_ == 0; }

  constexpr RemotePtr operator+(uint64_t bytes) const { return RemotePtr(at_ + bytes); }
  constexpr RemotePtr operator-(uint64_t bytes) const { return RemotePtr(at_ - bytes); }
  constexpr uint64_t operator-(RemotePtr other) const { return at_ - other.at_; }
  constexpr auto operator<=>(const RemotePtr&) const = default;

 private:
  uint64_t at_ = 0;
};

/** Half open. */
struct RemoteRange {
  RemotePtr start;
  RemotePtr end;

  constexpr uint64_t length() const { return end - start; }
  constexpr bool isEmpty() const { return end <= start; }
  constexpr bool contains(RemotePtr at) const { return start <= at && at < end; }
  constexpr bool overlaps(const RemoteRange& other) const { return start < other.end && other.start < end; }
};

}  // namespace suture
