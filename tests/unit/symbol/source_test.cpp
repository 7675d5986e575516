// SPDX-License-Identifier: Apache-2.0
// Inlined calls and lines of programs that real compilers made, against
// llvm-symbolizer, which shares no code with libdw.
#include "symbol/source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <regex>
#include <set>

#include "base/clock.h"
#include "base/units.h"
#include "symbol/compiled.h"
#include "symbol/elf_file.h"

namespace sightline::symbol {
namespace {

// Calls inlined into one another, one of them in parts far from each other (the
// unlikely branch), a loop, recursion, a lambda and a template.
constexpr const char* cpp_program = R"(
#include <algorithm>
#include <cstdlib>
#include <vector>
namespace deep {
static inline __attribute__((always_inline)) int leaf(int x) {
  if (__builtin_expect(x == 12345, 0)) abort();
  return x * x + 1;
}
template <typename T> inline __attribute__((always_inline)) T middle(T x) {
  return leaf(x) + leaf(x + 1);
}
struct Sum {
  int total = 0;
  inline __attribute__((always_inline)) void add(int x) { total += middle(x); }
};
}
__attribute__((noinline)) int outer(int n) {
  deep::Sum sum;
  for (int i = 0; i < n; ++i) sum.add(i);
  return sum.total;
}
__attribute__((noinline)) int sorted(int n) {
  std::vector<int> values;
  for (int i = 0; i < n; ++i) values.push_back(outer(i));
  std::sort(values.begin(), values.end(),
            [](int a, int b) { return deep::leaf(a) < deep::leaf(b); });
  return values.empty() ? 0 : values[0];
}
int main(int argc, char**) { return sorted(argc) + outer(argc); }
)";

constexpr const char* c_program = R"(
#include <stdio.h>
static inline __attribute__((always_inline)) int square(int x) {
  int i, sum = 0;
  for (i = 0; i < x; ++i) {
    int part = i ^ x;
    if (__builtin_expect(part == 77, 0)) puts("odd");
    sum += part;
  }
  return sum;
}
static inline __attribute__((always_inline)) int twice(int x) {
  return square(x) + square(x + 3);
}
__attribute__((noinline)) int work(int x) { return twice(x) * square(x); }
int main(int argc, char **argv) { (void)argv; return work(argc); }
)";

// Every `step`th byte of all functions of a program.
std::vector<std::uint64_t> addresses_of(const std::string& path,
                                        std::size_t step) {
  std::set<std::uint64_t> addresses;
  std::istringstream lines(output_of("nm -S --defined-only " + path));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::uint64_t start = 0;
    std::uint64_t size = 0;
    std::string type;
    if (!(words >> std::hex >> start >> size >> type)) continue;
    if (type.find_first_of("TtWw") != 0) continue;
    for (std::uint64_t at = 0; at < size; at += step) {
      addresses.insert(start + at);
    }
  }
  return {addresses.begin(), addresses.end()};
}

std::optional<std::uint64_t> offset_of(const ElfFile& file,
                                       std::uint64_t address) {
  for (const auto& segment : file.segments()) {
    if (segment.type == 1 && address >= segment.address &&
        address - segment.address < segment.file_size) {
      return segment.offset + (address - segment.address);
    }
  }
  return {};
}

std::vector<std::uint64_t> offsets_in(
    const std::string& path, const std::vector<std::uint64_t>& addresses) {
  const auto file = ElfFile::open(open_file(path));
  std::vector<std::uint64_t> offsets;
  for (const auto address : addresses) {
    if (const auto offset = offset_of(*file, address)) {
      offsets.push_back(*offset);
    }
  }
  return offsets;
}

WorkerLimits in_time() {
  return {.deadline_ns = monotonic_ns() + 60 * ns_per_second};
}

constexpr SourceWanted all_wanted{.inlines = true, .lines = true};

// Linkers and compilers give one function several names: parts (`f.cold`), and
// constructors and destructors of the complete and of the base object.
std::string base_name(std::string name) {
  name = name.substr(0, name.find('.'));
  static const std::regex object("([CD])[0-5]([EI])");
  return std::regex_replace(name, object, "$1?$2");
}

// One text an address: "name file:line", innermost first.
std::vector<std::string> texts_of(const SourceTable& table) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < table.chains.size(); ++i) {
    std::string text;
    for (const auto& frame : table.at(i)) {
      text += base_name(table.texts[frame.function]) + " " +
              table.texts[frame.file] + ":" + std::to_string(frame.line) + "\n";
    }
    texts.push_back(text);
  }
  return texts;
}

