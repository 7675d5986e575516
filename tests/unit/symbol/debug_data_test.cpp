// SPDX-License-Identifier: Apache-2.0
#include "symbol/debug_data.h"

#include <gtest/gtest.h>
#include <lzma.h>

#include "symbol/elf_image.h"

namespace sightline::symbol {
namespace {

using testing::Elf32;
using testing::ElfImage;

constexpr std::size_t mebibyte = 1U << 20;

// `bytes`, and `zeroes` behind them, as xz writes them at the quickest.
std::string compress(const std::string& bytes, std::size_t zeroes = 0,
                     std::uint32_t preset = 0) {
  lzma_stream stream = LZMA_STREAM_INIT;
  EXPECT_EQ(lzma_easy_encoder(&stream, preset, LZMA_CHECK_CRC32), LZMA_OK);
  std::string out;
  std::vector<std::uint8_t> buffer(mebibyte);
  const auto put = [&](const std::string& part, lzma_action action) {
    stream.next_in = reinterpret_cast<const std::uint8_t*>(part.data());
    stream.avail_in = part.size();
    lzma_ret state = LZMA_OK;
    do {
      stream.next_out = buffer.data();
      stream.avail_out = buffer.size();
      state = lzma_code(&stream, action);
      out.append(reinterpret_cast<char*>(buffer.data()),
                 buffer.size() - stream.avail_out);
    } while (state == LZMA_OK &&
             (action == LZMA_FINISH || stream.avail_in > 0));
  };
  put(bytes, LZMA_RUN);
  const std::string block(mebibyte, '\0');
  for (; zeroes > 0; zeroes -= mebibyte) put(block, LZMA_RUN);
  put("", LZMA_FINISH);
  lzma_end(&stream);
  return out;
}

std::string symbols(const std::string& id = "") {
  ElfImage<> image;
  image.add("alpha", 0x1000, 16, STB_LOCAL);
  if (!id.empty()) image.add_build_id(id);
  return image.bytes();
}

// Of a program with that section.
Reason reason_for(const std::string& section) {
  ElfImage<> image(SHT_DYNSYM);
  image.add_build_id("mine");
  image.add_section(".gnu_debugdata", SHT_PROGBITS, section);
  const auto file = ElfFile::open(image.fd());
  const auto inside = open_debug_data(*file);
  if (!inside) return inside.error();
  EXPECT_NE(inside->find_section(SHT_SYMTAB), nullptr);
  return Reason::none;
}

TEST(DebugData, IsDecompressed) {
  EXPECT_EQ(reason_for(compress(symbols())), Reason::none);
  EXPECT_EQ(reason_for(compress(symbols(), 0, 9)), Reason::none);
  EXPECT_EQ(reason_for(compress(symbols("mine"))), Reason::none);
  const auto without = ElfFile::open(ElfImage<>().fd());
  EXPECT_EQ(open_debug_data(*without).error(), Reason::no_debug_file);
}

TEST(DebugData, OfAnotherBuildIsNotBelieved) {
  EXPECT_EQ(reason_for(compress(symbols("other"))), Reason::corrupt);
  EXPECT_EQ(reason_for(compress(ElfImage<Elf32>().bytes())), Reason::corrupt);
}

TEST(DebugData, WhatIsCutOrNoXzIsCorrupt) {
  const std::string good = compress(symbols());
  for (std::size_t size = 0; size < good.size(); size += 1 + size / 64) {
    EXPECT_EQ(reason_for(good.substr(0, size)), Reason::corrupt) << size;
  }
  EXPECT_EQ(reason_for(symbols()), Reason::corrupt);
  EXPECT_EQ(reason_for(compress("no ELF file")), Reason::corrupt);
  EXPECT_EQ(reason_for(compress("")), Reason::corrupt);
}

TEST(DebugData, NoBentByteIsDecompressed) {
  const std::string good = compress(symbols());
  for (std::size_t at = 0; at < good.size(); at += 1 + good.size() / 200) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    EXPECT_EQ(reason_for(bad), Reason::corrupt) << at;
  }
}

TEST(DebugData, EndsAtTheBoundOfItsSize) {
  EXPECT_EQ(reason_for(compress(symbols(), 127 * mebibyte)), Reason::none);
  EXPECT_EQ(reason_for(compress(symbols(), 128 * mebibyte)), Reason::corrupt);
}

TEST(DebugData, TooGreatADictionaryIsRefused) {
  lzma_options_lzma options{};
  lzma_lzma_preset(&options, 0);
  // The encoder's search takes several times as much: only the header is made.
  options.dict_size = 96 * mebibyte;
  std::string bytes = compress(symbols());
  lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options},
                           {LZMA_VLI_UNKNOWN, nullptr}};
  lzma_block block{};
  block.check = LZMA_CHECK_CRC32;
  block.compressed_size = block.uncompressed_size = LZMA_VLI_UNKNOWN;
  block.filters = filters;
  ASSERT_EQ(lzma_block_header_size(&block), LZMA_OK);
  std::string header(block.header_size, '\0');
  ASSERT_EQ(lzma_block_header_encode(
                &block, reinterpret_cast<std::uint8_t*>(header.data())),
            LZMA_OK);
  ASSERT_EQ(header.size(), 12U);
  bytes.replace(12, header.size(), header);
  EXPECT_EQ(reason_for(bytes), Reason::corrupt);
  options.dict_size = 64 * mebibyte;
  ASSERT_EQ(lzma_block_header_encode(
                &block, reinterpret_cast<std::uint8_t*>(header.data())),
            LZMA_OK);
  EXPECT_EQ(reason_for(bytes.replace(12, header.size(), header)), Reason::none);
}

// A chunk of two mebibytes of zeroes, repeated: each begins anew.
TEST(DebugData, AFewKilobytesThatWouldBeGibibytesAreRefused) {
  const std::string one = compress("", 2 * mebibyte);
  constexpr std::size_t headers = 12 + 12;  // of the stream and its block
  ASSERT_GE(static_cast<unsigned char>(one[headers]), 0xe0U);
  const auto byte = [&one](std::size_t at) {
    return static_cast<unsigned char>(one[headers + at]);
  };
  const std::size_t size = 6 + byte(3) * 256U + byte(4) + 1;
  ASSERT_LT(size, 1000U);
  std::string bomb = one.substr(0, headers);
  for (unsigned i = 0; i < 1024; ++i) bomb += one.substr(headers, size);
  EXPECT_EQ(reason_for(bomb), Reason::corrupt);
}

}  // namespace
}  // namespace sightline::symbol
