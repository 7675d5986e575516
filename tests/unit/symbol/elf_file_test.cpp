// SPDX-License-Identifier: Apache-2.0
#include "symbol/elf_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>

#include "base/text.h"
#include "symbol/elf_image.h"
#include "symbol/elf_symbols.h"

namespace sightline::symbol {
namespace {

using testing::Elf32;
using testing::Elf64;
using testing::ElfImage;
using testing::memory_file;
using testing::raw_bytes;

Reason why_not(UniqueFd fd) {
  const auto file = ElfFile::open(std::move(fd));
  return file ? Reason::none : file.error();
}

template <typename Class>
class ElfFileTest : public ::testing::Test {};
using Classes = ::testing::Types<Elf64, Elf32>;
TYPED_TEST_SUITE(ElfFileTest, Classes);

TYPED_TEST(ElfFileTest, ReadsSectionsAndSegments) {
  const auto file = ElfFile::open(ElfImage<TypeParam>().fd());
  ASSERT_TRUE(file);
  ASSERT_EQ(file->sections().size(), 5U);
  ASSERT_NE(file->find_section(".text"), nullptr);
  EXPECT_EQ(file->find_section(".text")->address, 0x1000U);
  EXPECT_EQ(file->find_section(".tex"), nullptr);
  EXPECT_EQ(file->find_section(SHT_SYMTAB), &file->sections()[2]);
  EXPECT_EQ(file->find_section(SHT_DYNSYM), nullptr);
  ASSERT_EQ(file->segments().size(), 1U);
}

TYPED_TEST(ElfFileTest, AnOffsetIsInASegmentOrNowhere) {
  const auto file = ElfFile::open(ElfImage<TypeParam>().fd());
  ASSERT_TRUE(file);
  EXPECT_EQ(file->address_of(0x3ff), std::nullopt);
  EXPECT_EQ(file->address_of(0x400), 0x1000U);
  EXPECT_EQ(file->address_of(0x13ff), 0x1fffU);
  EXPECT_EQ(file->address_of(0x1400), std::nullopt);
  EXPECT_EQ(file->address_of(~0ULL), std::nullopt);
}

TYPED_TEST(ElfFileTest, AnAddressHasAnOffsetWhereTheFileHasItsByte) {
  const auto file = ElfFile::open(ElfImage<TypeParam>().fd());
  ASSERT_TRUE(file);
  EXPECT_EQ(file->offset_of(0xfff), std::nullopt);
  EXPECT_EQ(file->offset_of(0x1000), 0x400U);
  EXPECT_EQ(file->offset_of(0x1fff), 0x13ffU);
  EXPECT_EQ(file->offset_of(0x2000), std::nullopt);
  EXPECT_EQ(file->offset_of(~0ULL), std::nullopt);
}

TYPED_TEST(ElfFileTest, CodeBeginsWithTheFirstExecutableSection) {
  ElfImage<TypeParam> image;
  EXPECT_EQ(ElfFile::open(image.fd())->code_start(), 0x1000U);
  // At address 0, and not executable.
  image.add_section(".data", SHT_PROGBITS, "data");
  EXPECT_EQ(ElfFile::open(image.fd())->code_start(), 0x1000U);
}

TYPED_TEST(ElfFileTest, HasDwarfWhereThereIsSome) {
  const auto has = [](const char* name, const char* content) {
    ElfImage<TypeParam> image;
    image.add_section(name, SHT_PROGBITS, content);
    return ElfFile::open(image.fd())->has_dwarf();
  };
  EXPECT_TRUE(has(".debug_info", "units"));
  EXPECT_TRUE(has(".zdebug_info", "ZLIB"));
  EXPECT_FALSE(has(".debug_info", ""));
  EXPECT_FALSE(has(".zdebug_info", ""));
  EXPECT_FALSE(has(".debug_line", "rows"));
}

TEST(ElfFile, ReadsTheBuildId) {
  // A note of another kind stands before it, with an odd length.
  const auto note = [](unsigned type, std::string name, std::string text) {
    const Elf64_Nhdr head{static_cast<Elf64_Word>(name.size()),
                          static_cast<Elf64_Word>(text.size()), type};
    name.resize((name.size() + 3) & ~std::size_t{3});
    text.resize((text.size() + 3) & ~std::size_t{3});
    return std::string(raw_bytes(head)) + name + text;
  };
  const std::string notes =
      note(NT_GNU_ABI_TAG, std::string("GNU", 4), "abcde") +
      note(NT_GNU_BUILD_ID, std::string("GNU", 4), "\x01\x02\xfe");
  std::string bytes = ElfImage<>().bytes();
  Elf64_Phdr segment{};
  segment.p_type = PT_NOTE;
  segment.p_offset = bytes.size();
  segment.p_filesz = notes.size();
  bytes.replace(sizeof(Elf64_Ehdr), sizeof segment, raw_bytes(segment));
  const auto file = ElfFile::open(memory_file(bytes + notes));
  ASSERT_TRUE(file);
  EXPECT_EQ(to_hex(file->build_id()), "0102fe");
}

TEST(ElfFile, WhatIsNoElfFileIsNotElf) {
  EXPECT_EQ(why_not(memory_file("")), Reason::not_elf);
  EXPECT_EQ(why_not(memory_file("\x7f"
                                "ELF")),
            Reason::not_elf);
  EXPECT_EQ(why_not(memory_file("#!/bin/sh\nexec true\n")), Reason::not_elf);
  std::string foreign = ElfImage<>().bytes();
  foreign[EI_DATA] = ELFDATA2MSB;
  EXPECT_EQ(why_not(memory_file(foreign)), Reason::not_elf);
  EXPECT_EQ(why_not(UniqueFd()), Reason::file_gone);
  EXPECT_EQ(why_not(UniqueFd(open("/", O_RDONLY | O_CLOEXEC))),
            Reason::not_elf);
  EXPECT_EQ(why_not(UniqueFd(open("/dev/zero", O_RDONLY | O_CLOEXEC))),
            Reason::not_elf);
}

TEST(ElfFile, AFifoDoesNotBlock) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("sightline-fifo-" + std::to_string(getpid()));
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  std::filesystem::remove(path);
  ASSERT_TRUE(fd);
  EXPECT_EQ(why_not(std::move(fd)), Reason::not_elf);
}

TEST(ElfFile, TablesThatDoNotFitTheFileAreCorrupt) {
  ElfImage<> image;
  image.header.e_shnum = 0xff00;
  EXPECT_EQ(why_not(image.fd()), Reason::corrupt);
}

// Whatever the length and whatever one byte of the tables says, the reader
// ends, and ends within its bounds (the sanitizer build watches).
TEST(ElfFile, SurvivesEveryTruncationAndEveryBentByte) {
  ElfImage<> image;
  image.add("alpha", 0x1010, 16).add("beta", 0x1100, 0);
  const std::string good = image.bytes();
  const std::vector<std::uint64_t> addresses = {0x1010, 0x1100, 0x1fff};
  const auto read = [&addresses](std::string_view bytes) {
    std::vector<ElfSymbol> out(addresses.size());
    const auto file = ElfFile::open(memory_file(bytes));
    if (!file) return std::string(text(file.error()));
    (void)file->build_id();
    (void)name_symbols(*file, addresses, out);
    return out[0].name;
  };
  ASSERT_EQ(read(good), "alpha");
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_NE(read(std::string_view(good).substr(0, size)), "alpha") << size;
  }
  unsigned unharmed = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    if (at == 128) at = 0x1400;  // what is between is code
    for (const char bent : {'\x00', '\x7f', '\xff'}) {
      std::string bad = good;
      bad[at] = bent;
      unharmed += read(bad) == "alpha";
    }
  }
  EXPECT_GT(unharmed, 0U);
}

}  // namespace
}  // namespace sightline::symbol
