#include "debug-information.h"
#include "handlers.h"
#include "scratch.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <random>

using namespace suture;
using suture::test::ScratchFolder;

namespace {

constexpr const char* program = R"(
#include <stdio.h>
#include <stdlib.h>
__attribute__((noreturn, noinline)) void giveUp(int code) { exit(code); }
static inline int squared(int x) { if (x > 1000) puts("large"); return x * x; }
__attribute__((noinline)) static int local(int x) { return squared(x) + 1; }
__attribute__((cold, noinline)) void rare(int x) { printf("%d\n", x); }
__attribute__((noinline)) int split(int x) { if (x == 77) { rare(x); rare(x + 1); } return local(x); }
int main(int count, char **words) { (void)words; if (count > 9) giveUp(count); return split(count); }
)";

struct Read {
  DebugFile file;
  DebugInformation information;
};

Read readIt(const std::string& path, DebugOptions options = {}) {
  auto file = DebugFile::open(path);
  REQUIRE_MESSAGE(file.ok(), (file.ok() ? "" : file.error().message));
  DebugInformation information = readDebugInformation(file.value(), options);
  return {std::move(file).value(), std::move(information)};
}

const DebugFunction& functionNamed(const Read& read, std::string_view name) {
  const auto& functions = read.information.functions;
  const auto found = std::find_if(functions.begin(), functions.end(), [name](const DebugFunction& function) { return function.name == name; });
  REQUIRE_MESSAGE(found != functions.end(), std::string(name));
  return *found;
}

ErrorKind refusalOf(const std::string& path) {
  const auto file = DebugFile::open(path);
  return file.ok() ? ErrorKind::internal : file.error().kind;
}

}  // namespace

TEST_CASE("readDebugInformation() says who and where each function is") {
  const ScratchFolder folder;
  folder.write("program.c", program);
  for (const char* flags : {"-O2 -gdwarf-5", "-O2 -gdwarf-4", "-O0 -gdwarf-2 -gstrict-dwarf", "-O2 -g -gz", "-O2 -g -no-pie -fno-pie", "-O2 -g3 -ffunction-sections -Wl,--gc-sections"}) {
    CAPTURE(flags);
    folder.run(std::string("gcc -w ") + flags + " program.c -o program");
    const Read read = readIt(folder / "program");
    CHECK(read.file.from() == folder / "program");
    REQUIRE(read.information.units.size() == 1);
    CHECK(read.information.units[0].name == "program.c");

    const DebugFunction& local = functionNamed(read, "local");
    CHECK_FALSE(local.isExternal);
    CHECK(local.line == 6);
    REQUIRE(local.file.has_value());
    CHECK(read.information.files[*local.file] == folder / "program.c");
    CHECK(functionNamed(read, "main").isExternal);
    CHECK(functionNamed(read, "main").ranges.front().start == functionNamed(read, "main").entry);
  }
}

TEST_CASE("readDebugInformation() gives all ranges, the one with the entry first") {
  const ScratchFolder folder;
  folder.write("program.c", program);
  folder.run("gcc -O2 -g program.c -o program");
  const Read read = readIt(folder / "program");
  const DebugFunction& split = functionNamed(read, "split");
  REQUIRE(split.ranges.size() == 2);
  CHECK(split.ranges[0].start == split.entry);
  CHECK(functionNamed(read, "giveUp").isNoReturn);
}

TEST_CASE("readDebugInformation() tells where a function was inlined only when asked") {
  const ScratchFolder folder;
  folder.write("program.c", program);
  folder.run("gcc -O2 -g program.c -o program");
  CHECK(readIt(folder / "program").information.inlined.empty());

  const Read read = readIt(folder / "program", {.withInlined = true});
  const auto& inlined = read.information.inlined;
  const auto copy = std::find_if(inlined.begin(), inlined.end(), [](const InlinedCopy& one) { return std::strcmp(one.name, "squared") == 0; });
  REQUIRE(copy != inlined.end());
  CHECK(copy->into == functionNamed(read, "local").entry);
}

TEST_CASE("readDebugInformation() tells which files each unit is made of only when asked") {
  const ScratchFolder folder;
  folder.run("mkdir parts");
  folder.write("parts/body.inc", "return x + 1;\n");
  folder.write("one.c", "int one(int x) {\n#include \"parts/body.inc\"\n}\n");
  folder.write("two.c", "int one(int x);\nint main(void) { return one(1); }\n");
  // Each of these writes other tables; with split debug information they are in two places.
  for (const char* flags : {"-gdwarf-5", "-gdwarf-4", "-O2 -gdwarf-2 -gstrict-dwarf", "-g1", "-g -gz", "-g -gsplit-dwarf"}) {
    for (const char* compiler : {"gcc ", "clang "}) {
      CAPTURE(flags);
      CAPTURE(compiler);
      folder.run(std::string(compiler) + "-w " + flags + " one.c two.c -o program");
      CHECK(readIt(folder / "program").information.units[0].files.empty());
      const Read read = readIt(folder / "program", {.withUnitFiles = true});
      REQUIRE(read.information.units.size() == 2);
      // Names in directories below the unit's own are relative to that.
      const auto names = [&](size_t unit, const std::string& name) {
        const auto& files = read.information.units[unit].files;
        return std::any_of(files.begin(), files.end(), [&](unsigned file) {
          const std::filesystem::path path = std::filesystem::path(folder / ".") / read.information.files[file];
          return path.lexically_normal() == folder / name;
        });
      };
      CHECK(names(0, "one.c"));
      CHECK(names(0, "parts/body.inc"));
      CHECK(names(1, "two.c"));
      CHECK_FALSE(names(1, "parts/body.inc"));
    }
  }
}

