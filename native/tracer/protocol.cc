#include "protocol.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>

namespace suture {

static_assert(std::endian::native == std::endian::little, "frame lengths are read and written as they lie in memory");

namespace {

struct FrameLengths {
  uint32_t head;
  uint32_t body;
};

Error badFrame(const std::string& found) {
  return {ErrorKind::usage, "Cannot read a request: " + found};
}

/** How many bytes came before the input ended or failed. */
size_t readUpTo(int fd, uint8_t* into, size_t length) {
  size_t used = 0;
  while (used < length) {
    const ssize_t got = ::read(fd, into + used, length - used);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    used += static_cast<size_t>(got);
  }
  return used;
}

/** Memory grows with what has really come, not with what a frame claims. */
bool readExactly(int fd, Bytes& into, size_t length) {
  constexpr size_t step = size_t{4} << 20;
  for (size_t used = 0; used < length;) {
    const size_t wanted = std::min(length - used, std::max(step, used));
    into.resize(used + wanted);
    if (readUpTo(fd, into.data() + used, wanted) != wanted) return false;
    used += wanted;
  }
  return true;
}

bool writeExactly(int fd, const uint8_t* from, size_t length) {
  while (length > 0) {
    const ssize_t put = ::write(fd, from, length);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    from += put;
    length -= static_cast<size_t>(put);
  }
  return true;
}

Error badField(const char* name, const std::string& expected) {
  return {ErrorKind::usage, "Cannot serve the request: \"" + std::string(name) + "\" must be " + expected};
}

const Json* findField(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

}  // namespace

Result<std::optional<Request>> readFrame(int fd) {
  std::array<uint8_t, sizeof(FrameLengths)> prefix;
  const size_t came = readUpTo(fd, prefix.data(), prefix.size());
  if (came == 0) return std::optional<Request>();
  if (came < prefix.size()) return badFrame("the input ended inside a frame");

  FrameLengths lengths;
  std::memcpy(&lengths, prefix.data(), sizeof lengths);
  if (lengths.head > maxHeadLength) return badFrame("a head of " + std::to_string(lengths.head) + " bytes is over the limit");
  if (lengths.body > maxBodyLength) return badFrame("a body of " + std::to_string(lengths.body) + " bytes is over the limit");

  Bytes head;
  Request request;
  if (!readExactly(fd, head, lengths.head) || !readExactly(fd, request.body, lengths.body)) {
    return badFrame("the input ended inside a frame");
  }
  request.head = Json::parse(head.begin(), head.end(), nullptr, false);
  if (!request.head.is_object()) return badFrame("the head is not a JSON object");
  return std::optional<Request>(std::move(request));
}

bool writeFrame(int fd, const Json& head, ByteView body) {
  // Names of files and threads are bytes; whatever is no UTF-8 becomes U+FFFD instead of an exception.
  const std::string text = head.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > maxHeadLength || body.size() > maxBodyLength) return false;

  const FrameLengths lengths = {static_cast<uint32_t>(text.size()), static_cast<uint32_t>(body.size())};
  Bytes front(sizeof lengths + text.size());
  std::memcpy(front.data(), &lengths, sizeof lengths);
  std::memcpy(front.data() + sizeof lengths, text.data(), text.size());
  return writeExactly(fd, front.data(), front.size()) && writeExactly(fd, body.data(), body.size());
}

Json answerHead(const Json& id, const Answer& answer) {
  return {{"id", id}, {"result", answer.result}};
}

Json errorHead(const Json& id, const Error& error) {
  Json body = error.data.is_object() ? error.data : Json::object();
  body["kind"] = nameOf(error.kind);
  body["message"] = error.message;
  return {{"id", id}, {"error", std::move(body)}};
}

std::string formatHex(uint64_t value) {
  char digits[2 + 16] = {'0', 'x'};
  const auto written = std::to_chars(digits + 2, digits + sizeof digits, value, 16);
  return std::string(digits, written.ptr);
}

std::optional<uint64_t> parseHex(std::string_view text) {
  if (!text.starts_with("0x")) return std::nullopt;
  text.remove_prefix(2);
  uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<uint64_t> hexField(const Json& object, const char* name) {
  const Json* field = findField(object, name);
  if (field == nullptr || !field->is_string()) return badField(name, "a string \"0x…\"");
  const std::optional<uint64_t> value = parseHex(*field->get_ptr<const std::string*>());
  if (!value) return badField(name, "a string \"0x…\"");
  return *value;
}

Result<RemotePtr> addressField(const Json& object, const char* name) {
  return RemotePtr(TRY(hexField(object, name)));
}

Result<uint64_t> integerField(const Json& object, const char* name, uint64_t most) {
  const Json* field = findField(object, name);
  const std::string expected = "an integer between 0 and " + std::to_string(most);
  if (field == nullptr || !field->is_number_integer()) return badField(name, expected);
  const bool isNegative = !field->is_number_unsigned() && *field->get_ptr<const Json::number_integer_t*>() < 0;
  const uint64_t value = field->get<uint64_t>();
  if (isNegative || value > most) return badField(name, expected);
  return value;
}

Result<pid_t> pidField(const Json& object, const char* name) {
  const uint64_t value = TRY(integerField(object, name, std::numeric_limits<pid_t>::max()));
  if (value == 0) return badField(name, "a process id");
  return static_cast<pid_t>(value);
}

Result<std::string> textField(const Json& object, const char* name) {
  const Json* field = findField(object, name);
  if (field == nullptr || !field->is_string()) return badField(name, "a string");
  const std::string& text = *field->get_ptr<const std::string*>();
  if (text.find('\0') != std::string::npos) return badField(name, "a string without zero bytes");
  return text;
}

Result<std::string> optionalTextField(const Json& object, const char* name) {
  if (findField(object, name) == nullptr) return std::string();
  return textField(object, name);
}

Result<bool> flagField(const Json& object, const char* name) {
  const Json* field = findField(object, name);
  if (field == nullptr) return false;
  if (!field->is_boolean()) return badField(name, "true or false");
  return *field->get_ptr<const Json::boolean_t*>();
}

Result<const Json*> objectsField(const Json& object, const char* name) {
  const Json* field = findField(object, name);
  if (field == nullptr || !field->is_array()) return badField(name, "an array of objects");
  const auto isObject = [](const Json& element) { return element.is_object(); };
  if (!std::all_of(field->begin(), field->end(), isObject)) return badField(name, "an array of objects");
  return field;
}

Result<RemoteRange> rangeOf(const Json& object) {
  const RemoteRange range = {TRY(addressField(object, "start")), TRY(addressField(object, "end"))};
  if (range.isEmpty()) return badField("end", "above \"start\"");
  return range;
}

Result<std::vector<RemoteRange>> rangesField(const Json& object, const char* name) {
  std::vector<RemoteRange> ranges;
  for (const Json& range : *TRY(objectsField(object, name))) ranges.push_back(TRY(rangeOf(range)));
  return ranges;
}

Result<ByteView> BodyReader::take(uint64_t length) {
  if (length > rest_.size()) {
    return Error{ErrorKind::usage, "Cannot serve the request: its body is shorter than its head says"};
  }
  const ByteView taken = rest_.first(length);
  rest_ = rest_.subspan(length);
  return taken;
}

Result<void> BodyReader::finish() const {
  if (rest_.empty()) return {};
  return Error{ErrorKind::usage, "Cannot serve the request: its body is longer than its head says"};
}

}  // namespace suture
