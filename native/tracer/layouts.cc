#include "layouts.h"

#include "handlers.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <unordered_set>
#include <utility>

namespace suture {

namespace {

// A damaged file may nest, or refer in circles, without end.
constexpr int maxNesting = 64;

struct EndSession {
  void operator()(Dwfl* session) const { dwfl_end(session); }
};
using Session = std::unique_ptr<Dwfl, EndSession>;

int findNoDebugFile(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*, GElf_Word, char**) { return -1; }

std::string textOf(Dwarf_Die die, unsigned name) {
  Dwarf_Attribute attribute;
  const char* text = dwarf_formstring(dwarf_attr_integrate(&die, name, &attribute));
  return text == nullptr ? "" : text;
}

std::optional<uint64_t> numberOf(Dwarf_Die die, unsigned name) {
  Dwarf_Attribute attribute;
  Dwarf_Word value;
  if (dwarf_attr_integrate(&die, name, &attribute) == nullptr || dwarf_formudata(&attribute, &value) != 0) return std::nullopt;
  return value;
}

std::optional<Dwarf_Die> typeOf(Dwarf_Die die) {
  Dwarf_Attribute attribute;
  Dwarf_Die type;
  if (dwarf_attr_integrate(&die, DW_AT_type, &attribute) == nullptr || dwarf_formref_die(&attribute, &type) == nullptr) return std::nullopt;
  return type;
}

bool isStructure(int tag) { return tag == DW_TAG_structure_type || tag == DW_TAG_union_type || tag == DW_TAG_class_type; }

const char* kindOf(int tag) {
  if (tag == DW_TAG_union_type) return "union";
  return tag == DW_TAG_class_type ? "class" : "struct";
}

std::string spellType(std::optional<Dwarf_Die> type, int depth);

std::string spellDimensions(Dwarf_Die array) {
  std::string spelled;
  Dwarf_Die die;
  for (int more = dwarf_child(&array, &die); more == 0; more = dwarf_siblingof(&die, &die)) {
    if (dwarf_tag(&die) != DW_TAG_subrange_type) continue;
    std::optional<uint64_t> count = numberOf(die, DW_AT_count);
    if (!count) {
      if (const std::optional<uint64_t> last = numberOf(die, DW_AT_upper_bound)) count = *last + 1;
    }
    spelled += "[" + (count ? std::to_string(*count) : "") + "]";
  }
  return spelled;
}

/** What number a typedef stands for: two sources may have one name for two. */
std::string spellBase(Dwarf_Die type) {
  Dwarf_Die base;
  if (dwarf_peel_type(&type, &base) != 0 || dwarf_tag(&base) != DW_TAG_base_type) return "";
  return " (" + textOf(base, DW_AT_name) + ")";
}

std::string spellType(std::optional<Dwarf_Die> type, int depth) {
  if (!type) return "void";
  if (depth > maxNesting) return "…";
  const int tag = dwarf_tag(&*type);
  const std::string name = textOf(*type, DW_AT_name);
  switch (tag) {
    case DW_TAG_pointer_type: return spellType(typeOf(*type), depth + 1) + " *";
    case DW_TAG_reference_type: return spellType(typeOf(*type), depth + 1) + " &";
    case DW_TAG_rvalue_reference_type: return spellType(typeOf(*type), depth + 1) + " &&";
    case DW_TAG_const_type: return "const " + spellType(typeOf(*type), depth + 1);
    case DW_TAG_volatile_type: return "volatile " + spellType(typeOf(*type), depth + 1);
    case DW_TAG_array_type: return spellType(typeOf(*type), depth + 1) + spellDimensions(*type);
    case DW_TAG_subroutine_type: return "function";
    case DW_TAG_enumeration_type: return "enum " + name;
    case DW_TAG_typedef: return name + spellBase(*type);
    default: return isStructure(tag) ? std::string(kindOf(tag)) + " " + name : name;
  }
}

/** How the bits of a value are to be read. Types of one class may take each other's place in a live variable. */
std::string classOf(std::optional<Dwarf_Die> type, int depth) {
  if (!type || depth > maxNesting) return "";
  const int tag = dwarf_tag(&*type);
  if (isStructure(tag)) return std::string(kindOf(tag)) + " " + textOf(*type, DW_AT_name);
  switch (tag) {
    case DW_TAG_base_type: return numberOf(*type, DW_AT_encoding) == DW_ATE_float ? "floating-point number" : "integer";
    case DW_TAG_enumeration_type: return "integer";
    case DW_TAG_pointer_type: return "pointer";
    case DW_TAG_array_type: return "array of " + classOf(typeOf(*type), depth + 1);
    case DW_TAG_typedef: case DW_TAG_const_type: case DW_TAG_volatile_type: case DW_TAG_atomic_type: return classOf(typeOf(*type), depth + 1);
    default: return "";
  }
}

/** A variable with a place of its own for as long as the program runs. */
bool isStatic(Dwarf_Die variable) {
  Dwarf_Attribute attribute;
  Dwarf_Op* operations;
  size_t count = 0;
  if (dwarf_attr_integrate(&variable, DW_AT_location, &attribute) == nullptr || dwarf_getlocation(&attribute, &operations, &count) != 0) return false;
  return count == 1 && operations[0].atom == DW_OP_addr;
}

uint64_t bitSizeOf(Dwarf_Die member) {
  if (const std::optional<uint64_t> bits = numberOf(member, DW_AT_bit_size)) return *bits;
  std::optional<Dwarf_Die> type = typeOf(member);
  Dwarf_Word size = 0;
  if (!type || dwarf_aggregate_size(&*type, &size) != 0) return 0;
  return size * 8;
}

uint64_t bitOffsetOf(Dwarf_Die member) {
  if (const std::optional<uint64_t> bits = numberOf(member, DW_AT_data_bit_offset)) return *bits;
  const uint64_t offset = numberOf(member, DW_AT_data_member_location).value_or(0) * 8;
  const std::optional<uint64_t> fromTop = numberOf(member, DW_AT_bit_offset);
  if (!fromTop) return offset;
  // DWARF 2 and 3 count a bit-field from the most significant bit of its storage unit.
  const uint64_t storage = numberOf(member, DW_AT_byte_size).value_or(4) * 8;
  return offset + storage - *fromTop - bitSizeOf(member);
}

class LayoutReader {
 public:
  void readUnit(Dwarf_Die unit) { readChildren(unit, "", 0); }
  std::vector<StructureLayout> take() { return std::move(found_); }

