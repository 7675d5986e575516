// SPDX-License-Identifier: Apache-2.0
// DWARF that was written, or cut, to break its reader: whatever happens, there
// is an answer in time, and it is of the right shape.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <random>

#include "base/clock.h"
#include "base/units.h"
#include "symbol/compiled.h"
#include "symbol/elf_file.h"
#include "symbol/source.h"

namespace sightline::symbol {
namespace {

constexpr SourceWanted all_wanted{.inlines = true, .lines = true};

constexpr const char* program = R"(
static inline __attribute__((always_inline)) int leaf(int x) {
  for (int i = 0; i < 9; ++i) x = x * x + i;
  return x;
}
static inline __attribute__((always_inline)) int middle(int x) {
  return leaf(x) + leaf(x + 1);
}
__attribute__((noinline)) int outer(int x) { return middle(x) * leaf(x); }
int main(int argc, char **argv) { (void)argv; return outer(argc); }
)";

// One unit of hand-made DWARF 4 over some bytes of code: `entries` stand below
// the unit. Abbreviations: 2 is a function that is an instance of another
// entry, 3 one inlined call, with children, 4 a function with a sibling, 5 one
// with a name.
std::string made_of(const std::string& entries, std::size_t code_size = 64) {
  return ".set code_size, " + std::to_string(code_size) + R"(
  .text
  .globl _start
  .type _start, @function
_start:
code:
  .fill code_size, 1, 0x90
code_end:
  .size _start, code_size
  .section .debug_abbrev,"",@progbits
abbreviations:
  .uleb128 1, 0x11, 1, 0x11, 0x01, 0x12, 0x07, 0, 0
  .uleb128 2, 0x2e, 1, 0x31, 0x13, 0x11, 0x01, 0x12, 0x07, 0, 0
  .uleb128 3, 0x1d, 1, 0x31, 0x13, 0x11, 0x01, 0x12, 0x07, 0, 0
  .uleb128 4, 0x2e, 1, 0x01, 0x13, 0x11, 0x01, 0x12, 0x07, 0, 0
  .uleb128 5, 0x2e, 0, 0x03, 0x08, 0x11, 0x01, 0x12, 0x07, 0, 0
  .byte 0
  .section .debug_info,"",@progbits
unit:
  .long unit_end - unit_begin
unit_begin:
  .short 4
  .long abbreviations
  .byte 8
  .uleb128 1
  .quad code
  .quad code_end - code
)" + entries +
         R"(
  .byte 0
unit_end:
)";
}

std::string entry(int abbreviation, const std::string& label,
                  const std::string& reference) {
  return label + ":\n  .uleb128 " + std::to_string(abbreviation) +
         "\n  .long " + reference + " - unit\n  .quad code\n" +
         "  .quad code_end - code\n";
}

class SourceHostile : public testing::Test {
 protected:
  void compile() {
    const auto source = folder_.write("program.c", program);
    ASSERT_TRUE(folder_.run("gcc -O2 -g -o program " + source));
    use("program");
  }
  void assemble(const std::string& entries, std::size_t code_size = 64) {
    (void)folder_.write("made.s", made_of(entries, code_size));
    ASSERT_TRUE(
        folder_.run("gcc -nostdlib -static -o made made.s 2>assembler.log"))
        << content_of(folder_.file("assembler.log"));
    use("made");
  }
  // All offsets of the text of a program.
  void use(const std::string& name) {
    path_ = folder_.file(name);
    const auto file = ElfFile::open(open_file(path_));
    const auto* const text_section =
        file->find_section(std::string_view(".text"));
    ASSERT_NE(text_section, nullptr);
    for (std::uint64_t i = 0; i < text_section->file_size; ++i) {
      offsets_.push_back(text_section->offset + i);
    }
  }
  SourceTable read(std::uint64_t time_ns = 20 * ns_per_second,
                   const SourceProgress& progress = {}) {
    const auto fd = open_file(path_);
    auto table = read_source(
        {.file = fd.get()}, offsets_, all_wanted,
        {.deadline_ns = monotonic_ns() + time_ns, .memory_bytes = 256U << 20},
        progress);
    check(table);
    return table;
  }
  void check(const SourceTable& table) const {
    ASSERT_EQ(table.chains.size(), offsets_.size());
    ASSERT_NE(table.reason, Reason::none);
    for (std::size_t i = 0; i < offsets_.size(); ++i) {
      for (const auto& frame : table.at(i)) {
        ASSERT_LT(frame.function, table.texts.size());
        ASSERT_LT(frame.file, table.texts.size());
      }
    }
    // Nothing is left running or unreaped.
    ASSERT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
    ASSERT_EQ(errno, ECHILD);
  }
  static std::size_t known(const SourceTable& table) {
    return static_cast<std::size_t>(std::ranges::count_if(
        table.chains, [](const auto& chain) { return chain.count > 0; }));
  }

  Folder folder_;
  std::string path_;
  std::vector<std::uint64_t> offsets_;
};

