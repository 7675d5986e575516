// SPDX-License-Identifier: Apache-2.0
#include "symbol/object_symbols.h"

#include <gtest/gtest.h>
#include <lzma.h>

#include "base/confined.h"
#include "symbol/elf_image.h"
#include "symbol/programs.h"
#include "symbol/symbolizer.h"

namespace sightline::symbol {
namespace {

using testing::ElfImage;
using testing::memory_file;
using testing::TempDir;
using Names = std::vector<std::string>;

const std::string build_id = "\xfe\x02names";
const std::string debug_path = "/usr/lib/debug/.build-id/fe/026e616d6573.debug";

std::string compress(const std::string& bytes) {
  std::string out(bytes.size() + 1024, '\0');
  std::size_t size = 0;
  EXPECT_EQ(
      lzma_easy_buffer_encode(
          0, LZMA_CHECK_CRC32, nullptr,
          reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(),
          reinterpret_cast<std::uint8_t*>(out.data()), &size, out.size()),
      LZMA_OK);
  return out.substr(0, size);
}

ElfImage<> exported() {
  ElfImage<> image(SHT_DYNSYM);
  image.add("first", 0x1100, 0x100).add("second", 0x1300, 0x100);
  return image.add_build_id(build_id);
}

class ObjectSymbols : public ::testing::Test {
 protected:
  // Names for addresses of the image, whose debug files are in root_.
  Names ask(const ElfImage<>& image,
            const std::vector<std::uint64_t>& addresses) {
    const auto root = open_root(root_.path());
    const auto file = ElfFile::open(image.fd());
    std::vector<ElfSymbol> out(addresses.size());
    const DebugFileServer server = [this](std::string_view) {
      ++asked_;
      return std::expected<UniqueFd, Reason>(
          std::unexpected(Reason::not_served));
    };
    reason_ = name_object_symbols(*file,
                                  {.root = root->get(),
                                   .path = "/opt/prog",
                                   .server = has_server_ ? &server : nullptr},
                                  addresses, out);
    Names names;
    for (const ElfSymbol& symbol : out) names.push_back(symbol.name);
    return names;
  }