 private:
  void readChildren(Dwarf_Die parent, const std::string& scope, int depth) {
    Dwarf_Die die;
    if (depth > maxNesting || dwarf_child(&parent, &die) != 0) return;
    for (;;) {
      readDie(die, scope, depth);
      Dwarf_Die next;
      if (dwarf_siblingof(&die, &next) != 0 || next.addr <= die.addr) return;
      die = next;
    }
  }

  void readDie(Dwarf_Die die, const std::string& scope, int depth) {
    const int tag = dwarf_tag(&die);
    if (tag == DW_TAG_namespace) return readChildren(die, scope + textOf(die, DW_AT_name) + "::", depth + 1);
    if (tag == DW_TAG_subprogram) return readFunction(die, scope, depth);
    if (tag == DW_TAG_lexical_block) return readChildren(die, scope, depth + 1);
    if (tag == DW_TAG_variable && isStatic(die)) return addVariable(die);
    if (tag == DW_TAG_typedef) return readTypedef(die, scope);
    if (tag == DW_TAG_enumeration_type) return addEnumeration(die, scope, textOf(die, DW_AT_name));
    if (!isStructure(tag)) return;
    const std::string name = textOf(die, DW_AT_name);
    if (!name.empty()) addStructure(die, scope + name);
    readChildren(die, scope + name + "::", depth + 1);
  }

  void readFunction(Dwarf_Die die, const std::string& scope, int depth) {
    addSignature(die);
    const std::string around = std::exchange(function_, textOf(die, DW_AT_name));
    readChildren(die, scope, depth + 1);
    function_ = around;
  }

