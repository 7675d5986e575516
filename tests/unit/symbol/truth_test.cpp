// SPDX-License-Identifier: Apache-2.0
// Every function of programs that are really there (of giants, every Nth),
// against two symbolizers that share no code with ours. An alias of the same
// function counts as equal: the three choose by different rules
// (elf_symbols.h). There are no other differences.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
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

// This program with its own table, without DWARF, which would give the oracles
// inlined frames; and what a build and its tests need, or most machines have.
const char* const files[] = {"self",
                             "/lib64/ld-linux-x86-64.so.2",
                             "/lib/x86_64-linux-gnu/libc.so.6",
                             "/lib/x86_64-linux-gnu/libm.so.6",
                             "/lib/x86_64-linux-gnu/libz.so.1",
                             "/lib/x86_64-linux-gnu/libcap.so.2",
                             "/lib/x86_64-linux-gnu/libgcc_s.so.1",
                             "/lib/x86_64-linux-gnu/liblzma.so.5",
                             "/lib/x86_64-linux-gnu/libncursesw.so.6",
                             "/lib/x86_64-linux-gnu/libtinfo.so.6",
                             "/usr/bin/bash",
                             "/usr/bin/gdb",
                             "/usr/bin/perl",
                             "/usr/bin/perf",
                             "/usr/bin/python3.11",
                             "/usr/bin/qemu-system-x86_64",
                             "/usr/bin/zsh",
                             "/usr/lib/gcc/x86_64-linux-gnu/12/cc1plus",
                             "/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1",
                             "/usr/lib/x86_64-linux-gnu/libarchive.so.13",
                             "/usr/lib/x86_64-linux-gnu/libbfd-2.40-system.so",
                             "/usr/lib/x86_64-linux-gnu/libbpf.so.1",
                             "/usr/lib/x86_64-linux-gnu/libclang-14.so.1",
                             "/usr/lib/x86_64-linux-gnu/libclang-cpp.so.14",
                             "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
                             "/usr/lib/x86_64-linux-gnu/libcurl.so.4",
                             "/usr/lib/x86_64-linux-gnu/libdw.so.1",
                             "/usr/lib/x86_64-linux-gnu/libelf.so.1",
                             "/usr/lib/x86_64-linux-gnu/libgmp.so.10",
                             "/usr/lib/x86_64-linux-gnu/libisl.so.23",
                             "/usr/lib/x86_64-linux-gnu/libjq.so.1",
                             "/usr/lib/x86_64-linux-gnu/libmpfr.so.6",
                             "/usr/lib/x86_64-linux-gnu/libonig.so.5",
                             "/usr/lib/x86_64-linux-gnu/libperl.so.5.36",
                             "/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0",
                             "/usr/lib/x86_64-linux-gnu/libssl.so.3",
                             "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
                             "/usr/lib/x86_64-linux-gnu/libuv.so.1",
                             "/usr/lib/x86_64-linux-gnu/libxml2.so.2"};

std::string path_of(const std::string& name, const testing::TempDir& dir) {
  if (name != "self") return name;
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string path = dir.at("self");
  return testing::runs("strip -g -o " + path + " " + self) ? path : self;
}

// At most so many, evenly taken.
std::vector<std::uint64_t> some_of(const std::vector<std::uint64_t>& all,
                                   std::size_t most) {
  std::vector<std::uint64_t> some;
  const std::size_t step = 1 + all.size() / most;
  for (std::size_t i = 0; i < all.size(); i += step) some.push_back(all[i]);
  return some;
}

class Truth : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    path_ = path_of(GetParam(), dir_);
    if (!std::filesystem::exists(path_)) GTEST_SKIP() << "no " << path_;
    // Of each file once, not once for each oracle.
    static std::map<std::string, Functions> known;
    const auto [at, is_new] = known.try_emplace(GetParam());
    if (is_new) at->second = functions_of(path_);
    functions_ = at->second;
    ASSERT_GT(functions_.addresses.size(), 20U);
  }

  void compare_some(std::size_t most, const std::string& command,
                    std::size_t lines_each) {
    functions_.addresses = some_of(functions_.addresses, most);
    compare(functions_, ours(path_, functions_.addresses),
            ask(command + path_, functions_.addresses, lines_each));
  }

  testing::TempDir dir_;
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
  compare_some(20000,
               "llvm-symbolizer --no-demangle --no-inlines "
               "--functions=linkage --obj=",
               3);
}

TEST_P(Truth, AgreesWithElfutils) {
  if (!installed("eu-addr2line")) GTEST_SKIP() << "no eu-addr2line";
  // It goes through the whole table for each address: a fifth of a second.
  constexpr std::size_t most_symbols = 3'000'000;
  compare_some(50 + most_symbols / functions_.names.size(),
               "eu-addr2line -S -e ", 2);
}

INSTANTIATE_TEST_SUITE_P(Files, Truth, ::testing::ValuesIn(files),
                         [](const auto& chosen) {
                           return std::to_string(chosen.index);
                         });

TEST(TruthOf, AtLeastTwentyFilesIsKnown) {
  const auto there = std::ranges::count_if(
      files, [](const char* path) { return std::filesystem::exists(path); });
  EXPECT_GE(there, 20);
}

}  // namespace
}  // namespace sightline::symbol
