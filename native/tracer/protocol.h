// Frames, heads and bodies of PROTOCOL.md. What comes in is hostile until checked: every field is asked for by
// name and type, and whatever is not what it should be is an Error of kind "usage".
#pragma once

#include "remote-ptr.h"
#include "result.h"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace suture {

inline constexpr int protocolVersion = 3;
inline constexpr size_t maxHeadLength = size_t{16} << 20;
inline constexpr size_t maxBodyLength = size_t{1} << 30;

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;

/** The head is always an object. */
struct Request {
  Json head;
  Bytes body;
};

struct Answer {
  Json result = Json::object();
  Bytes body = {};
};

/** Waits for one frame. Nothing: the input was closed between two frames. A frame over the limits, cut short, or with a head that is no JSON object is an Error. */
Result<std::optional<Request>> readFrame(int fd);

/** False when nobody reads any more. */
[[nodiscard]] bool writeFrame(int fd, const Json& head, ByteView body);

/** The answer head for a request: {"id", "result"} or {"id", "error": {…data, "kind", "message"}}. */
Json answerHead(const Json& id, const Answer& answer);
Json errorHead(const Json& id, const Error& error);

/** `0x` and lower-case digits. */
std::string formatHex(uint64_t value);
inline std::string formatHex(RemotePtr at) { return formatHex(at.bits()); }
std::optional<uint64_t> parseHex(std::string_view text);

// Fields of a JSON object that came in; a missing or wrong one is an Error that names it.
Result<RemotePtr> addressField(const Json& object, const char* name);
/** A 64-bit number written as "0x…". */
Result<uint64_t> hexField(const Json& object, const char* name);
/** A JSON number without fraction, 0 … `most`. */
Result<uint64_t> integerField(const Json& object, const char* name, uint64_t most = uint64_t{1} << 53);
Result<pid_t> pidField(const Json& object, const char* name = "pid");
Result<std::string> textField(const Json& object, const char* name);
/** Empty when absent. */
Result<std::string> optionalTextField(const Json& object, const char* name);
/** False when absent. */
Result<bool> flagField(const Json& object, const char* name);
/** The returned pointer lives as long as `object`; every element is an object. */
Result<const Json*> objectsField(const Json& object, const char* name);
/** {"start": "0x…", "end": "0x…"}, not empty. */
Result<RemoteRange> rangeOf(const Json& object);
Result<std::vector<RemoteRange>> rangesField(const Json& object, const char* name);

/** Hands out the bytes of a body in the order in which the head names them. */
class BodyReader {
 public:
  explicit BodyReader(ByteView body) : rest_(body) {}

  Result<ByteView> take(uint64_t length);
  /** Refuses a body that is longer than what the head named. */
  Result<void> finish() const;

 private:
  ByteView rest_;
};

}  // namespace suture
