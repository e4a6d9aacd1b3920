#include "handlers.h"
#include "process.h"
#include "scratch.h"
#include "symbol-parts.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <thread>

using namespace suture;

namespace {

/** A child that sleeps, ended with its scope. */
class Child {
 public:
  Child() : pid_(::fork()) {
    if (pid_ == 0) {
      for (;;) ::pause();
    }
  }
  ~Child() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

ErrorKind kindOf(const Result<ProcessDescription>& result) { return result.ok() ? ErrorKind::internal : result.error().kind; }

}  // namespace

TEST_CASE("parseTaskStat() takes a name that looks like the fields after it") {
  TaskStat stat;
  REQUIRE(parseTaskStat("42 (a) R 1 (b c) S 1 42 42 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 7 0 123456 0 0\n", stat));
  CHECK(stat.name == "a) R 1 (b c");
  CHECK(stat.state == 'S');
  CHECK(stat.flags == 4194304);
  CHECK(stat.threads == 7);
  CHECK(stat.startTime == 123456);
}

TEST_CASE("parseTaskStat() refuses text that is cut short") {
  const std::string whole = "42 (name) S 1 42 42 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 7 0 123456";
  TaskStat stat;
  REQUIRE(parseTaskStat(whole, stat));
  for (size_t length = 0; length < whole.size() - 6; ++length) CHECK_FALSE(parseTaskStat(whole.substr(0, length), stat));
}

TEST_CASE("parseMappings() keeps spaces and marks of paths") {
  const std::vector<Mapping> mappings = parseMappings(
      "55d0c0000000-55d0c0001000 r-xp 00002000 fe:01 1234      /opt/a b/c d (deleted)\n"
      "7f0000000000-7f0000002000 rw-s 00000000 00:01 99 /memfd:suture (deleted)\n"
      "7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0 \n"
      "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n");
  REQUIRE(mappings.size() == 4);
  CHECK(mappings[0].path == "/opt/a b/c d (deleted)");
  CHECK(mappings[0].range.start == RemotePtr(0x55d0c0000000));
  CHECK(mappings[0].offset == 0x2000);
  CHECK(mappings[0].inode == 1234);
  CHECK(mappings[0].executable);
  CHECK_FALSE(mappings[0].writable);
  CHECK(mappings[1].isShared);
  CHECK(mappings[2].path.empty());
  CHECK(mappings[3].path == "[vsyscall]");
}

TEST_CASE("parseMappings() passes over lines that it does not understand") {
  CHECK(parseMappings("").empty());
  CHECK(parseMappings("\n\nx\n1-2\n1-2 r\n1-2 r--p z 0 0\n1-2 r--p 0 0:0 x\n").empty());
}

TEST_CASE("describeProcess() describes a process that may be traced") {
  const Child child;
  const auto described = describeProcess(child.pid());
  REQUIRE(described.ok());
  CHECK(described.value().pid == child.pid());
  CHECK(described.value().threads == 1);
  CHECK(described.value().uid == ::getuid());
  CHECK(described.value().program == readLink("/proc/self/exe"));
  CHECK(checkSameProcess(child.pid(), described.value().startTime).ok());
  CHECK(checkSameProcess(child.pid(), described.value().startTime + 1).error().kind == ErrorKind::processGone);
}

TEST_CASE("describeProcess() refuses a process that has ended") {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  siginfo_t info;
  REQUIRE(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) == 0);
  CHECK(kindOf(describeProcess(pid)) == ErrorKind::processGone);
  ::waitpid(pid, nullptr, 0);
  CHECK(kindOf(describeProcess(pid)) == ErrorKind::noSuchProcess);
}

TEST_CASE("describeProcess() refuses a process under another tracer, and names that") {
  const Child traced;
  const pid_t tracer = ::fork();
  if (tracer == 0) {
    ::ptrace(PTRACE_SEIZE, traced.pid(), nullptr, nullptr);
    for (;;) ::pause();
  }
  std::string status;
  for (int i = 0; i < 1000 && describeProcess(traced.pid()).ok(); ++i) ::usleep(1000);
  const auto described = describeProcess(traced.pid());
  CHECK(kindOf(described) == ErrorKind::alreadyTraced);
  CHECK(described.error().data["tracer"] == tracer);
  CHECK(described.error().message.find(nameProcess(tracer)) != std::string::npos);
  ::kill(tracer, SIGKILL);
  ::waitpid(tracer, nullptr, 0);
}

TEST_CASE("describeProcess() refuses a thread that is no process") {
  const Child child;
  pid_t tid = 0;
  std::thread other([&] {
    tid = ::gettid();
    const auto described = describeProcess(tid);
    CHECK(kindOf(described) == ErrorKind::noSuchProcess);
    CHECK(described.error().data["process"] == ::getpid());
  });
  other.join();
}