std::vector<std::string> llvm_texts(
    const Folder& folder, const std::string& path,
    const std::vector<std::uint64_t>& addresses) {
  std::ostringstream input;
  for (const auto address : addresses) {
    input << "0x" << std::hex << address << '\n';
  }
  const auto asked = folder.write("addresses", input.str());
  std::istringstream lines(output_of(
      "llvm-symbolizer --inlines --no-demangle --obj=" + path + " <" + asked));
  std::vector<std::string> texts;
  std::string text;
  std::string name;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) {
      texts.push_back(std::exchange(text, {}));
    } else if (name.empty()) {
      name = base_name(line);
    } else {
      const auto place = line.substr(0, line.rfind(':'));  // without the column
      const bool known = !place.ends_with(":0");
      text += std::exchange(name, {}) + " " + (known ? place : ":0") + "\n";
    }
  }
  return texts;
}

struct Compiler {
  std::string name;
  std::string command;
  bool is_cpp;
};

std::ostream& operator<<(std::ostream& out, const Compiler& compiler) {
  return out << compiler.name;
}

class Source : public testing::TestWithParam<Compiler> {
 protected:
  void compile() {
    const auto& compiler = GetParam();
    const auto program = compiler.command.substr(0, compiler.command.find(' '));
    if (!has_program(program)) GTEST_SKIP() << "no " << program;
    const auto source =
        folder_.write(compiler.is_cpp ? "program.cpp" : "program.c",
                      compiler.is_cpp ? cpp_program : c_program);
    ASSERT_TRUE(folder_.run(compiler.command + " -O2 -o program " + source));
    path_ = folder_.file("program");
  }

  Folder folder_;
  std::string path_;
};

// The last name may be the symbol's there, where DWARF has only the one in the
// source (of what is local to a function).
bool same(const std::string& ours, const std::string& theirs) {
  if (ours == theirs) return true;
  const auto last = [](const std::string& text) {
    return text.rfind('\n', text.size() - 2) + 1;
  };
  const auto place = [&](const std::string& text) {
    return text.substr(text.rfind(' '));
  };
  return ours.substr(0, last(ours)) == theirs.substr(0, last(theirs)) &&
         place(ours) == place(theirs) &&
         ours.compare(last(ours), 2, "_Z") != 0 &&
         theirs.compare(last(theirs), 2, "_Z") == 0;
}

// Without what the start-up code of the C library has of its own.
std::size_t compare(const std::vector<std::uint64_t>& addresses,
                    const std::vector<std::string>& ours,
                    const std::vector<std::string>& theirs) {
  EXPECT_EQ(ours.size(), theirs.size());
  std::size_t inlined = 0;
  std::size_t different = 0;
  for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
    if (ours[i].empty()) {
      EXPECT_NE(theirs[i].find(" :0\n"), std::string::npos) << theirs[i];
      continue;
    }
    inlined += std::ranges::count(ours[i], '\n') > 1 ? 1 : 0;
    if (!same(ours[i], theirs[i]) && ++different <= 3) {
      ADD_FAILURE() << std::hex << addresses[i] << " is\n"
                    << ours[i] << "not\n"
                    << theirs[i];
    }
  }
  EXPECT_EQ(different, 0U);
  return inlined;
}

TEST_P(Source, EveryAddressIsWhereLlvmSymbolizerSays) {
  compile();
  if (IsSkipped() || HasFatalFailure()) return;
  if (!has_program("llvm-symbolizer")) GTEST_SKIP() << "no llvm-symbolizer";
  const auto addresses = addresses_of(path_, 1);
  const auto fd = open_file(path_);
  const auto table =
      read_source({.file = fd.get()}, offsets_in(path_, addresses), all_wanted,
                  in_time(), {});
  EXPECT_EQ(table.reason, Reason::no_debug_info) << text(table.reason);
  const auto inlined = compare(addresses, texts_of(table),
                               llvm_texts(folder_, path_, addresses));
  EXPECT_GT(inlined, 50U) << "the program has inlined calls";
}

INSTANTIATE_TEST_SUITE_P(
    Compilers, Source,
    testing::Values(
        Compiler{"CDwarf4", "gcc -g -gdwarf-4", false},
        Compiler{"CDwarf5", "gcc -g -gdwarf-5", false},
        Compiler{"CxxDwarf4", "g++ -g -gdwarf-4", true},
        Compiler{"CxxDwarf5", "g++ -g -gdwarf-5", true},
        Compiler{"CxxDwarf3", "g++ -g -gdwarf-3 -gstrict-dwarf", true},
        Compiler{"CxxSections", "g++ -g -ffunction-sections -Wl,--gc-sections",
                 true},
        Compiler{"CxxCompressed", "g++ -g -gz", true},
        Compiler{"CxxNoPie", "g++ -g -no-pie", true},
        Compiler{"Clang", "clang-14 -g", false}),
    [](const auto& chosen) { return chosen.param.name; });

