// SPDX-License-Identifier: Apache-2.0
// Against what this very program has mapped, and programs made for the test.
#include "unwind/program_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <utility>

#include "process/proc.h"
#include "symbol/compiled.h"

namespace sightline::unwind {
namespace {

using symbol::Folder;
using Inodes = std::set<ino_t>;

Inodes predicted(const std::string& path) {
  Inodes inodes;
  for (const auto& file : open_program_files(path)) {
    struct stat info{};
    EXPECT_EQ(::fstat(file.get(), &info), 0);
    EXPECT_TRUE(inodes.insert(info.st_ino).second) << "twice";
  }
  return inodes;
}

ino_t inode_of(const std::string& path) {
  struct stat info{};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_ino;
}

TEST(ProgramFiles, AreWhatAProgramMapsWhenItRuns) {
  auto found = predicted(std::filesystem::canonical("/proc/self/exe"));
  auto lines = process::read_maps(static_cast<std::uint32_t>(::getpid()));
  ASSERT_TRUE(lines);
  for (const auto& line : *lines) {
    if (line.file.inode != 0) {
      EXPECT_TRUE(found.contains(line.file.inode)) << line.file.path;
    }
  }
}

TEST(ProgramFiles, OfAScriptAreItsInterpreters) {
  Folder folder;
  auto script = folder.write("script", "#! /bin/sh -e\ntrue\n");
  EXPECT_EQ(predicted(script), predicted("/bin/sh"));
  EXPECT_TRUE(predicted(script).contains(inode_of("/bin/sh")));
  auto outer = folder.write("outer", "#!" + script);
  EXPECT_EQ(predicted(outer), predicted("/bin/sh"));
}

TEST(ProgramFiles, WhatNobodyCouldExecuteHasNone) {
  Folder folder;
  auto self = folder.file("self");
  EXPECT_TRUE(predicted(folder.write("self", "#!" + self)).empty());
  EXPECT_TRUE(predicted(folder.write("blank", "#!  \n/bin/sh")).empty());
  EXPECT_TRUE(predicted(folder.write("mark", "#!")).empty());
  EXPECT_TRUE(predicted(folder.write("text", "echo no mark")).empty());
  EXPECT_TRUE(predicted(folder.write("half",
                                     "\x7f"
                                     "ELF\x02\x01"))
                  .empty());
  EXPECT_TRUE(predicted(folder.write("empty", "")).empty());
  EXPECT_TRUE(predicted(folder.file("not there")).empty());
  EXPECT_TRUE(predicted("/").empty());
  EXPECT_TRUE(predicted("").empty());
}

// A library that names the next, and the first again.
TEST(ProgramFiles, LibrariesAreFoundWhereTheProgramSays) {
  Folder folder;
  if (!symbol::has_program("gcc")) GTEST_SKIP() << "no gcc";
  std::filesystem::create_directory(folder.file("lib"));
  (void)folder.write("a.c", "int a(void) { return 1; }");
  (void)folder.write("b.c", "int a(void); int b(void) { return a(); }");
  (void)folder.write("main.c", "int b(void); int main(void) { return b(); }");
  ASSERT_TRUE(
      folder.run("gcc -shared -fPIC -o lib/liba.so a.c && "
                 "gcc -shared -fPIC -o lib/libb.so b.c -Llib -la "
                 "-Wl,-rpath,'$ORIGIN' && "
                 "gcc -o program main.c -Llib -lb -Wl,-rpath-link,lib "
                 "-Wl,-rpath,'${ORIGIN}/lib' && ./program; test $? = 1"));
  auto found = predicted(folder.file("program"));
  EXPECT_TRUE(found.contains(inode_of(folder.file("program"))));
  EXPECT_TRUE(found.contains(inode_of(folder.file("lib/libb.so"))));
  EXPECT_TRUE(found.contains(inode_of(folder.file("lib/liba.so"))));
  EXPECT_TRUE(found.size() == 5) << "the linker and the C library beside them";
}

}  // namespace
}  // namespace sightline::unwind