  TempDir root_;
  Reason reason_ = Reason::none;
  bool has_server_ = false;
  int asked_ = 0;
};

TEST_F(ObjectSymbols, LocalFunctionsComeFromTheDebugFile) {
  const std::vector<std::uint64_t> addresses = {0x1110, 0x1120, 0x1130, 0x1200,
                                                0x127f, 0x1300, 0x1500};
  EXPECT_EQ(ask(exported(), addresses),
            (Names{"first", "first", "first", "", "", "second", ""}));
  EXPECT_EQ(reason_, Reason::no_symbols);
  ElfImage<> debug;
  debug.add("first", 0x1100, 0x100).add("second", 0x1300, 0x100);
  debug.add("inner", 0x1120, 0x10, STB_LOCAL);
  debug.add("between", 0x1200, 0x80, STB_LOCAL);
  root_.write(debug_path, debug.add_build_id(build_id).bytes());
  EXPECT_EQ(
      ask(exported(), addresses),
      (Names{"first", "inner", "first", "between", "between", "second", ""}));
  EXPECT_EQ(reason_, Reason::no_covering_symbol);
}

// What mini-debuginfo has is less than .dynsym and more.
TEST_F(ObjectSymbols, MiniDebugInfoAndDynsymAreOneTable) {
  ElfImage<> inner;
  inner.add("label", 0x1010, 0, STB_LOCAL).add("between", 0x1200, 16);
  inner.add("assembly", 0x1240, 0, STB_LOCAL);
  ElfImage<> image = exported();
  image.add_section(".gnu_debugdata", SHT_PROGBITS, compress(inner.bytes()));
  EXPECT_EQ(ask(image, {0x1010, 0x10ff, 0x1100, 0x120f, 0x1210, 0x1240, 0x1300,
                        0x1400}),
            (Names{"label", "label", "first", "between", "", "assembly",
                   "second", ""}))
      << "the label ends where the exported function begins";
  EXPECT_EQ(reason_, Reason::no_covering_symbol);
}

TEST_F(ObjectSymbols, ACorruptMiniDebugInfoIsToldAndTheRestIsNamed) {
  ElfImage<> image = exported();
  image.add_section(".gnu_debugdata", SHT_PROGBITS, "no xz");
  EXPECT_EQ(ask(image, {0x1100, 0x1200}), (Names{"first", ""}));
  EXPECT_EQ(reason_, Reason::corrupt);
}

TEST_F(ObjectSymbols, AnotherBuildsDebugFileIsToldAndNotUsed) {
  ElfImage<> debug;
  debug.add("wrong", 0x1000, 0x1000).add_build_id("other");
  root_.write(debug_path, debug.bytes());
  EXPECT_EQ(ask(exported(), {0x1100, 0x1200}), (Names{"first", ""}));
  EXPECT_EQ(reason_, Reason::other_build);
}

TEST_F(ObjectSymbols, AFullTableThatNamesEverythingIsEnough) {
  ElfImage<> image;
  image.add("own", 0x1000, 16).add_build_id(build_id);
  ElfImage<> debug;
  debug.add("nested", 0x1001, 1).add("other", 0x1020, 16);
  root_.write(debug_path, debug.add_build_id(build_id).bytes());
  EXPECT_EQ(ask(image, {0x1001}), Names{"own"});
  // A table of which only some symbols were kept has what it has.
  EXPECT_EQ(ask(image, {0x1001, 0x1020}), (Names{"own", "other"}));
  EXPECT_EQ(reason_, Reason::none);
}

TEST_F(ObjectSymbols, AServerIsAskedOnlyForAStrippedFile) {
  has_server_ = true;
  ElfImage<> image;
  image.add("own", 0x1000, 16).add_build_id(build_id);
  EXPECT_EQ(ask(image, {0x1001, 0x1020}), (Names{"own", ""}));
  EXPECT_EQ(reason_, Reason::no_covering_symbol);
  EXPECT_EQ(asked_, 0);
  EXPECT_EQ(ask(exported(), {0x1100, 0x1200}), (Names{"first", ""}));
  EXPECT_EQ(reason_, Reason::not_served);
  EXPECT_EQ(asked_, 1);
}

TEST_F(ObjectSymbols, OffsetsAreThoseOfTheFileThatIsMapped) {
  ElfImage<> debug;
  debug.add("local", 0x1200, 0x80, STB_LOCAL).add_build_id(build_id);
  std::string bytes = debug.bytes();
  // As `objcopy --only-keep-debug` leaves them: pointing nowhere.
  Elf64_Phdr load{};
  load.p_type = PT_LOAD;
  load.p_flags = PF_R | PF_X;
  load.p_offset = 0x40;
  load.p_vaddr = 0x7000;
  load.p_filesz = 0x10000;
  bytes.replace(sizeof(Elf64_Ehdr), sizeof load, testing::raw_bytes(load));
  root_.write(debug_path, bytes);
  const auto root = open_root(root_.path());
  const Symbolizer symbolizer(KernelSymbols::open("/nonexistent"));
  const std::vector<std::uint64_t> offsets = {0x600, 0x608};
  std::vector<Named> out(2);
  symbolizer.name_object(exported().fd().get(), offsets, out,
                         {.root = root->get(), .path = "/opt/prog"});
  EXPECT_EQ(out[0].name, "local");
  EXPECT_EQ(out[1].symbol_offset, 8U);
}

// The debug file is sparse, and its symbol table says that it is all of it.
TEST_F(ObjectSymbols, ASparseGibibyteIsReadInPieces) {
  ElfImage<> debug;
  debug.add("local", 0x1200, 0x80, STB_LOCAL).add_build_id(build_id);
  debug.table.sh_size = 1U << 30;
  root_.write(debug_path, debug.bytes());
  std::filesystem::resize_file(root_.at(debug_path), (1U << 30) + (1U << 20));
  EXPECT_EQ(ask(exported(), {0x1100, 0x1210}), (Names{"first", "local"}));
}

}  // namespace
}  // namespace sightline::symbol