TEST_F(SourceHostile, BytesAreFlipped) {
  compile();
  const auto whole = content_of(path_);
  const auto file = ElfFile::open(open_file(path_));
  std::mt19937 random(3);
  std::size_t answered = 0;
  for (const std::string name : {".debug_info", ".debug_abbrev", ".debug_line",
                                 ".debug_rnglists", ".debug_str"}) {
    const auto* const section = file->find_section(std::string_view(name));
    if (section == nullptr) continue;
    for (int seed = 0; seed < 60; ++seed) {
      auto bytes = whole;
      for (unsigned flips = 1 + random() % 8; flips > 0; --flips) {
        bytes[section->offset + random() % section->file_size] =
            static_cast<char>(random());
      }
      path_ = folder_.write("flipped", bytes);
      answered += known(read());
      if (HasFatalFailure()) FAIL() << name << " " << seed;
    }
  }
  EXPECT_GT(answered, 0U);
}

TEST_F(SourceHostile, HeadersAreFlipped) {
  compile();
  const auto whole = content_of(path_);
  std::uint64_t sections = 0;
  std::memcpy(&sections, whole.data() + 40, sizeof sections);  // e_shoff
  std::mt19937 random(4);
  for (int seed = 0; seed < 60; ++seed) {
    auto bytes = whole;
    bytes[sections + random() % (bytes.size() - sections)] =
        static_cast<char>(random());
    path_ = folder_.write("flipped", bytes);
    (void)read();
    if (HasFatalFailure()) FAIL() << seed;
  }
}

TEST_F(SourceHostile, TheFileIsCut) {
  compile();
  const auto whole = content_of(path_);
  for (std::size_t size = 0; size < whole.size(); size += whole.size() / 40) {
    path_ = folder_.write("cut", whole.substr(0, size));
    EXPECT_EQ(known(read()), 0U);
    if (HasFatalFailure()) FAIL() << size;
  }
}

// Before or after it is mapped: the kernel decides, the answer has one shape.
TEST_F(SourceHostile, TheFileIsCutWhileItIsRead) {
  compile();
  bool cut = false;
  const auto fd = open_file(path_);
  const auto table = read_source(
      {.file = fd.get()}, offsets_, all_wanted,
      {.deadline_ns = monotonic_ns() + 20 * ns_per_second}, [&](auto, auto) {
        if (!std::exchange(cut, true)) {
          std::filesystem::resize_file(path_, 100);
        }
      });
  EXPECT_TRUE(cut);
  check(table);
}

TEST_F(SourceHostile, OriginsInACircleEnd) {
  assemble(entry(2, "first", "second") + entry(3, "second", "first") +
           "  .byte 0\n  .byte 0\n");
  const auto table = read();
  EXPECT_EQ(known(table), 0U) << "it has no name and no line";
  assemble(entry(2, "first", "first") + "  .byte 0\n");
  (void)read();
}

TEST_F(SourceHostile, SiblingsInACircleEnd) {
  assemble(entry(4, "first", "second") + "  .byte 0\n" +
           entry(4, "second", "first") + "  .byte 0\n");
  const auto begin = monotonic_ns();
  (void)read();
  EXPECT_LT(monotonic_ns() - begin, 10 * ns_per_second);
}

TEST_F(SourceHostile, CallsWithinCallsEnd) {
  std::string deep = entry(2, "first", "first");
  constexpr int levels = 20'000;
  for (int i = 0; i < levels; ++i) {
    deep += entry(3, "level" + std::to_string(i), "first");
  }
  deep += "  .fill " + std::to_string(levels + 1) + ", 1, 0\n";
  assemble(deep);
  const auto table = read();
  for (std::size_t i = 0; i < offsets_.size(); ++i) {
    EXPECT_LE(table.at(i).size(), 256U);
  }
}

// Honest, as far as anybody can tell.
TEST_F(SourceHostile, MoreNamesThanAreKeptAreTooLargeAndNotCorrupt) {
  constexpr std::size_t functions = 2'200;  // of 32 KiB of name each
  std::string entries;
  for (std::size_t i = 0; i < functions; ++i) {
    const auto number = std::to_string(i);
    entries += "  .uleb128 5\n  .ascii \"f" + number +
               "_\"\n  .fill 32700, 1, 'x'\n  .byte 0\n  .quad code + " +
               number + "\n  .quad 1\n";
  }
  assemble(entries, functions);
  const auto table = read();
  EXPECT_EQ(table.reason, Reason::debug_info_large) << text(table.reason);
  EXPECT_GT(known(table), functions / 2) << "what was read before is kept";
  EXPECT_LT(known(table), functions);
}

TEST_F(SourceHostile, ThereIsNoTimeLeft) {
  compile();
  const auto table = read(0);
  EXPECT_EQ(table.reason, Reason::debug_info_late);
  EXPECT_EQ(known(table), 0U);
}

TEST_F(SourceHostile, TheReaderIsKilled) {
  compile();
  bool killed = false;
  const auto table = read(20 * ns_per_second, [&](auto, auto) {
    if (std::exchange(killed, true)) return;
    // Our one child.
    siginfo_t child{};
    const std::string children = content_of("/proc/thread-self/children");
    const int pid = std::atoi(children.c_str());
    if (pid <= 1 || waitid(P_PID, static_cast<id_t>(pid), &child,
                           WEXITED | WNOHANG | WNOWAIT) != 0) {
      return;
    }
    kill(pid, SIGKILL);
  });
  EXPECT_TRUE(killed);
  // It may have been done before.
  EXPECT_TRUE(table.reason == Reason::corrupt_debug_info || known(table) > 0);
}

}  // namespace
}  // namespace sightline::symbol