  /** What caller and function agree on: the return value, then the parameters in order, each with how its bits are read. */
  void addSignature(Dwarf_Die die) {
    Dwarf_Attribute attribute;
    // An instance of what is described elsewhere adds nothing.
    if (dwarf_attr(&die, DW_AT_abstract_origin, &attribute) != nullptr || dwarf_attr(&die, DW_AT_declaration, &attribute) != nullptr) return;
    const std::string linkage = textOf(die, DW_AT_linkage_name);
    const std::string name = linkage.empty() ? textOf(die, DW_AT_name) : linkage;
    if (name.empty()) return;
    StructureLayout signature{"function", name, 0, {{"return value", 0, bitSizeOf(die), classOf(typeOf(die), 0)}}};
    Dwarf_Die part;
    for (int more = dwarf_child(&die, &part); more == 0; more = dwarf_siblingof(&part, &part)) {
      const int tag = dwarf_tag(&part);
      if (tag == DW_TAG_formal_parameter) signature.members.push_back({textOf(part, DW_AT_name), 0, bitSizeOf(part), classOf(typeOf(part), 0)});
      if (tag == DW_TAG_unspecified_parameters) signature.members.push_back({"...", 0, 0, "..."});
    }
    found_.push_back(std::move(signature));
  }

  void addVariable(Dwarf_Die die) {
    const std::string name = textOf(die, DW_AT_name);
    const std::string type = classOf(typeOf(die), 0);
    if (name.empty() || type.empty()) return;
    const uint64_t bits = bitSizeOf(die);
    found_.push_back({"variable", function_.empty() ? name : function_ + "()'s " + name, bits / 8, {{"value", 0, bits, type}}});
  }

  /** `typedef struct { … } name;` names a structure that has no name of its own. */
  void readTypedef(Dwarf_Die die, const std::string& scope) {
    const std::optional<Dwarf_Die> type = typeOf(die);
    if (!type || !textOf(*type, DW_AT_name).empty()) return;
    Dwarf_Die named = *type;
    if (isStructure(dwarf_tag(&named))) addStructure(named, scope + textOf(die, DW_AT_name));
  }

  /** One without a name is told by its enumerators, which C has in one scope. */
  void addEnumeration(Dwarf_Die die, const std::string& scope, const std::string& name) {
    StructureLayout layout{"enum", name.empty() ? "" : scope + name, numberOf(die, DW_AT_byte_size).value_or(0), {}};
    Dwarf_Die enumerator;
    for (int more = dwarf_child(&die, &enumerator); more == 0; more = dwarf_siblingof(&enumerator, &enumerator)) {
      if (dwarf_tag(&enumerator) == DW_TAG_enumerator) layout.members.push_back({textOf(enumerator, DW_AT_name), 0, 0, valueOf(enumerator)});
    }
    if (!layout.members.empty()) found_.push_back(std::move(layout));
  }

  static std::string valueOf(Dwarf_Die enumerator) {
    Dwarf_Attribute attribute;
    if (dwarf_attr(&enumerator, DW_AT_const_value, &attribute) == nullptr) return "";
    const unsigned form = dwarf_whatform(&attribute);
    Dwarf_Sword negative;
    if ((form == DW_FORM_sdata || form == DW_FORM_implicit_const) && dwarf_formsdata(&attribute, &negative) == 0) return std::to_string(negative);
    Dwarf_Word value;
    return dwarf_formudata(&attribute, &value) == 0 ? std::to_string(value) : "";
  }

  void addStructure(Dwarf_Die die, const std::string& name) {
    bool isDeclaration = false;
    Dwarf_Attribute attribute;
    if (dwarf_attr(&die, DW_AT_declaration, &attribute) != nullptr) dwarf_formflag(&attribute, &isDeclaration);
    if (isDeclaration || !seen_.insert(die.addr).second) return;
    StructureLayout layout{kindOf(dwarf_tag(&die)), name, numberOf(die, DW_AT_byte_size).value_or(0), {}};
    addMembers(die, "", 0, layout, 0);
    found_.push_back(std::move(layout));
  }

  /** Members of nameless structures are members of the one around them, in C and here. */
  void addMembers(Dwarf_Die structure, const std::string& prefix, uint64_t base, StructureLayout& layout, int depth) {
    Dwarf_Die die;
    if (depth > maxNesting) return;
    for (int more = dwarf_child(&structure, &die); more == 0; more = dwarf_siblingof(&die, &die)) {
      const int tag = dwarf_tag(&die);
      if (tag != DW_TAG_member && tag != DW_TAG_inheritance) continue;
      Dwarf_Attribute attribute;
      bool isStatic = dwarf_attr(&die, DW_AT_external, &attribute) != nullptr;
      if (!isStatic) addMember(die, prefix, base, layout, depth);
    }
  }

