// SPDX-License-Identifier: Apache-2.0
#include "symbol/debug_files.h"

#include <gtest/gtest.h>
#include <lzma.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/confined.h"
#include "symbol/elf_image.h"
#include "symbol/programs.h"

namespace sightline::symbol {
namespace {

using testing::Elf32;
using testing::ElfImage;
using testing::open_to_read;
using testing::raw_bytes;
using testing::TempDir;

namespace fs = std::filesystem;

// Nobody's build: nothing has it below our own /usr/lib/debug.
const std::string build_id = "\xfe\x01\x02\x03\x04\x05\x06\x07sightline";
const std::string by_build_id =
    "/usr/lib/debug/.build-id/fe/0102030405060773696768746c696e65.debug";

std::uint32_t checksum_of(const std::string& bytes) {
  return lzma_crc32(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                    bytes.size(), 0);
}

std::string debug_link(std::string name, std::uint32_t checksum = 0) {
  name.resize((name.size() + 4) & ~std::size_t{3});
  return name + std::string(raw_bytes(checksum));
}

// What a strip leaves, and what it takes away.
ElfImage<> stripped(const std::string& id = build_id) {
  ElfImage<> image(SHT_DYNSYM);
  if (!id.empty()) image.add_build_id(id);
  return image;
}

ElfImage<> debug_image(const std::string& id = build_id) {
  ElfImage<> image;
  image.add("alpha", 0x1000, 16);
  if (!id.empty()) image.add_build_id(id);
  return image;
}

class DebugFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    auto root = open_root(root_.path());
    ASSERT_TRUE(root);
    root_fd_ = *std::move(root);
  }

  [[nodiscard]] Place place(std::string path = "/opt/app/prog") const {
    return {.root = root_fd_.get(), .path = std::move(path)};
  }

  // The path where it was found, or why not.
  std::string search(const ElfImage<>& image) {
    root_.write("/opt/app/prog", image.bytes());
    const auto file = ElfFile::open(open_to_read(root_.at("opt/app/prog")));
    const auto found = find_debug_file(*file, place());
    if (!found) return std::string(text(found.error()));
    EXPECT_EQ(found->place.root, root_fd_.get());
    EXPECT_TRUE(ElfFile::open(UniqueFd(dup(found->fd.get()))));
    return found->place.path;
  }

  TempDir root_;
  UniqueFd root_fd_;
};

const std::string nothing(text(Reason::no_debug_file));
const std::string other(text(Reason::other_build));

TEST_F(DebugFiles, AreFoundByTheirBuildId) {
  EXPECT_EQ(search(stripped()), nothing);
  root_.write(by_build_id, debug_image().bytes());
  EXPECT_EQ(search(stripped()), by_build_id);
}

TEST_F(DebugFiles, AnotherBuildIsNotBelieved) {
  root_.write(by_build_id, debug_image(build_id + "x").bytes());
  EXPECT_EQ(search(stripped()), other);
  root_.write(by_build_id, debug_image("").bytes());
  EXPECT_EQ(search(stripped()), other);
}

TEST_F(DebugFiles, ALinkNamesAFileInThreeDirectories) {
  ElfImage<> image = stripped();
  image.add_section(".gnu_debuglink", SHT_PROGBITS, debug_link("prog.debug"));
  // The last that is tried comes first here.
  for (const std::string path :
       {"/usr/lib/debug/opt/app/prog.debug", "/opt/app/.debug/prog.debug",
        "/opt/app/prog.debug"}) {
    root_.write(path, debug_image().bytes());
    EXPECT_EQ(search(image), path);
  }
  root_.write("/opt/app/prog.debug", debug_image("other").bytes());
  EXPECT_EQ(search(image), "/opt/app/.debug/prog.debug");
}

TEST_F(DebugFiles, ABuildIdIsNotReplacedByAChecksum) {
  const std::string debug = debug_image("").bytes();
  ElfImage<> image = stripped();
  image.add_section(".gnu_debuglink", SHT_PROGBITS,
                    debug_link("prog.debug", checksum_of(debug)));
  root_.write("/opt/app/prog.debug", debug);
  EXPECT_EQ(search(image), other);
}

TEST_F(DebugFiles, WithoutABuildIdTheChecksumDecides) {
  const std::string debug = debug_image("").bytes();
  root_.write("/opt/app/prog.debug", debug);
  const auto with = [](std::uint32_t checksum) {
    ElfImage<> image = stripped("");
    return image.add_section(".gnu_debuglink", SHT_PROGBITS,
                             debug_link("prog.debug", checksum));
  };
  EXPECT_EQ(search(with(checksum_of(debug))), "/opt/app/prog.debug");
  EXPECT_EQ(search(with(checksum_of(debug) + 1)), other);
}

