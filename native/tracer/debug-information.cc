#include "debug-information.h"

#include <dwarf.h>

#include <algorithm>
#include <unordered_map>

namespace suture {

namespace {

// A damaged file may nest, or refer in circles, without end.
constexpr int maxNesting = 200;
constexpr int maxReferences = 16;

/** What the attributes of a DIE, and of those that it says it is an instance of, tell about a function. */
struct Attributes {
  const char* name = nullptr;
  const char* linkageName = nullptr;
  std::optional<Dwarf_Attribute> file;
  std::optional<Dwarf_Word> line;
  bool isExternal = false;
  bool isNoReturn = false;

  // Of the DIE itself only.
  std::optional<Dwarf_Addr> low;
  std::optional<Dwarf_Addr> entry;
  std::optional<Dwarf_Attribute> high;
  bool hasRanges = false;

  /** The next DIE to ask: DW_AT_abstract_origin or DW_AT_specification. */
  std::optional<Dwarf_Attribute> instanceOf;
  /** The compile unit of the last DIE asked: where the function was written. */
  Dwarf_CU* writtenIn = nullptr;
};

bool isFlagSet(Dwarf_Attribute* attribute) {
  bool flag = false;
  return dwarf_formflag(attribute, &flag) == 0 && flag;
}

std::optional<Dwarf_Word> constantOf(Dwarf_Attribute* attribute) {
  Dwarf_Word value;
  if (dwarf_formudata(attribute, &value) != 0) return std::nullopt;
  return value;
}

std::optional<Dwarf_Addr> addressOf(Dwarf_Attribute* attribute) {
  Dwarf_Addr value;
  if (dwarf_formaddr(attribute, &value) != 0) return std::nullopt;
  return value;
}

int collectPlace(Dwarf_Attribute* attribute, void* into) {
  Attributes& attributes = *static_cast<Attributes*>(into);
  switch (attribute->code) {
    case DW_AT_low_pc: attributes.low = addressOf(attribute); break;
    case DW_AT_entry_pc: attributes.entry = addressOf(attribute); break;
    case DW_AT_high_pc: attributes.high = *attribute; break;
    case DW_AT_ranges: attributes.hasRanges = true; break;
  }
  return DWARF_CB_OK;
}

/** The nearest DIE's word counts, so that nothing that is already known is asked for again. */
int collectIdentity(Dwarf_Attribute* attribute, void* into) {
  Attributes& attributes = *static_cast<Attributes*>(into);
  switch (attribute->code) {
    case DW_AT_name:
      if (attributes.name == nullptr) attributes.name = dwarf_formstring(attribute);
      break;
    case DW_AT_linkage_name:
    case DW_AT_MIPS_linkage_name:
      if (attributes.linkageName == nullptr) attributes.linkageName = dwarf_formstring(attribute);
      break;
    case DW_AT_decl_file:
      if (!attributes.file) attributes.file = *attribute;
      break;
    case DW_AT_decl_line:
      if (!attributes.line) attributes.line = constantOf(attribute);
      break;
    case DW_AT_external: attributes.isExternal |= isFlagSet(attribute); break;
    case DW_AT_noreturn: attributes.isNoReturn |= isFlagSet(attribute); break;
    case DW_AT_abstract_origin:
    case DW_AT_specification: attributes.instanceOf = *attribute; break;
  }
  return DWARF_CB_OK;
}

void collectIdentityThrough(Dwarf_Die die, Attributes& attributes) {
  for (int i = 0; i < maxReferences; ++i) {
    attributes.instanceOf.reset();
    attributes.writtenIn = die.cu;
    dwarf_getattrs(&die, collectIdentity, &attributes, 0);
    if (!attributes.instanceOf || dwarf_formref_die(&*attributes.instanceOf, &die) == nullptr) return;
  }
}

/** The others keep their order. */
void putEntryFirst(std::vector<FileRange>& ranges, uint64_t entry) {
  const auto first = std::find_if(ranges.begin(), ranges.end(), [entry](const FileRange& range) { return range.start <= entry && entry < range.end; });
  if (first != ranges.end()) std::rotate(ranges.begin(), first, first + 1);
}

class Reader {
 public:
  Reader(const DebugFile& file, DebugOptions options) : file_(file), options_(options) {}

  DebugInformation read() {
    std::vector<Dwarf_Die> units = listUnits();
    for (Dwarf_Die& unit : units) {
      unit_ = unitOf_[unit.cu];
      hasTypesWithFunctions_ = !isPlainLanguage(found_.units[unit_].language);
      readsBodies_ = options_.withInlined || hasTypesWithFunctions_ || hasNestedFunctions(unit);
      readChildren(unit, nullptr, 0);
    }
    return std::move(found_);
  }