TEST_CASE("readMemory() reads all of it, and names the place where it ends") {
  const long page = ::sysconf(_SC_PAGESIZE);
  auto* place = static_cast<uint8_t*>(::mmap(nullptr, static_cast<size_t>(2 * page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ::munmap(place + page, static_cast<size_t>(page));
  std::memcpy(place + page - 4, "abcd", 4);

  const auto memory = openMemory(::getpid(), O_RDWR);
  REQUIRE(memory.ok());
  const RemotePtr at(reinterpret_cast<uint64_t>(place) + static_cast<uint64_t>(page) - 4);
  uint8_t found[8];
  REQUIRE(readMemory(memory.value().fd(), at, std::span(found, 4)).ok());
  CHECK(std::memcmp(found, "abcd", 4) == 0);

  const auto beyond = readMemory(memory.value().fd(), at, found);
  REQUIRE_FALSE(beyond.ok());
  CHECK(beyond.error().kind == ErrorKind::unreadableMemory);
  CHECK(beyond.error().data["at"] == formatHex(at + 4));

  const uint8_t replacement[] = {'x', 'y'};
  REQUIRE(writeMemory(memory.value().fd(), at, replacement).ok());
  CHECK(std::memcmp(place + page - 4, "xycd", 4) == 0);
  ::munmap(place, static_cast<size_t>(page));
}

TEST_CASE("mapped-file reads a file that has been deleted") {
  const test::ScratchFolder folder;
  folder.write("data", "contents");
  const File file = openFile(folder / "data", O_RDONLY);
  void* place = ::mmap(nullptr, 8, PROT_READ, MAP_PRIVATE, file.fd(), 0);
  ::unlink((folder / "data").c_str());
  const auto mappings = readMappings(::getpid());
  for (const Mapping& mapping : mappings.value()) {
    if (mapping.range.start.bits() != reinterpret_cast<uint64_t>(place)) continue;
    const auto answer = mappedFile({{{"pid", ::getpid()}, {"start", formatHex(mapping.range.start)}, {"end", formatHex(mapping.range.end)}}, {}});
    // Only CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE open it; without them it is refused by name.
    if (answer.ok()) CHECK(std::string(answer.value().body.begin(), answer.value().body.end()) == "contents");
    else CHECK(answer.error().kind == ErrorKind::fileNotFound);
  }
  ::munmap(place, 8);
}

namespace {

/** A file with an ELF header and these sections behind it, of `size` bytes in all. */
std::vector<FilePart> partsOf(uint64_t size, const std::vector<Elf64_Shdr>& sections, uint64_t at = sizeof(Elf64_Ehdr)) {
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = static_cast<uint16_t>(sections.size());
  header.e_shoff = at;
  const File file(::memfd_create("suture-parts-test", MFD_CLOEXEC));
  REQUIRE(::ftruncate(file.fd(), static_cast<off_t>(size)) == 0);
  REQUIRE(::pwrite(file.fd(), &header, sizeof header, 0) == sizeof header);
  const size_t length = sections.size() * sizeof(Elf64_Shdr);
  if (at <= size && length <= size - at) REQUIRE(::pwrite(file.fd(), sections.data(), length, static_cast<off_t>(at)) == static_cast<ssize_t>(length));
  return symbolParts(file.fd(), size);
}

Elf64_Shdr section(uint32_t type, uint64_t offset, uint64_t size) {
  Elf64_Shdr result = {};
  result.sh_type = type;
  result.sh_offset = offset;
  result.sh_size = size;
  return result;
}

}  // namespace

TEST_CASE("of an ELF file the parts that tell of symbols are chosen, inside of it and apart from each other") {
  constexpr uint64_t size = 1 << 20;
  const auto parts = partsOf(size, {section(SHT_PROGBITS, 4096, 1 << 19), section(SHT_SYMTAB, 0x90000, 24), section(SHT_STRTAB, 0x90018, 100), section(SHT_NOBITS, 0x90000, 1 << 30)});
  REQUIRE(parts.size() == 2);
  CHECK(parts[0].offset == 0);
  CHECK(parts[0].length == sizeof(Elf64_Ehdr) + 4 * sizeof(Elf64_Shdr));
  CHECK(parts[1].offset == 0x90000);
  CHECK(parts[1].length == 124);

  const uint64_t most = ~uint64_t{0};
  for (const auto& sections : std::vector<std::vector<Elf64_Shdr>>{
           {section(SHT_SYMTAB, 0x90000, most), section(SHT_STRTAB, 0x80000, most), section(SHT_NOTE, 0, most)},
           {section(SHT_SYMTAB, most, most), section(SHT_DYNSYM, size, 1), section(SHT_RELA, size - 1, most), section(SHT_STRTAB, most - 8, 16)},
           std::vector<Elf64_Shdr>(5000, section(SHT_SYMTAB, 0x40000, 0x20000)),
       }) {
    uint64_t end = 0;
    for (const FilePart& part : partsOf(size, sections)) {
      CHECK(part.offset >= end);
      CHECK(part.length > 0);
      CHECK(part.length <= size - part.offset);
      end = part.offset + part.length;
    }
  }
  for (const uint64_t at : {size, size - 1, most, most - 63}) {
    const auto whole = partsOf(size, {section(SHT_SYMTAB, 0, 1)}, at);
    REQUIRE(whole.size() == 1);
    CHECK(whole[0].offset == 0);
    CHECK(whole[0].length == size);
  }
}

TEST_CASE("holders finds the processes that map a file by the beginning of its name") {
  const File memory(::memfd_create("suture-holders-test", MFD_CLOEXEC));
  REQUIRE(::ftruncate(memory.fd(), 4096) == 0);
  void* place = ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, memory.fd(), 0);
  const auto answer = holders({{{"pathPrefix", "/memfd:suture-holders-t"}}, {}});
  REQUIRE(answer.ok());
  const Json& mappings = answer.value().result["mappings"];
  REQUIRE(mappings.size() == 1);
  CHECK(mappings[0]["pid"] == ::getpid());
  CHECK(mappings[0]["start"] == formatHex(reinterpret_cast<uint64_t>(place)));
  ::munmap(place, 4096);
  CHECK(holders({{{"pathPrefix", "/memfd:suture-holders-t"}}, {}}).value().result["mappings"].empty());
  CHECK_FALSE(holders({{{"pathPrefix", ""}}, {}}).ok());
}
