#include "handlers.h"
#include "protocol.h"
#include "scratch.h"

#include <cstring>
#include <random>

using namespace suture;
using suture::test::inputOf;

namespace {

std::string frame(std::string_view head, std::string_view body = {}) {
  const uint32_t lengths[] = {static_cast<uint32_t>(head.size()), static_cast<uint32_t>(body.size())};
  std::string bytes(reinterpret_cast<const char*>(lengths), sizeof lengths);
  return bytes.append(head).append(body);
}

std::string lengths(uint32_t head, uint32_t body) {
  const uint32_t both[] = {head, body};
  return std::string(reinterpret_cast<const char*>(both), sizeof both);
}

std::string complaintAbout(std::string_view bytes) {
  const File input = inputOf(bytes);
  const auto read = readFrame(input.fd());
  return read.ok() ? "" : read.error().message;
}

}  // namespace

TEST_CASE("readFrame() reads one frame after the other, then tells that the input has ended") {
  const File input = inputOf(frame(R"({"id":1})", "abc") + frame(R"({"id":2})"));

  auto first = readFrame(input.fd());
  REQUIRE(first.ok());
  CHECK(first.value()->head == Json{{"id", 1}});
  CHECK(first.value()->body == Bytes{'a', 'b', 'c'});

  auto second = readFrame(input.fd());
  REQUIRE(second.ok());
  CHECK(second.value()->body.empty());

  auto end = readFrame(input.fd());
  REQUIRE(end.ok());
  CHECK_FALSE(end.value().has_value());
}

TEST_CASE("readFrame() refuses what is no frame") {
  CHECK(complaintAbout("abc") == "Cannot read a request: the input ended inside a frame");
  CHECK(complaintAbout(lengths(100, 0) + "{}") == "Cannot read a request: the input ended inside a frame");
  CHECK(complaintAbout(lengths(2, 0x3fffffff) + "{}") == "Cannot read a request: the input ended inside a frame");
  CHECK(complaintAbout(lengths(0xffffffff, 0)) == "Cannot read a request: a head of 4294967295 bytes is over the limit");
  CHECK(complaintAbout(lengths(2, 0x40000001)) == "Cannot read a request: a body of 1073741825 bytes is over the limit");
  for (const char* head : {"", "{", "[]", "7", "null", "{\"id\":1}x", "\xff\xfe", "{\"\xff\":1}"}) {
    CAPTURE(head);
    CHECK(complaintAbout(frame(head)) == "Cannot read a request: the head is not a JSON object");
  }
}

TEST_CASE("readFrame() survives a head that nests without end") {
  const std::string deep(1 << 20, '[');
  CHECK(complaintAbout(frame(deep)) == "Cannot read a request: the head is not a JSON object");
  const std::string closed = R"({"a":)" + std::string(100000, '[') + std::string(100000, ']') + "}";
  CHECK(complaintAbout(frame(closed)).empty());
}

TEST_CASE("readFrame() and serve() survive random heads") {
  std::mt19937 random(1);
  const std::string alphabet = R"({}[]",:0123456789-.eE\untrfalsx idmethopr)";
  const std::string seed = R"({"id":1,"method":"read","pid":1,"at":"0x10","length":4,"start":"0x1","end":"0x2","path":"/"})";
  for (int i = 0; i < 5000; ++i) {
    std::string head = seed;
    for (unsigned changes = random() % 6; changes > 0; --changes) head[random() % head.size()] = alphabet[random() % alphabet.size()];
    const File input = inputOf(frame(head));
    auto read = readFrame(input.fd());
    if (read.ok() && read.value()) CHECK(serve(*read.value()).head.is_object());
  }
}

TEST_CASE("writeFrame() writes names that are no UTF-8") {
  const File output(::memfd_create("output", MFD_CLOEXEC));
  const Bytes body = {1, 2};
  REQUIRE(writeFrame(output.fd(), {{"name", "a\xff" "b"}}, body));
  ::lseek(output.fd(), 0, SEEK_SET);
  auto read = readFrame(output.fd());
  REQUIRE(read.ok());
  CHECK(read.value()->head["name"] == "a\xef\xbf\xbd" "b");
  CHECK(read.value()->body == body);
}

TEST_CASE("serve() answers with the id of the request, whatever it is") {
  CHECK(serve({{{"id", "x"}, {"method", "none"}}, {}}).head ==
        Json{{"id", "x"}, {"error", {{"kind", "usage"}, {"message", "Cannot serve the request: no method is named \"none\""}}}});
  CHECK(serve({Json::object(), {}}).head["id"].is_null());
  CHECK(serve({{{"id", 7}, {"method", 3}}, {}}).head["error"]["message"] == "Cannot serve the request: \"method\" must be a string");
}

TEST_CASE("hello refuses a protocol that the helper does not speak") {
  CHECK(serve({{{"id", 1}, {"method", "hello"}, {"protocol", protocolVersion}}, {}}).head["result"]["protocol"] == protocolVersion);
  CHECK(serve({{{"id", 1}, {"method", "hello"}, {"protocol", protocolVersion + 1}}, {}}).head["error"]["kind"] == "usage");
}

TEST_CASE("parseHex() reads what formatHex() writes, and nothing else") {
  for (const uint64_t value : {uint64_t{0}, uint64_t{0x7f12}, ~uint64_t{0}}) CHECK(parseHex(formatHex(value)) == value);
  for (const char* text : {"", "0x", "12", "0xg", "0x1 ", " 0x1", "-0x1", "0x-1", "0x10000000000000000"}) {
    CAPTURE(text);
    CHECK_FALSE(parseHex(text).has_value());
  }
}

TEST_CASE("fields are asked for by name and type") {
  const Json object = {{"pid", 12}, {"at", "0x10"}, {"big", 1e300}, {"minus", -1}, {"text", std::string("a\0b", 3)}, {"list", {1, 2}}};
  CHECK(pidField(object).value() == 12);
  CHECK(addressField(object, "at").value() == RemotePtr(16));
  CHECK_FALSE(addressField(object, "pid").ok());
  CHECK_FALSE(integerField(object, "big").ok());
  CHECK_FALSE(integerField(object, "minus").ok());
  CHECK_FALSE(integerField(object, "pid", 11).ok());
  CHECK_FALSE(textField(object, "text").ok());
  CHECK_FALSE(objectsField(object, "list").ok());
  CHECK_FALSE(pidField(Json::object()).ok());
  CHECK_FALSE(pidField({{"pid", 0}}).ok());
  CHECK_FALSE(pidField({{"pid", uint64_t{1} << 40}}).ok());
  CHECK(flagField(object, "absent").value() == false);
}

TEST_CASE("rangeOf() refuses a range that is empty or turned round") {
  CHECK(rangeOf({{"start", "0x1"}, {"end", "0x3"}}).value().length() == 2);
  CHECK_FALSE(rangeOf({{"start", "0x1"}, {"end", "0x1"}}).ok());
  CHECK_FALSE(rangeOf({{"start", "0x2"}, {"end", "0x1"}}).ok());
}

TEST_CASE("BodyReader hands out bytes in order and knows when they do not add up") {
  const Bytes body = {1, 2, 3};
  BodyReader reader(body);
  CHECK(reader.take(1).value()[0] == 1);
  CHECK(reader.take(0).ok());
  CHECK_FALSE(reader.finish().ok());
  CHECK_FALSE(reader.take(3).ok());
  CHECK_FALSE(reader.take(~uint64_t{0}).ok());
  CHECK(reader.take(2).value()[1] == 3);
  CHECK(reader.finish().ok());
}