// This program, built with -g: hundreds of units' worth of templates.
TEST(SourceOfThisProgram, IsWhereLlvmSymbolizerSays) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "unoptimised, with functions of the sanitizers";
#endif
  if (!has_program("llvm-symbolizer")) GTEST_SKIP() << "no llvm-symbolizer";
  const Folder folder;
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const auto addresses = addresses_of(self, 97);
  const auto fd = open_file(self);
  std::size_t ticks = 0;
  const auto table =
      read_source({.file = fd.get()}, offsets_in(self, addresses), all_wanted,
                  in_time(), [&](auto done, auto all) {
                    EXPECT_LE(done, all);
                    ++ticks;
                  });
  EXPECT_EQ(table.reason, Reason::no_debug_info) << text(table.reason);
  EXPECT_GT(ticks, 0U);
  const auto inlined =
      compare(addresses, texts_of(table), llvm_texts(folder, self, addresses));
  EXPECT_GT(inlined, addresses.size() / 20);
}

class SourceFiles : public testing::Test {
 protected:
  void SetUp() override {
    source_ = folder_.write("program.cpp", cpp_program);
    make("program", "");
    for (const auto& text : texts(path("program"), path("program"))) {
      expected_.push_back(text);
    }
    ASSERT_GT(expected_.size(), 100U);
  }
  void make(const std::string& name, const std::string& options) {
    ASSERT_TRUE(
        folder_.run("g++ -O2 -g " + options + " -o " + name + " " + source_));
  }
  [[nodiscard]] std::string path(const std::string& name) const {
    return folder_.file(name);
  }
  std::vector<std::string> texts(const std::string& file,
                                 const std::string& symbols,
                                 const std::string& debug = {},
                                 const std::string& alternate = {}) {
    const auto fd = open_file(file);
    const auto debug_fd = open_file(debug);
    const auto alternate_fd = open_file(alternate);
    const auto table = read_source({.file = fd.get(),
                                    .debug = debug_fd.get(),
                                    .alternate = alternate_fd.get()},
                                   offsets_in(file, addresses_of(symbols, 1)),
                                   wanted_, in_time(), {});
    reason_ = table.reason;
    return texts_of(table);
  }

  Folder folder_;
  std::string source_;
  std::vector<std::string> expected_;
  SourceWanted wanted_ = all_wanted;
  Reason reason_ = Reason::none;
};

// More code than lies in front of the text: where the linker leaves what it
// discards, at address 0, it reaches over what is there in truth.
constexpr const char* large_header = R"(
template <int N> __attribute__((noinline)) int large(int x) {
#define A x = x * 3 + (x >> 2); x ^= N; __asm__ volatile("" : "+r"(x));
#define B A A A A A A A A
#define C B B B B B B B B
#define D C C C C C C C C
  D D
  return x;
}
)";

class Discarded : public SourceFiles {
 protected:
  void SetUp() override {
    (void)folder_.write("large.h", large_header);
    (void)folder_.write("dead.cpp",
                        "#include \"large.h\"\n"
                        "int dead(int x) { return large<3>(x); }\n");
    source_ = folder_.write("program.cpp",
                            std::string("#include \"large.h\"\n") +
                                "int unused(int x) { return large<4>(x); }\n" +
                                cpp_program);
  }
  // What is known of each byte; the same program, but far from address 0, has
  // it right (llvm-symbolizer 14 has not).
  void expect_the_same_far_away(const std::string& options,
                                const std::string& far_away) {
    const auto make_one = [&](const std::string& name,
                              const std::string& base) {
      ASSERT_TRUE(folder_.run(
          "g++ -O2 -g -ffunction-sections -Wl,--gc-sections " + options + " " +
          base + " -o " + name + " dead.cpp program.cpp"));
    };
    make_one("near", "");
    make_one("far", far_away);
    const auto found = texts(path("near"), path("near"));
    EXPECT_EQ(found, texts(path("far"), path("far")));
    EXPECT_GT(std::ranges::count_if(
                  found, [](const auto& text) { return text.size() > 100; }),
              50);
  }
};

TEST_F(Discarded, FunctionsClaimNothing) {
  for (const std::string options : {"-gdwarf-4", "-gdwarf-5"}) {
    expect_the_same_far_away(options, "-Wl,-Ttext-segment=0x10000000");
  }
}

TEST_F(Discarded, FunctionsThatGoldPutsElsewhereClaimNothing) {
  if (!has_program("ld.gold")) GTEST_SKIP() << "no ld.gold";
  expect_the_same_far_away("-fuse-ld=gold", "-Wl,-Ttext=0x10000000");
}

