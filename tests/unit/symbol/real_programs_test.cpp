// SPDX-License-Identifier: Apache-2.0
// Programs as compilers and distributions make them, with their names split off
// or stripped: what is found must be what the whole program says.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "base/confined.h"
#include "base/text.h"
#include "symbol/elf_file.h"
#include "symbol/object_symbols.h"
#include "symbol/programs.h"

namespace sightline::symbol {
namespace {

using testing::Functions;
using testing::functions_of;
using testing::installed;
using testing::lines_of;
using testing::open_to_read;
using testing::runs;
using testing::TempDir;
using testing::without_version;

const char c_source[] = R"(
#define KEEP __attribute__((noinline, noclone))
static KEEP int first_local(int x) { __asm__(""); return x + 1; }
KEEP int first_exported(int x) { __asm__(""); return first_local(x) * 2; }
static KEEP int second_local(int x) { __asm__(""); return x - 3; }
KEEP int second_exported(int x) { __asm__(""); return second_local(x) * 5; }
static KEEP int last_local(int x) { __asm__(""); return x ^ 7; }
int main(int argc, char **argv) {
  (void)argv;
  return first_exported(argc) + second_exported(argc) + last_local(argc);
}
)";

// A root with /bin/prog, whose exported functions are in .dynsym, and beside it
// what the whole program said before it was stripped.
class SplitProgram : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    for (const char* tool : {"gcc", "objcopy", "nm", "xz"}) {
      if (!installed(tool)) GTEST_SKIP() << "no " << tool;
    }
    root_.write("prog.c", c_source);
    root_.write("bin/.keep", "");
    ASSERT_TRUE(in_root(std::string("gcc -O2 -g -rdynamic -o whole prog.c ") +
                        GetParam()));
    functions_ = functions_of(root_.at("whole"));
    ASSERT_GT(functions_.addresses.size(), 18U);
    ASSERT_TRUE(in_root("objcopy --only-keep-debug whole debug"));
    ASSERT_TRUE(in_root("objcopy --strip-all whole bin/prog"));
  }

  [[nodiscard]] bool in_root(const std::string& command) const {
    return runs("cd " + root_.path().string() + " && " + command);
  }

  // How many addresses have another name than the whole program says, and how
  // many have none.
  struct Verdict {
    unsigned wrong = 0;
    unsigned unnamed = 0;
  };
  [[nodiscard]] Verdict judge() const {
    const auto file = ElfFile::open(open_to_read(root_.at("bin/prog")));
    const auto root = open_root(root_.path());
    std::vector<ElfSymbol> out(functions_.addresses.size());
    (void)name_object_symbols(*file, {.root = root->get(), .path = "/bin/prog"},
                              functions_.addresses, out);
    Verdict verdict;
    for (std::size_t i = 0; i < out.size(); ++i) {
      // The function that holds the address, as nm has it.
      auto at = functions_.names.upper_bound(functions_.addresses[i]);
      --at;
      verdict.unnamed += out[i].name.empty();
      verdict.wrong += !out[i].name.empty() &&
                       !at->second.contains(without_version(out[i].name));
    }
    return verdict;
  }
  void expect_all_named() const {
    EXPECT_EQ(judge().wrong, 0U);
    EXPECT_EQ(judge().unnamed, 0U);
  }

  TempDir root_;
  Functions functions_;
};

TEST_P(SplitProgram, AloneNamesOnlyWhatIsExported) {
  EXPECT_EQ(judge().wrong, 0U);
  EXPECT_GE(judge().unnamed, 9U);  // three local functions
}

TEST_P(SplitProgram, IsWholeWithADebugLink) {
  ASSERT_TRUE(
      in_root("cp debug bin/prog.debug && "
              "objcopy --add-gnu-debuglink=bin/prog.debug bin/prog"));
  expect_all_named();
  // Another build, whose functions have other names.
  ASSERT_TRUE(
      in_root("sed s/local/xlocal/g prog.c >other.c && "
              "gcc -O2 -g -rdynamic -o other other.c && "
              "objcopy --only-keep-debug other bin/prog.debug"));
  EXPECT_EQ(judge().wrong, 0U);
  EXPECT_GE(judge().unnamed, 9U);
}