 private:
  /** The root of every compile unit; of the split one where the program holds only a skeleton. */
  std::vector<Dwarf_Die> listUnits() {
    std::vector<Dwarf_Die> roots;
    Dwarf_CU* unit = nullptr;
    Dwarf_Die root, split;
    uint8_t type;
    while (dwarf_get_units(file_.dwarf(), unit, &unit, nullptr, &type, &root, &split) == 0) {
      if (type == DW_UT_type || type == DW_UT_split_type || dwarf_tag(&root) != DW_TAG_compile_unit) {
        if (type != DW_UT_skeleton) continue;
      }
      const bool isSplit = type == DW_UT_skeleton && dwarf_tag(&split) == DW_TAG_compile_unit;
      if (isSplit) unitOf_[split.cu] = found_.units.size();
      unitOf_[root.cu] = found_.units.size();
      found_.units.push_back(describeUnit(root, isSplit ? split : root));
      if (options_.withUnitFiles) {
        addFiles(root.cu);
        if (isSplit) addFiles(split.cu);
      }
      roots.push_back(isSplit ? split : root);
    }
    return roots;
  }

  /** To the last unit. A table may name a file twice. */
  void addFiles(Dwarf_CU* unit) {
    std::vector<unsigned>& files = found_.units.back().files;
    for (const std::optional<unsigned>& file : filesOf(unit)) {
      if (file) files.push_back(*file);
    }
    std::sort(files.begin(), files.end());
    files.erase(std::unique(files.begin(), files.end()), files.end());
  }

  static DebugUnit describeUnit(Dwarf_Die root, Dwarf_Die full) {
    const auto text = [](Dwarf_Die die, unsigned name) {
      Dwarf_Attribute attribute;
      const char* value = dwarf_formstring(dwarf_attr(&die, name, &attribute));
      return std::string(value == nullptr ? "" : value);
    };
    DebugUnit unit = {text(full, DW_AT_name), text(root, DW_AT_comp_dir), text(full, DW_AT_producer), 0, {}};
    if (unit.directory.empty()) unit.directory = text(full, DW_AT_comp_dir);
    const int language = dwarf_srclang(&full);
    if (language > 0) unit.language = static_cast<unsigned>(language);
    return unit;
  }

  /** In C only GNU's nested functions, which have a static link, are described inside the body of another one. */
  static bool hasNestedFunctions(Dwarf_Die& unit) {
    size_t length = 0;
    for (Dwarf_Off offset = 0;; offset += length) {
      Dwarf_Abbrev* abbreviation = dwarf_getabbrev(&unit, offset, &length);
      if (abbreviation == nullptr || abbreviation == DWARF_END_ABBREV || length == 0) return false;
      if (dwarf_getabbrevtag(abbreviation) != DW_TAG_subprogram) continue;
      size_t count = 0;
      dwarf_getattrcnt(abbreviation, &count);
      for (size_t i = 0; i < count; ++i) {
        unsigned name;
        if (dwarf_getabbrevattr(abbreviation, i, &name, nullptr, nullptr) == 0 && name == DW_AT_static_link) return true;
      }
    }
  }

  /** `into`: the entry of the function whose body this is. */
  void readChildren(Dwarf_Die& parent, const uint64_t* into, int depth) {
    Dwarf_Die die;
    if (depth > maxNesting || dwarf_child(&parent, &die) != 0) return;
    for (;;) {
      readDie(die, into, depth);
      Dwarf_Die next;
      // A sibling lies behind; a damaged file that says otherwise would be walked for ever.
      if (dwarf_siblingof(&die, &next) != 0 || next.addr <= die.addr) return;
      die = next;
    }
  }

  void readDie(Dwarf_Die& die, const uint64_t* into, int depth) {
    switch (dwarf_tag(&die)) {
      case DW_TAG_subprogram:
        readFunction(die, depth);
        break;
      case DW_TAG_inlined_subroutine:
        if (!options_.withInlined || into == nullptr) break;
        readInlinedCopy(die, *into);
        readChildren(die, into, depth + 1);
        break;
      case DW_TAG_lexical_block:
      case DW_TAG_try_block:
      case DW_TAG_catch_block:
        readChildren(die, into, depth + 1);
        break;
      case DW_TAG_namespace:
      case DW_TAG_module:
        readChildren(die, nullptr, depth + 1);
        break;
      case DW_TAG_class_type:
      case DW_TAG_structure_type:
      case DW_TAG_union_type:
        if (hasTypesWithFunctions_) readChildren(die, nullptr, depth + 1);
        break;
    }
  }

  void readFunction(Dwarf_Die& die, int depth) {
    const std::optional<uint64_t> entry = readConcreteFunction(die);
    // Methods of local classes lie in the body, even in that of a function which itself exists only inlined.
    if (readsBodies_ && (entry || hasTypesWithFunctions_)) readChildren(die, entry ? &*entry : nullptr, depth + 1);
  }

  /** The entry; nothing for a declaration, an abstract instance, or code that the linker threw away. */
  std::optional<uint64_t> readConcreteFunction(Dwarf_Die& die) {
    if (!dwarf_hasattr(&die, DW_AT_low_pc) && !dwarf_hasattr(&die, DW_AT_ranges)) return std::nullopt;
    Attributes attributes;
    dwarf_getattrs(&die, collectPlace, &attributes, 0);
    DebugFunction function;
    function.ranges = rangesOf(die, attributes);
    if (function.ranges.empty()) return std::nullopt;
    function.entry = attributes.entry.value_or(function.ranges.front().start);
    if (!file_.isCode(function.entry)) return std::nullopt;
    putEntryFirst(function.ranges, function.entry);
    identify(function, die, attributes);
    found_.functions.push_back(std::move(function));
    return found_.functions.back().entry;
  }