TEST_CASE("readDebugInformation() finds methods, templates, lambdas and functions of namespaces") {
  const ScratchFolder folder;
  folder.write("program.cc", R"(
namespace outer { namespace {
struct Point { int x; __attribute__((noinline)) int twice() const { return x * 2; } };
template <class T> __attribute__((noinline)) T same(T value) { return value; }
} 
__attribute__((noinline)) int use(int n) {
  struct Local { __attribute__((noinline)) int method(int y) { return y - 1; } } local;
  auto lambda = [n](int y) __attribute__((noinline)) { return n + y; };
  return Point{n}.twice() + same(n) + local.method(n) + lambda(n);
} }
int main(int n, char **) { return outer::use(n); }
)");
  for (const char* flags : {"-O0", "-O2"}) {
    CAPTURE(flags);
    folder.run(std::string("g++ -g ") + flags + " program.cc -o program");
    const Read read = readIt(folder / "program");
    for (const char* name : {"twice", "same<int>", "use", "method", "operator()"}) functionNamed(read, name);
    CHECK(std::strcmp(functionNamed(read, "use").linkageName, "_ZN5outer3useEi") == 0);
  }
}

TEST_CASE("readDebugInformation() finds GNU C's nested functions") {
  const ScratchFolder folder;
  folder.write("nested.c", R"(
int main(int n, char **w) { (void)w; __attribute__((noinline)) int inner(int x) { return x + n; } return inner(1) + inner(2); }
)");
  folder.run("gcc -O0 -g nested.c -o nested 2>/dev/null");
  functionNamed(readIt(folder / "nested"), "inner");
}

TEST_CASE("readDebugInformation() leaves out functions that the linker threw away") {
  const ScratchFolder folder;
  folder.write("a.c", "int unused(void) { return 1; } int main(void) { return 0; }");
  folder.run("gcc -g -O2 -ffunction-sections -Wl,--gc-sections a.c -o a");
  const Read read = readIt(folder / "a");
  CHECK(read.information.functions.size() == 1);
}

TEST_CASE("readDebugInformation() names the unit in which a function was written under link-time optimisation") {
  const ScratchFolder folder;
  folder.write("a.c", "int b(int); int main(int n, char **w) { (void)w; return b(n); }");
  folder.write("b.c", "__attribute__((noinline)) int b(int n) { return n * 7; }");
  folder.run("gcc -g -O2 -flto a.c b.c -o lto 2>/dev/null");
  const Read read = readIt(folder / "lto");
  CHECK(read.information.units[functionNamed(read, "b").unit].name == "b.c");
}

TEST_CASE("DebugFile::open() finds the separate debug file by its link") {
  const ScratchFolder folder;
  folder.write("program.c", program);
  folder.run("gcc -O2 -g program.c -o program && objcopy --only-keep-debug program program.debug"
             " && strip program && objcopy --add-gnu-debuglink=program.debug program");
  const Read read = readIt(folder / "program");
  CHECK(read.file.from() == folder / "program.debug");
  CHECK(functionNamed(read, "split").ranges.size() == 2);

  folder.run("gcc -O1 -g program.c -o other && objcopy --only-keep-debug other program.debug");
  CHECK(refusalOf(folder / "program") == ErrorKind::noDebugInformation);
}

TEST_CASE("DebugFile::open() refuses what it cannot read, each by its kind") {
  const ScratchFolder folder;
  folder.write("program.c", program);
  folder.run("gcc -O2 program.c -o stripped -s && gcc -g -c program.c -o object.o && ln -s /nowhere dangling && mkfifo pipe");
  folder.write("text", "not an ELF file, but long enough to hold a header of one, if it were one to begin with");
  folder.write("short", "\177ELF");
  CHECK(refusalOf(folder / "stripped") == ErrorKind::noDebugInformation);
  CHECK(refusalOf(folder / "object.o") == ErrorKind::badElf);
  CHECK(refusalOf(folder / "text") == ErrorKind::badElf);
  CHECK(refusalOf(folder / "short") == ErrorKind::badElf);
  CHECK(refusalOf(folder / "pipe") == ErrorKind::badElf);
  CHECK(refusalOf(folder / ".") == ErrorKind::badElf);
  CHECK(refusalOf(folder / "dangling") == ErrorKind::fileNotFound);
}

TEST_CASE("debug survives damaged files") {
  const ScratchFolder folder;
  folder.write("program.c", program);
  folder.run("gcc -O2 -g program.c -o program");
  std::string whole;
  REQUIRE(readTextFile(folder / "program", whole));
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    std::string damaged = whole;
    // Past the segments, where the debug information lies; every fourth file in its headers too.
    const size_t from = i % 4 == 0 ? 0 : damaged.size() / 2;
    for (unsigned changes = 1 + random() % 40; changes > 0; --changes) {
      damaged[from + random() % (damaged.size() - from)] = static_cast<char>(random());
    }
    if (i % 10 == 0) damaged.resize(random() % damaged.size());
    folder.write("damaged", damaged);
    const auto answer = debug({{{"path", folder / "damaged"}, {"inlined", true}}, {}});
    if (!answer.ok()) CHECK((answer.error().kind == ErrorKind::badElf || answer.error().kind == ErrorKind::noDebugInformation));
  }
}

TEST_CASE("debug answers with JSON whatever the names are") {
  const ScratchFolder folder;
  folder.write("a\"\\\x01.c", "int main(void) { return 0; }");
  folder.run("gcc -g 'a\"\\\x01.c' -o a");
  const auto answer = debug({{{"path", folder / "a"}}, {}});
  REQUIRE(answer.ok());
  const Json parsed = Json::parse(answer.value().body, nullptr, false);
  REQUIRE(parsed.is_object());
  CHECK(parsed["units"][0]["name"] == "a\"\\\x01.c");
}
