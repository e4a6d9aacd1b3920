// The request `debug`. Its answer can be tens of megabytes, so it is written as text at once instead of being
// built as a tree, and functions are rows instead of objects.
#include "debug-information.h"
#include "handlers.h"

namespace suture {

namespace {

class JsonText {
 public:
  JsonText& raw(std::string_view text) {
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    return *this;
  }
  JsonText& number(uint64_t value) { return raw(std::to_string(value)); }
  JsonText& hex(uint64_t value) { return raw("\"").raw(formatHex(value)).raw("\""); }

  JsonText& text(std::string_view value) {
    raw("\"");
    for (const char c : value) character(c);
    return raw("\"");
  }

  /** Writes `[`, each element with commas between, `]`. */
  template <typename List, typename WriteElement>
  JsonText& list(const List& elements, WriteElement writeElement) {
    raw("[");
    bool isFirst = true;
    for (const auto& element : elements) {
      if (!isFirst) raw(",");
      isFirst = false;
      writeElement(element);
    }
    return raw("]");
  }

  Bytes take() { return std::move(bytes_); }

 private:
  void character(char c) {
    if (c == '"' || c == '\\') raw("\\");
    if (static_cast<unsigned char>(c) >= 0x20) {
      bytes_.push_back(static_cast<uint8_t>(c));
      return;
    }
    constexpr char digits[] = "0123456789abcdef";
    raw("\\u00");
    bytes_.push_back(static_cast<uint8_t>(digits[c >> 4]));
    bytes_.push_back(static_cast<uint8_t>(digits[c & 15]));
  }

  Bytes bytes_;
};

void writeRanges(JsonText& out, const std::vector<FileRange>& ranges) {
  out.list(ranges, [&](const FileRange& range) { out.hex(range.start).raw(",").hex(range.end); });
}

void writeUnit(JsonText& out, const DebugUnit& unit) {
  out.raw("{\"name\":").text(unit.name);
  out.raw(",\"directory\":").text(unit.directory);
  out.raw(",\"producer\":").text(unit.producer);
  out.raw(",\"language\":").number(unit.language);
  out.raw(",\"files\":").list(unit.files, [&](unsigned file) { out.number(file); }).raw("}");
}

/** [name, linkage name or null, entry, [start, end, …], unit, file or -1, line, external, noreturn] */
void writeFunction(JsonText& out, const DebugFunction& function) {
  out.raw("[").text(function.name).raw(",");
  if (function.linkageName == nullptr) out.raw("null");
  else out.text(function.linkageName);
  out.raw(",").hex(function.entry).raw(",");
  writeRanges(out, function.ranges);
  out.raw(",").number(function.unit).raw(",");
  if (function.file) out.number(*function.file);
  else out.raw("-1");
  out.raw(",").number(function.line);
  out.raw(function.isExternal ? ",true" : ",false").raw(function.isNoReturn ? ",true]" : ",false]");
}

/** [name, unit, into, [start, end, …]] */
void writeInlinedCopy(JsonText& out, const InlinedCopy& copy) {
  out.raw("[").text(copy.name).raw(",").number(copy.unit).raw(",").hex(copy.into).raw(",");
  writeRanges(out, copy.ranges);
  out.raw("]");
}

Bytes toJson(const std::string& from, const DebugInformation& information) {
  JsonText out;
  out.raw("{\"from\":").text(from);
  out.raw(",\"files\":").list(information.files, [&](const std::string& file) { out.text(file); });
  out.raw(",\"units\":").list(information.units, [&](const DebugUnit& unit) { writeUnit(out, unit); });
  out.raw(",\"functions\":").list(information.functions, [&](const DebugFunction& function) { writeFunction(out, function); });
  out.raw(",\"inlined\":").list(information.inlined, [&](const InlinedCopy& copy) { writeInlinedCopy(out, copy); });
  out.raw("}");
  return out.take();
}

}  // namespace

Result<Answer> debug(const Request& request) {
  const std::string path = TRY(textField(request.head, "path"));
  DebugOptions options;
  options.withInlined = TRY(flagField(request.head, "inlined"));
  options.withUnitFiles = TRY(flagField(request.head, "unitFiles"));
  const std::string debugFile = TRY(optionalTextField(request.head, "debugFile"));
  const DebugFile file = TRY(DebugFile::open(path, debugFile));
  return Answer{Json::object(), toJson(file.from(), readDebugInformation(file, options))};
}

}  // namespace suture
