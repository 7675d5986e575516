// SPDX-License-Identifier: Apache-2.0
// Every function of programs that are really there, against two symbolizers
// that share no code with ours. An alias of the same function counts as equal:
// the three choose by different rules (elf_symbols.h).
#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "symbol/elf_file.h"
#include "symbol/elf_symbols.h"
#include "symbol/programs.h"

namespace sightline::symbol {
namespace {

using testing::Functions;
using testing::functions_of;
using testing::installed;
using testing::lines_of;
using testing::open_to_read;
using testing::without_version;

// Feeds the addresses to a symbolizer and takes the name from each answer of
// `lines_each` lines.
std::vector<std::string> ask(const std::string& command,
                             const std::vector<std::uint64_t>& addresses,
                             std::size_t lines_each) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("sightline-addresses-" + std::to_string(getpid()));
  std::ofstream file(path);
  for (const std::uint64_t address : addresses) {
    file << "0x" << std::hex << address << '\n';
  }
  file.close();
  std::vector<std::string> names;
  const auto lines = lines_of(command + " <" + path.string());
  for (std::size_t i = 0; i < lines.size(); i += lines_each) {
    const std::string& line = lines[i];
    const std::string name = line.substr(0, line.find('+'));
    names.push_back(without_version(name.substr(name.starts_with('('))));
  }
  std::filesystem::remove(path);
  return names;
}

std::vector<ElfSymbol> ours(const std::string& path,
                            const std::vector<std::uint64_t>& addresses) {
  auto file = ElfFile::open(open_to_read(path));
  std::vector<ElfSymbol> out(addresses.size());
  if (file) (void)name_symbols(*file, addresses, out);
  return out;
}

void compare(const Functions& functions, const std::vector<ElfSymbol>& mine,
             const std::vector<std::string>& theirs) {
  ASSERT_EQ(theirs.size(), mine.size());
  std::size_t different = 0;
  for (std::size_t i = 0; i < mine.size(); ++i) {
    const std::string name = without_version(mine[i].name);
    if (name == theirs[i]) continue;
    const auto start = functions.names.find(mine[i].start);
    const bool alias = start != functions.names.end() &&
                       start->second.contains(name) &&
                       start->second.contains(theirs[i]);
    if (!alias && ++different <= 5) {
      ADD_FAILURE() << std::hex << functions.addresses[i] << ": " << name
                    << ", not " << theirs[i];
    }
  }
  EXPECT_EQ(different, 0U);
}

// The libraries that every Debian has, and this program with its own table,
// without DWARF, which would give the oracles inlined frames.
std::string path_of(const std::string& name) {
  if (name != "self") return name;
  const auto path = std::filesystem::temp_directory_path() /
                    ("sightline-self-" + std::to_string(getpid()));
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string command = "strip -g -o " + path.string() + " " + self;
  return std::system(command.c_str()) == 0 ? path.string() : self;
}

class Truth : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    path_ = path_of(GetParam());
    if (!std::filesystem::exists(path_)) GTEST_SKIP() << "no " << path_;
    functions_ = functions_of(path_);
    ASSERT_GT(functions_.addresses.size(), 20U);
  }
  void TearDown() override {
    if (path_.find("sightline-self-") != std::string::npos) {
      std::filesystem::remove(path_);
    }
  }
  std::string path_;
  Functions functions_;
};

TEST_P(Truth, EachFunctionHasTheNameThatNmGives) {
  const auto mine = ours(path_, functions_.addresses);
  for (std::size_t i = 0; i < mine.size(); ++i) {
    ASSERT_TRUE(functions_.names.contains(mine[i].start)) << mine[i].name;
    EXPECT_TRUE(
        functions_.names[mine[i].start].contains(without_version(mine[i].name)))
        << mine[i].name;
  }
}

TEST_P(Truth, AgreesWithLlvmSymbolizer) {
  if (!installed("llvm-symbolizer")) GTEST_SKIP() << "no llvm-symbolizer";
  compare(functions_, ours(path_, functions_.addresses),
          ask("llvm-symbolizer --no-demangle --no-inlines "
              "--functions=linkage --obj=" +
                  path_,
              functions_.addresses, 3));
}

TEST_P(Truth, AgreesWithElfutils) {
  if (!installed("eu-addr2line")) GTEST_SKIP() << "no eu-addr2line";
  // It needs milliseconds for each address of a big library.
  Functions some = functions_;
  const std::size_t step = 1 + some.addresses.size() / 600;
  some.addresses.clear();
  for (std::size_t i = 0; i < functions_.addresses.size(); i += step) {
    some.addresses.push_back(functions_.addresses[i]);
  }
  compare(some, ours(path_, some.addresses),
          ask("eu-addr2line -S -e " + path_, some.addresses, 2));
}

INSTANTIATE_TEST_SUITE_P(
    Files, Truth,
    ::testing::Values("self", "/usr/bin/bash", "/usr/bin/python3.11",
                      "/usr/bin/gdb", "/lib64/ld-linux-x86-64.so.2",
                      "/lib/x86_64-linux-gnu/libc.so.6",
                      "/lib/x86_64-linux-gnu/libm.so.6",
                      "/lib/x86_64-linux-gnu/libcrypto.so.3",
                      "/lib/x86_64-linux-gnu/libstdc++.so.6",
                      "/lib/x86_64-linux-gnu/libz.so.1"),
    [](const auto& chosen) { return std::to_string(chosen.index); });

}  // namespace
}  // namespace sightline::symbol