TEST_P(SplitProgram, IsWholeWithMiniDebugInfo) {
  // The names that .dynsym has not, as find-debuginfo.sh chooses them.
  ASSERT_TRUE(in_root(
      "nm -D whole --format=posix --defined-only | awk '{print $1}' | sort >a "
      "&& nm whole --format=posix --defined-only | "
      "awk '$2 ~ /[TtD]/ {print $1}' | sort >b && comm -13 a b >keep && "
      "objcopy -S --remove-section .gdb_index --remove-section .comment "
      "--keep-symbols=keep debug mini && xz mini && "
      "objcopy --add-section .gnu_debugdata=mini.xz bin/prog"));
  expect_all_named();
}

TEST_P(SplitProgram, IsWholeWithAFileForItsBuildId) {
  const auto file = ElfFile::open(open_to_read(root_.at("bin/prog")));
  const std::string id = to_hex(file->build_id());
  if (id.empty()) {
    EXPECT_STREQ(GetParam(), "-Wl,--build-id=none");
    return;
  }
  const std::string directory = "usr/lib/debug/.build-id/" + id.substr(0, 2);
  ASSERT_TRUE(in_root("mkdir -p " + directory + " && cp debug " + directory +
                      "/" + id.substr(2) + ".debug"));
  expect_all_named();
}

INSTANTIATE_TEST_SUITE_P(Linked, SplitProgram,
                         ::testing::Values("-Wl,--build-id -pie",
                                           "-Wl,--build-id -no-pie",
                                           "-Wl,--build-id=none"),
                         [](const auto& chosen) {
                           return std::to_string(chosen.index);
                         });

// Debian's libc has its symbol table in libc6-dbg.
TEST(DebianLibc, EachFunctionHasTheNameThatNmGivesForItsDebugFile) {
  const std::string path = "/lib/x86_64-linux-gnu/libc.so.6";
  const auto file = ElfFile::open(open_to_read(path));
  if (!file) GTEST_SKIP() << "no " << path;
  const std::string id = to_hex(file->build_id());
  const std::string debug = "/usr/lib/debug/.build-id/" + id.substr(0, 2) +
                            "/" + id.substr(2) + ".debug";
  if (!std::filesystem::exists(debug)) GTEST_SKIP() << "no libc6-dbg";
  Functions functions = functions_of(debug);
  ASSERT_GT(functions.names.size(), 3000U);
  std::vector<ElfSymbol> out(functions.addresses.size());
  EXPECT_EQ(
      name_object_symbols(*file, {.path = path}, functions.addresses, out),
      Reason::none);
  unsigned named = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto& names = functions.names[out[i].start];
    EXPECT_TRUE(names.contains(without_version(out[i].name))) << out[i].name;
    named += out[i].start == functions.addresses[i];
  }
  EXPECT_EQ(named, functions.names.size()) << "each has its first byte";
}

const char go_source[] = R"(package main

import "fmt"

type T struct{ a int }

//go:noinline
func (t *T) Method(x int) int { return x + t.a }

//go:noinline
func Generic[V int | float64](v V) V { return v + v }

func main() {
	t := &T{3}
	defer func() { fmt.Println(t.Method(4), Generic(3), Generic(2.5)) }()
}
)";

struct GoBuild {
  const char* flags;
  const char* linker_flags;
};

class GoProgram : public ::testing::TestWithParam<GoBuild> {
 protected:
  // Go keeps what it has compiled of its library below the home directory.
  [[nodiscard]] bool build(const std::string& output,
                           const std::string& linker_flags) const {
    const std::string directory = dir_.path();
    return runs("cd " + directory + " && HOME=${HOME:-" + directory +
                "} GO111MODULE=off GOFLAGS= go build -o " + output + " " +
                GetParam().flags + " -ldflags='" + linker_flags + " " +
                GetParam().linker_flags + "' prog.go");
  }

  // What the symbol table has of Go, by address. C's functions, which a C
  // linker puts around it, are not in Go's table.
  [[nodiscard]] std::map<std::uint64_t, std::set<std::string>> names_of_whole()
      const;