  void addMember(Dwarf_Die member, const std::string& prefix, uint64_t base, StructureLayout& layout, int depth) {
    const std::optional<Dwarf_Die> type = typeOf(member);
    std::string name = textOf(member, DW_AT_name);
    if (name.empty() && dwarf_tag(&member) == DW_TAG_inheritance) name = "base " + spellType(type, 0);
    const uint64_t offset = base + bitOffsetOf(member);
    Dwarf_Die nested;
    if (type) nested = *type;
    const bool isNameless = type && isStructure(dwarf_tag(&nested)) && textOf(nested, DW_AT_name).empty();
    if (!isNameless) {
      layout.members.push_back({prefix + name, offset, bitSizeOf(member), spellType(type, 0)});
      return;
    }
    if (!name.empty()) layout.members.push_back({prefix + name, offset, bitSizeOf(member), kindOf(dwarf_tag(&nested))});
    addMembers(nested, name.empty() ? prefix : prefix + name + ".", offset, layout, depth + 1);
  }

  std::vector<StructureLayout> found_;
  std::unordered_set<void*> seen_;
  /** The function that is being read. */
  std::string function_;
};

Json toJson(const StructureLayout& layout) {
  Json members = Json::array();
  for (const MemberLayout& member : layout.members) {
    members.push_back({{"name", member.name}, {"bitOffset", member.bitOffset}, {"bitSize", member.bitSize}, {"type", member.type}});
  }
  return {{"kind", layout.kind}, {"name", layout.name}, {"size", layout.size}, {"members", std::move(members)}};
}

}  // namespace

Result<std::vector<StructureLayout>> readLayouts(const std::string& path) {
  const std::string act = "Cannot read the structures of " + path + ": ";
  if (access(path.c_str(), R_OK) != 0) return Error{ErrorKind::fileNotFound, act + "it cannot be opened"};
  static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_build_id_find_elf,
    .find_debuginfo = findNoDebugFile,
    // Objects are relocated against address 0, as if they had been linked alone.
    .section_address = dwfl_offline_section_address,
    .debuginfo_path = nullptr,
  };
  const Session session(dwfl_begin(&callbacks));
  Dwfl_Module* module = session ? dwfl_report_offline(session.get(), "", path.c_str(), -1) : nullptr;
  if (module == nullptr) return Error{ErrorKind::badElf, act + "it is no ELF file"};
  dwfl_report_end(session.get(), nullptr, nullptr);

  Dwarf_Addr bias = 0;
  if (dwfl_module_getdwarf(module, &bias) == nullptr) return Error{ErrorKind::noDebugInformation, act + "it has no debug information; compile with -g"};
  LayoutReader reader;
  for (Dwarf_Die* unit = nullptr; (unit = dwfl_module_nextcu(module, unit, &bias)) != nullptr;) reader.readUnit(*unit);
  return reader.take();
}

std::vector<StructureLayout> readUnitLayouts(const DebugFile& file, const std::string& name, const std::string& directory) {
  LayoutReader reader;
  Dwarf_CU* unit = nullptr;
  Dwarf_Die die;
  while (dwarf_get_units(file.dwarf(), unit, &unit, nullptr, nullptr, &die, nullptr) == 0) {
    if (textOf(die, DW_AT_name) == name && textOf(die, DW_AT_comp_dir) == directory) reader.readUnit(die);
  }
  return reader.take();
}

namespace {

Result<std::vector<StructureLayout>> requestedLayouts(const Json& head) {
  const std::string path = TRY(textField(head, "path"));
  const auto unit = head.find("unit");
  if (unit == head.end()) return readLayouts(path);
  const std::string name = TRY(textField(*unit, "name"));
  const std::string directory = TRY(textField(*unit, "directory"));
  const std::string debugFile = TRY(optionalTextField(head, "debugFile"));
  const DebugFile file = TRY(DebugFile::open(path, debugFile));
  return readUnitLayouts(file, name, directory);
}

}  // namespace

Result<Answer> layouts(const Request& request) {
  Json structures = Json::array();
  const std::vector<StructureLayout> found = TRY(requestedLayouts(request.head));
  for (const StructureLayout& layout : found) structures.push_back(toJson(layout));
  const std::string text = structures.dump(-1, ' ', false, Json::error_handler_t::replace);
  return Answer{Json::object(), Bytes(text.begin(), text.end())};
}

}  // namespace suture