TEST_F(Discarded, FunctionsAtTheLastAddressesClaimNothing) {
  if (!has_program("ld.lld")) GTEST_SKIP() << "no ld.lld";
  expect_the_same_far_away("-fuse-ld=lld", "-Wl,--image-base=0x10000000");
}

TEST_F(SourceFiles, DwarfMayBeInASeparateFile) {
  ASSERT_TRUE(
      folder_.run("objcopy --only-keep-debug program program.debug && "
                  "strip -o stripped program"));
  EXPECT_EQ(texts(path("stripped"), path("program"), path("program.debug")),
            expected_);
  const auto without = texts(path("stripped"), path("program"));
  EXPECT_EQ(std::ranges::count(without, ""),
            static_cast<std::ptrdiff_t>(expected_.size()));
  EXPECT_EQ(reason_, Reason::no_debug_info);
}

TEST_F(SourceFiles, WhyNoSeparateFileWasFoundIsSaid) {
  ASSERT_TRUE(folder_.run("strip -o stripped program"));
  const auto fd = open_file(path("stripped"));
  const auto offsets =
      offsets_in(path("stripped"), {addresses_of(path("program"), 16)});
  const auto reason_with = [&](Reason answer) {
    const DebugFileServer server =
        [=](std::string_view) -> std::expected<UniqueFd, Reason> {
      return std::unexpected(answer);
    };
    return read_source(fd.get(), Place{.server = &server}, offsets, all_wanted,
                       in_time(), {})
        .reason;
  };
  EXPECT_EQ(reason_with(Reason::not_served), Reason::not_served);
  EXPECT_EQ(reason_with(Reason::served_wrong), Reason::served_wrong);
  EXPECT_EQ(
      read_source(fd.get(), Place{}, offsets, all_wanted, in_time(), {}).reason,
      Reason::no_debug_info);
}

TEST_F(SourceFiles, DwzMayHaveMovedPartsOfItToAnAlternateFile) {
  if (!has_program("dwz")) GTEST_SKIP() << "no dwz";
  ASSERT_TRUE(
      folder_.run("cp program again && cp program a && cp again b && "
                  "dwz -m alternate a b 2>/dev/null"));
  ASSERT_TRUE(std::filesystem::exists(path("alternate")));
  EXPECT_EQ(texts(path("a"), path("program"), {}, path("alternate")),
            expected_);
  // Without it names are missing, and nothing else is opened instead.
#if !defined(__SANITIZE_ADDRESS__)  // which needs what stops libdw
  const auto without = texts(path("a"), path("program"));
  EXPECT_EQ(without.size(), expected_.size());
  EXPECT_FALSE(without == expected_);
#endif
}

TEST_F(SourceFiles, SplitDwarfHasLinesAndAReasonForTheRest) {
  make("split", "-gsplit-dwarf");
  const auto found = texts(path("split"), path("program"));
  EXPECT_EQ(reason_, Reason::split_debug_info);
  std::size_t lines = 0;
  for (const auto& text : found) {
    EXPECT_LE(std::ranges::count(text, '\n'), 1);
    lines += text.find("program.cpp:") != std::string::npos ? 1U : 0U;
  }
  EXPECT_GT(lines, 50U);
}

TEST_F(SourceFiles, InlinesAloneHaveNoLines) {
  wanted_ = {.inlines = true};
  bool inlined = false;
  for (const auto& text : texts(path("program"), path("program"))) {
    if (text.empty()) continue;
    EXPECT_NE(text.find(" :0\n"), std::string::npos) << text;
    inlined = inlined || std::ranges::count(text, '\n') > 3;
  }
  EXPECT_TRUE(inlined);
}

TEST_F(SourceFiles, LinesAloneHaveNoFunctions) {
  wanted_ = {.lines = true};
  const auto found = texts(path("program"), path("program"));
  ASSERT_EQ(found.size(), expected_.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i].empty()) continue;
    const auto first = expected_[i].substr(0, expected_[i].find('\n') + 1);
    EXPECT_EQ(found[i], first.substr(first.rfind(' ')));
  }
}

TEST_F(SourceFiles, WhatIsNoProgramHasNone) {
  const auto text = open_file(source_);
  const std::vector<std::uint64_t> offsets{0, 1, 2};
  const auto table =
      read_source({.file = text.get()}, offsets, all_wanted, in_time(), {});
  EXPECT_EQ(table.reason, Reason::no_debug_info);
  ASSERT_EQ(table.chains.size(), 3U);
  EXPECT_TRUE(table.at(0).empty());
  EXPECT_TRUE(
      read_source({}, offsets, all_wanted, in_time(), {}).at(2).empty());
}

}  // namespace
}  // namespace sightline::symbol