TEST_F(DebugFiles, AGibibyteIsNotReadForItsChecksum) {
  root_.write("/opt/app/prog.debug", debug_image("").bytes());
  fs::resize_file(root_.at("/opt/app/prog.debug"), 1U << 30);
  ElfImage<> image = stripped("");
  // Of these bytes and a gibibyte of zeroes behind them.
  std::uint32_t checksum = checksum_of(debug_image("").bytes());
  const std::vector<std::uint8_t> zeroes(1U << 20);
  std::uint64_t left = (1U << 30) - debug_image("").bytes().size();
  while (left > 0) {
    const auto size = std::min<std::uint64_t>(left, zeroes.size());
    checksum = lzma_crc32(zeroes.data(), size, checksum);
    left -= size;
  }
  image.add_section(".gnu_debuglink", SHT_PROGBITS,
                    debug_link("prog.debug", checksum));
  EXPECT_EQ(search(image), other);
}

TEST_F(DebugFiles, ALinkIsAFileNameAndNothingElse) {
  root_.write("/opt/prog.debug", debug_image().bytes());
  for (const std::string& section :
       {debug_link("../prog.debug"), debug_link("/opt/prog.debug"),
        debug_link(".."), debug_link("."), debug_link(""),
        std::string("prog.debug"), std::string("prog.debug\0\0", 12),
        std::string(5000, 'a'), std::string()}) {
    ElfImage<> image = stripped();
    image.add_section(".gnu_debuglink", SHT_PROGBITS, section);
    EXPECT_EQ(search(image), nothing) << section;
  }
}

TEST_F(DebugFiles, NoLinkLeadsOutOfTheRoot) {
  const TempDir outside;
  outside.write("secret.debug", debug_image().bytes());
  const auto link = root_.at(by_build_id);
  fs::create_directories(link.parent_path());
  fs::create_symlink(outside.at("secret.debug"), link);
  EXPECT_EQ(search(stripped()), nothing);
  fs::remove(link);
  fs::create_symlink(
      "../../../../../../../../../../.." + outside.at("secret.debug").string(),
      link);
  EXPECT_EQ(search(stripped()), nothing);
  // The same file inside is found through a link.
  root_.write("/srv/inside.debug", debug_image().bytes());
  fs::remove(link);
  fs::create_symlink("/srv/inside.debug", link);
  EXPECT_EQ(search(stripped()), by_build_id);
}

TEST_F(DebugFiles, WhatIsNoFileIsPassedOver) {
  const auto fifo = root_.at(by_build_id);
  fs::create_directories(fifo.parent_path());
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  fs::create_directories(root_.at("/opt/app/prog.debug"));
  root_.write("/opt/app/.debug/prog.debug", "not an ELF file");
  root_.write("/usr/lib/debug/opt/app/prog.debug", debug_image().bytes());
  ElfImage<> image = stripped();
  image.add_section(".gnu_debuglink", SHT_PROGBITS, debug_link("prog.debug"));
  EXPECT_EQ(search(image), "/usr/lib/debug/opt/app/prog.debug");
}

TEST_F(DebugFiles, AFileIsNotItsOwnDebugFile) {
  ElfImage<> image = debug_image();
  image.add_section(".gnu_debuglink", SHT_PROGBITS, debug_link("prog"));
  EXPECT_EQ(search(image), nothing);
  root_.write("/opt/app/.debug/prog", debug_image().bytes());
  EXPECT_EQ(search(image), "/opt/app/.debug/prog");
}

TEST_F(DebugFiles, AStrippedCopyOrAnotherClassIsNoHelp) {
  root_.write(by_build_id, stripped().bytes());
  EXPECT_EQ(search(stripped()), nothing);
  ElfImage<Elf32> narrow;
  root_.write(by_build_id, narrow.add_build_id(build_id).bytes());
  EXPECT_EQ(search(stripped()), nothing);
}

TEST_F(DebugFiles, WithoutAPathOnlyTheBuildIdIsLeft) {
  root_.write("/opt/app/prog.debug", debug_image().bytes());
  ElfImage<> image = stripped();
  image.add_section(".gnu_debuglink", SHT_PROGBITS, debug_link("prog.debug"));
  const auto file = ElfFile::open(image.fd());
  for (const std::string path : {"", "prog", "opt/app/prog"}) {
    EXPECT_FALSE(find_debug_file(*file, place(path))) << path;
  }
  EXPECT_TRUE(find_debug_file(*file, place("/opt/app/../app/gone (deleted)")));
  root_.write(by_build_id, debug_image().bytes());
  EXPECT_TRUE(find_debug_file(*file, place("")));
}

TEST_F(DebugFiles, OfOurOwnRootComeAfterTheTargets) {
  const TempDir ours;  // this path is one in our own root
  ours.write("prog.debug", debug_image().bytes());
  ElfImage<> image = stripped();
  image.add_section(".gnu_debuglink", SHT_PROGBITS, debug_link("prog.debug"));
  const auto file = ElfFile::open(image.fd());
  const std::string path = ours.at("prog");
  auto found = find_debug_file(*file, place(path));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->place.root, -1);
  root_.write(ours.at("prog.debug").string(), debug_image().bytes());
  found = find_debug_file(*file, place(path));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->place.root, root_fd_.get());
}