  TempDir dir_;
};

// The symbol table has the whole type arguments where the run-time system has
// `[...]`, and tells the two calling conventions apart, as it has to.
std::string shown(std::string name) {
  for (const std::string_view suffix : {".abi0", ".abiinternal"}) {
    if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
  }
  const auto open = name.find('[');
  const auto close = name.rfind(']');
  if (open == std::string::npos || close == std::string::npos) return name;
  return name.substr(0, open) + "[...]" + name.substr(close + 1);
}

std::map<std::uint64_t, std::set<std::string>> GoProgram::names_of_whole()
    const {
  std::map<std::uint64_t, std::set<std::string>> names;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  for (const auto& line : lines_of("go tool nm " + dir_.at("whole").string())) {
    std::istringstream words(line);
    std::uint64_t address = 0;
    std::string type;
    std::string name;
    if (!(words >> std::hex >> address >> type)) continue;
    std::getline(words >> std::ws, name);
    if (name == "runtime.text") begin = address;
    if (name == "runtime.etext") end = address;
    if (type == "T" || type == "t") names[address].insert(shown(name));
  }
  names.erase(names.begin(), names.lower_bound(begin));
  names.erase(names.lower_bound(end), names.end());
  return names;
}

TEST_P(GoProgram, StrippedHasTheNamesThatItHadBefore) {
  if (!installed("go")) GTEST_SKIP() << "no go";
  if (*GetParam().linker_flags != '\0' && !installed("gcc")) {
    GTEST_SKIP() << "no gcc";
  }
  dir_.write("prog.go", go_source);
  ASSERT_TRUE(build("whole", ""));
  ASSERT_TRUE(build("stripped", "-s"));
  auto names = names_of_whole();
  ASSERT_GT(names.size(), 1000U);
  std::vector<std::uint64_t> addresses;
  for (const auto& [address, unused] : names) addresses.push_back(address);
  const auto file = ElfFile::open(open_to_read(dir_.at("stripped")));
  std::vector<ElfSymbol> out(addresses.size());
  EXPECT_EQ(name_object_symbols(*file, {}, addresses, out), Reason::none);
  for (std::size_t i = 0; i < out.size(); ++i) {
    EXPECT_EQ(out[i].start, addresses[i]) << out[i].name;
    EXPECT_TRUE(names[addresses[i]].contains(out[i].name))
        << out[i].name << ", not " << *names[addresses[i]].begin();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Linked, GoProgram,
    ::testing::Values(GoBuild{"", ""}, GoBuild{"-buildmode=pie", ""},
                      GoBuild{"", "-linkmode=external"},
                      GoBuild{"-buildmode=pie", "-linkmode=external"}),
    [](const auto& chosen) { return std::to_string(chosen.index); });

TEST(RustProgram, IsNamedFromItsDebugFile) {
  if (!runs("rustc --version")) GTEST_SKIP() << "no rustc";
  const TempDir root;
  root.write("prog.rs", R"(
#[inline(never)] fn local(x: usize) -> usize { std::hint::black_box(x) + 1 }
fn main() { println!("{}", local(std::env::args().count())); }
)");
  const std::string enter = "cd " + root.path().string() + " && ";
  ASSERT_TRUE(runs(enter +
                   "rustc -O -g -C link-arg=-Wl,--build-id -o whole prog.rs && "
                   "objcopy --only-keep-debug whole prog.debug && "
                   "objcopy --strip-all --add-gnu-debuglink=prog.debug whole "
                   "prog"));
  Functions functions = functions_of(root.at("whole"));
  ASSERT_GT(functions.names.size(), 100U);
  const auto file = ElfFile::open(open_to_read(root.at("prog")));
  const auto root_fd = open_root(root.path());
  std::vector<ElfSymbol> out(functions.addresses.size());
  EXPECT_EQ(
      name_object_symbols(*file, {.root = root_fd->get(), .path = "/prog"},
                          functions.addresses, out),
      Reason::none);
  for (const ElfSymbol& symbol : out) {
    EXPECT_TRUE(functions.names[symbol.start].contains(symbol.name));
  }
}

}  // namespace
}  // namespace sightline::symbol
