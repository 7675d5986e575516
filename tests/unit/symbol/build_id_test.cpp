// SPDX-License-Identifier: Apache-2.0
#include "symbol/build_id.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <string>

#include "base/text.h"
#include "symbol/elf_image.h"

namespace sightline::symbol {
namespace {

using testing::raw_bytes;

std::string note(std::string name, unsigned type, std::string content) {
  const Elf64_Nhdr head{static_cast<Elf64_Word>(name.size()),
                        static_cast<Elf64_Word>(content.size()), type};
  name.resize((name.size() + 3) & ~std::size_t{3});
  content.resize((content.size() + 3) & ~std::size_t{3});
  return std::string(raw_bytes(head)) + name + content;
}

std::string found(const std::string& notes) {
  return to_hex(
      find_build_id(notes.size(), [&](std::uint64_t at, std::span<char> into) {
        return at < notes.size() ? notes.copy(into.data(), into.size(), at) : 0;
      }));
}

const std::string gnu("GNU", 4);

TEST(BuildId, IsFoundBehindOtherNotes) {
  EXPECT_EQ(found(note("Linux", 0, "6.1") + note(gnu, 1, "abi") +
                  note(gnu, NT_GNU_BUILD_ID, "\x01\xfe\xff")),
            "01feff");
}

TEST(BuildId, OfAnotherKindIsNone) {
  EXPECT_EQ(found(""), "");
  EXPECT_EQ(found(note("GNX", NT_GNU_BUILD_ID, "12")), "");
  EXPECT_EQ(found(note(gnu, NT_GNU_BUILD_ID, std::string(65, 'x'))), "");
  EXPECT_EQ(found(note(gnu, NT_GNU_BUILD_ID, std::string(64, '\x11'))).size(),
            128U);
}

TEST(BuildId, ThatIsCutIsNone) {
  auto whole = note(gnu, NT_GNU_BUILD_ID, "12345678");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(found(whole.substr(0, size)), "") << size;
  }
}

TEST(BuildId, SizesNearTheLimitDoNotWrap) {
  Elf64_Nhdr head{0xffffffff, 0xffffffff, NT_GNU_BUILD_ID};
  EXPECT_EQ(found(std::string(raw_bytes(head)) + std::string(100, 'x')), "");
}

}  // namespace
}  // namespace sightline::symbol