  void identify(DebugFunction& function, Dwarf_Die& die, Attributes& attributes) {
    collectIdentityThrough(die, attributes);
    function.name = attributes.name != nullptr ? attributes.name : attributes.linkageName;
    if (function.name == nullptr) function.name = "???";
    function.linkageName = attributes.linkageName;
    function.unit = unitWrittenIn(attributes);
    function.file = fileOf(attributes);
    function.line = static_cast<unsigned>(attributes.line.value_or(0));
    function.isExternal = attributes.isExternal;
    function.isNoReturn = attributes.isNoReturn;
  }

  void readInlinedCopy(Dwarf_Die& die, uint64_t into) {
    Attributes attributes;
    dwarf_getattrs(&die, collectPlace, &attributes, 0);
    InlinedCopy copy;
    copy.ranges = rangesOf(die, attributes);
    if (copy.ranges.empty()) return;
    collectIdentityThrough(die, attributes);
    copy.name = attributes.name != nullptr ? attributes.name : attributes.linkageName;
    if (copy.name == nullptr) return;
    copy.unit = unitWrittenIn(attributes);
    copy.into = into;
    found_.inlined.push_back(std::move(copy));
  }

  static std::vector<FileRange> rangesOf(Dwarf_Die& die, Attributes& attributes) {
    std::vector<FileRange> ranges;
    if (attributes.hasRanges) {
      Dwarf_Addr base, start, end;
      for (ptrdiff_t offset = 0; (offset = dwarf_ranges(&die, offset, &base, &start, &end)) > 0;) {
        if (start < end) ranges.push_back({start, end});
      }
      return ranges;
    }
    if (!attributes.low || !attributes.high) return ranges;
    // DWARF 4 and later: a constant is a length.
    const std::optional<Dwarf_Addr> end = addressOf(&*attributes.high);
    const uint64_t length = end ? *end - *attributes.low : constantOf(&*attributes.high).value_or(0);
    if (length > 0 && *attributes.low + length > *attributes.low) ranges.push_back({*attributes.low, *attributes.low + length});
    return ranges;
  }

  /** With link-time optimisation the code lies in another unit than the one that was written. */
  unsigned unitWrittenIn(const Attributes& attributes) const {
    const auto known = unitOf_.find(attributes.writtenIn);
    return known == unitOf_.end() ? unit_ : known->second;
  }

  std::optional<unsigned> fileOf(Attributes& attributes) {
    if (!attributes.file) return std::nullopt;
    const std::optional<Dwarf_Word> index = constantOf(&*attributes.file);
    if (!index) return std::nullopt;
    const std::vector<std::optional<unsigned>>& files = filesOf(attributes.file->cu);
    return *index < files.size() ? files[*index] : std::nullopt;
  }

  /** The file table of a unit, by index into found_.files. */
  const std::vector<std::optional<unsigned>>& filesOf(Dwarf_CU* unit) {
    const auto [place, isNew] = filesOfUnit_.try_emplace(unit);
    if (!isNew) return place->second;
    Dwarf_Die root;
    Dwarf_Files* files = nullptr;
    size_t count = 0;
    if (dwarf_cu_info(unit, nullptr, nullptr, &root, nullptr, nullptr, nullptr, nullptr) != 0) return place->second;
    if (dwarf_getsrcfiles(&root, &files, &count) != 0) return place->second;
    for (size_t i = 0; i < count; ++i) {
      const char* path = dwarf_filesrc(files, i, nullptr, nullptr);
      place->second.push_back(path == nullptr ? std::nullopt : std::optional(numberOfFile(path)));
    }
    return place->second;
  }

  unsigned numberOfFile(const char* path) {
    const auto [place, isNew] = numberOfFile_.try_emplace(path, found_.files.size());
    if (isNew) found_.files.emplace_back(path);
    return place->second;
  }

  static bool isPlainLanguage(unsigned language) {
    switch (language) {
      case DW_LANG_C:
      case DW_LANG_C89:
      case DW_LANG_C99:
      case DW_LANG_C11:
      case DW_LANG_Mips_Assembler: return true;
      default: return false;
    }
  }

  const DebugFile& file_;
  const DebugOptions options_;
  DebugInformation found_;
  std::unordered_map<Dwarf_CU*, unsigned> unitOf_;
  std::unordered_map<Dwarf_CU*, std::vector<std::optional<unsigned>>> filesOfUnit_;
  std::unordered_map<std::string, unsigned> numberOfFile_;
  unsigned unit_ = 0;
  /** May classes, local ones too, describe their methods inside themselves? Not in C, where most DIEs are types. */
  bool hasTypesWithFunctions_ = false;
  /** Must the bodies of functions of this unit be looked into? */
  bool readsBodies_ = false;
};

}  // namespace

DebugInformation readDebugInformation(const DebugFile& file, DebugOptions options) {
  return Reader(file, options).read();
}

}  // namespace suture