// A dwz file, and how it is named.
const std::string alternate_id = "\xfd\x01shared by many";

ElfImage<> alternate_image(const std::string& id = alternate_id) {
  ElfImage<> image(SHT_PROGBITS);
  image.add_section(".debug_str", SHT_PROGBITS, "strings");
  return image.add_build_id(id);
}

class AlternateFiles : public DebugFiles {
 protected:
  std::string find(const std::string& section,
                   const std::string& path = "/usr/lib/debug/a/prog.debug") {
    ElfImage<> image = debug_image();
    image.add_section(".gnu_debugaltlink", SHT_PROGBITS, section);
    root_.write("/usr/lib/debug/a/prog.debug", image.bytes());
    const auto file =
        ElfFile::open(open_to_read(root_.at("/usr/lib/debug/a/prog.debug")));
    const auto found = find_alternate_file(*file, place(path));
    return found ? found->place.path : std::string(text(found.error()));
  }
  static std::string link(const std::string& name) {
    return name + '\0' + alternate_id;
  }
};

TEST_F(AlternateFiles, AreFoundByPathAndByBuildId) {
  EXPECT_EQ(find(link("../.dwz/x.debug")), nothing);
  const std::string hidden =
      "/usr/lib/debug/.build-id/fd/01736861726564206279206d616e79.debug";
  root_.write(hidden, alternate_image().bytes());
  EXPECT_EQ(find(link("../.dwz/x.debug")), hidden);
  EXPECT_EQ(find(link("")), hidden);
  root_.write("/usr/lib/debug/.dwz/x.debug", alternate_image().bytes());
  EXPECT_EQ(find(link("../.dwz/x.debug")), "/usr/lib/debug/a/../.dwz/x.debug");
  EXPECT_EQ(find(link("/usr/lib/debug/.dwz/x.debug")),
            "/usr/lib/debug/.dwz/x.debug");
}

TEST_F(AlternateFiles, AreBelievedOnlyWithTheirBuildId) {
  root_.write("/usr/lib/debug/.dwz/x.debug", alternate_image("else").bytes());
  EXPECT_EQ(find(link("/usr/lib/debug/.dwz/x.debug")), other);
  const std::string name = "/usr/lib/debug/.dwz/x.debug";
  for (const std::string& bad :
       {std::string(), name, name + '\0', std::string(1, '\0')}) {
    EXPECT_EQ(find(bad), nothing);
  }
}

TEST_F(AlternateFiles, ADebugFileThatNamesItselfIsNotItsOwnAlternate) {
  ElfImage<> image = debug_image();
  image.add_section(".gnu_debugaltlink", SHT_PROGBITS,
                    "prog.debug" + std::string(1, '\0') + build_id);
  root_.write("/a/prog.debug", image.bytes());
  const auto file = ElfFile::open(open_to_read(root_.at("/a/prog.debug")));
  EXPECT_FALSE(find_alternate_file(*file, place("/a/prog.debug")));
}

// A program, its debug file with DWARF, and the dwz file of that.
TEST_F(AlternateFiles, DebugInfoIsTheWholeChainAndNoLonger) {
  const auto with_dwarf = [](ElfImage<> image) {
    image.add_section(".debug_info", SHT_PROGBITS, "units");
    return image.add_section(".gnu_debugaltlink", SHT_PROGBITS,
                             link("/dwz/x.debug"));
  };
  const auto ask = [&](const ElfImage<>& image) {
    const auto file = ElfFile::open(image.fd());
    return find_debug_info(*file, place());
  };
  EXPECT_EQ(ask(stripped()).error(), Reason::no_debug_file);
  // A symbol table is no DWARF, and what such a file links to is not followed.
  ElfImage<> chain = debug_image();
  chain.add_section(".gnu_debuglink", SHT_PROGBITS, debug_link("next.debug"));
  root_.write(by_build_id, chain.bytes());
  root_.write("/opt/app/next.debug", with_dwarf(debug_image()).bytes());
  EXPECT_EQ(ask(stripped()).error(), Reason::no_debug_file);
  root_.write(by_build_id, with_dwarf(debug_image()).bytes());
  auto info = ask(stripped());
  ASSERT_TRUE(info);
  EXPECT_FALSE(info->alternate);
  root_.write("/dwz/x.debug", alternate_image().bytes());
  EXPECT_TRUE(ask(stripped())->alternate);
  // The program has all of it itself.
  info = ask(with_dwarf(stripped("")));
  ASSERT_TRUE(info);
  EXPECT_TRUE(info->alternate);
  EXPECT_TRUE(ElfFile::open(std::move(info->dwarf))->find_section(SHT_DYNSYM));
}

}  // namespace
}  // namespace sightline::symbol
