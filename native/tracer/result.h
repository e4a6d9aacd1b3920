// What every function that can fail returns: a value, or an Error that says what was found. Nothing throws.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace suture {

using Json = nlohmann::json;

/** The kinds of native/errors.ts that the helper itself can give. */
enum class ErrorKind : uint8_t {
  internal, usage,
  noSuchProcess, processGone, notPermitted, alreadyTraced, unsupportedArchitecture,
  unreadableMemory, outOfMemory, unreachableMemory, cannotBorrowThread,
  badElf, bytesMismatch, buildIdMismatch, noDebugInformation, fileNotFound,
};

/** The spelling that the protocol and native/errors.ts use. */
constexpr const char* nameOf(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::internal: return "internal";
    case ErrorKind::usage: return "usage";
    case ErrorKind::noSuchProcess: return "no-such-process";
    case ErrorKind::processGone: return "process-gone";
    case ErrorKind::notPermitted: return "not-permitted";
    case ErrorKind::alreadyTraced: return "already-traced";
    case ErrorKind::unsupportedArchitecture: return "unsupported-architecture";
    case ErrorKind::unreadableMemory: return "unreadable-memory";
    case ErrorKind::outOfMemory: return "out-of-memory";
    case ErrorKind::unreachableMemory: return "unreachable-memory";
    case ErrorKind::cannotBorrowThread: return "cannot-borrow-thread";
    case ErrorKind::badElf: return "bad-elf";
    case ErrorKind::bytesMismatch: return "bytes-mismatch";
    case ErrorKind::buildIdMismatch: return "build-id-mismatch";
    case ErrorKind::noDebugInformation: return "no-debug-information";
    case ErrorKind::fileNotFound: return "file-not-found";
  }
  return "internal";
}

/** A refusal: the message names the act, a colon, what was found and the way out; the data is for programs. */
struct Error {
  ErrorKind kind;
  std::string message;
  Json data = Json::object();
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : held_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return held_.index() == 0; }
  explicit operator bool() const { return ok(); }

  /** Only after ok(). */
  T& value() & { return *std::get_if<0>(&held_); }
  const T& value() const& { return *std::get_if<0>(&held_); }
  T&& value() && { return std::move(*std::get_if<0>(&held_)); }

  /** Only after !ok(). */
  const Error& error() const& { return *std::get_if<1>(&held_); }
  Error&& error() && { return std::move(*std::get_if<1>(&held_)); }

 private:
  std::variant<T, Error> held_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return error_.index() == 0; }
  explicit operator bool() const { return ok(); }
  void value() const {}
  const Error& error() const& { return *std::get_if<1>(&error_); }
  Error&& error() && { return std::move(*std::get_if<1>(&error_)); }

 private:
  std::variant<std::monostate, Error> error_;
};

}  // namespace suture

/** The value of a Result; hands an Error on to the caller of the function that it stands in. */
#define TRY(expression)                                        \
  ({                                                           \
    auto tried = (expression);                                 \
    if (!tried.ok()) return std::move(tried).error();          \
    std::move(tried).value();                                  \
  })
