#include "layouts.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>

using namespace suture;

namespace {

/** An object of this source; lives in a folder of its own that goes with the test. */
struct CompiledObject {
  std::string folder;
  std::string path;

  explicit CompiledObject(const char* source) {
    char name[] = "/tmp/suture-layouts-XXXXXX";
    folder = mkdtemp(name);
    path = folder + "/unit.o";
    std::ofstream(folder + "/unit.c") << source;
    REQUIRE(system(("gcc -g -c -o " + path + " " + folder + "/unit.c").c_str()) == 0);
  }
  ~CompiledObject() { CHECK(system(("rm -r " + folder).c_str()) == 0); }
};

const StructureLayout& structureNamed(const std::vector<StructureLayout>& layouts, const std::string& name) {
  for (const StructureLayout& layout : layouts) {
    if (layout.name == name) return layout;
  }
  FAIL("no structure is named ", name);
  return layouts.front();
}

}  // namespace

TEST_CASE("readLayouts() gives offsets, bit-fields, nameless members and typedef names of an object") {
  const CompiledObject object(
    "struct client { int id; unsigned open : 1, mode : 3; union { long l; char text[16]; }; struct client *next; };\n"
    "typedef struct { double x, y; } point;\n"
    "struct client one; point two;\n");
  const auto layouts = readLayouts(object.path);
  REQUIRE(layouts.ok());

  const StructureLayout& client = structureNamed(layouts.value(), "client");
  CHECK(client.size == 32);
  REQUIRE(client.members.size() == 6);
  CHECK(client.members[1].name == "open");
  CHECK(client.members[1].bitOffset == 32);
  CHECK(client.members[2].bitOffset == 33);
  CHECK(client.members[2].bitSize == 3);
  CHECK(client.members[4].name == "text");
  CHECK(client.members[4].type == "char[16]");
  CHECK(client.members[4].bitOffset == 64);
  CHECK(client.members[5].type == "struct client *");
  CHECK(structureNamed(layouts.value(), "point").size == 16);
}

TEST_CASE("readLayouts() gives the values of enumerations, and what number a typedef stands for") {
  const CompiledObject object(
    "enum color { RED, GREEN = 7, BLUE = -2 }; enum { NAMELESS = 3 }; typedef enum { ONLY } only;\n"
    "typedef unsigned length; struct text { length bytes; } one; enum color two; only three = NAMELESS;\n");
  const auto layouts = readLayouts(object.path);
  REQUIRE(layouts.ok());
  const StructureLayout& color = structureNamed(layouts.value(), "color");
  REQUIRE(color.members.size() == 3);
  CHECK(color.members[1].type == "7");
  CHECK(color.members[2].type == "-2");
  CHECK(structureNamed(layouts.value(), "").members[0].name == "NAMELESS");
  CHECK(structureNamed(layouts.value(), "text").members[0].type == "length (unsigned int)");
}

TEST_CASE("readLayouts() says how the bits of static variables are read") {
  const CompiledObject object(
    "typedef float share; struct pair { int a, b; };\n"
    "share part; extern int elsewhere; static unsigned *const words = 0; enum colour { red } tint; struct pair both[2];\n"
    "int count(void) { static const volatile long calls = 1; int local = elsewhere; return local + (int)calls + (words != 0); }\n");
  const auto layouts = readLayouts(object.path);
  REQUIRE(layouts.ok());
  const auto typeOf = [&](const std::string& name) { return structureNamed(layouts.value(), name).members.at(0).type; };
  CHECK(typeOf("part") == "floating-point number");
  CHECK(typeOf("words") == "pointer");
  CHECK(typeOf("tint") == "integer");
  CHECK(typeOf("both") == "array of struct pair");
  CHECK(typeOf("count()'s calls") == "integer");
  for (const StructureLayout& layout : layouts.value()) CHECK(layout.name != "elsewhere");
}

TEST_CASE("readLayouts() gives what a function takes and returns, and no declarations") {
  const CompiledObject object(
    "double elsewhere(int);\n"
    "double share(const char *name, unsigned short part, ...) { return elsewhere(part + (name != 0)); }\n"
    "void nothing(void) {}\n");
  const auto layouts = readLayouts(object.path);
  REQUIRE(layouts.ok());
  const StructureLayout& share = structureNamed(layouts.value(), "share");
  CHECK(std::string_view(share.kind) == "function");
  REQUIRE(share.members.size() == 4);
  CHECK(share.members[0].type == "floating-point number");
  CHECK(share.members[1].type == "pointer");
  CHECK(share.members[2].bitSize == 16);
  CHECK(share.members[3].name == "...");
  CHECK(structureNamed(layouts.value(), "nothing").members.at(0).type.empty());
  for (const StructureLayout& layout : layouts.value()) CHECK(layout.name != "elsewhere");
}
TEST_CASE("readLayouts() refuses a file without debug information and one that is no ELF") {
  CHECK(readLayouts("/nonexistent").error().kind == ErrorKind::fileNotFound);
  CHECK(readLayouts("/etc/passwd").error().kind == ErrorKind::badElf);
}
