// SPDX-License-Identifier: Apache-2.0
#include "symbol/source_table.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <random>

namespace sightline::symbol {
namespace {

// What an encoder writes, as bytes.
std::string encoded(const std::function<void(SourceEncoder&)>& write) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
  SourceEncoder encoder(ends[1]);
  write(encoder);
  encoder.end(Reason::no_debug_info);
  close(ends[1]);
  std::string bytes;
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0;
       (got = read(ends[0], buffer.data(), buffer.size())) > 0;) {
    bytes.append(buffer.data(), static_cast<std::size_t>(got));
  }
  close(ends[0]);
  return bytes;
}

std::string message(std::uint32_t kind,
                    const std::vector<std::uint32_t>& payload) {
  std::string bytes;
  const auto put = [&](std::uint32_t number) {
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  put(kind);
  put(static_cast<std::uint32_t>(payload.size() * sizeof(std::uint32_t)));
  for (const auto number : payload) put(number);
  return bytes;
}

bool taken(const std::string& bytes, std::size_t addresses = 4) {
  SourceDecoder decoder(addresses);
  const bool all = decoder.take(bytes);
  EXPECT_FALSE(decoder.full());
  return all;
}

constexpr std::uint32_t text = 0;
constexpr std::uint32_t chain = 1;
constexpr std::uint32_t progress = 2;
constexpr std::uint32_t end = 3;
constexpr auto no_debug_info =
    static_cast<std::uint32_t>(Reason::no_debug_info);

TEST(SourceTable, ArrivesAsItWasWrittenInPiecesOfAnySize) {
  const auto bytes = encoded([](SourceEncoder& encoder) {
    const std::array<DwarfFrame, 2> first{
        {{.function = "inner", .file = "a.h", .line = 7},
         {.function = "outer", .file = "a.c", .line = 9}}};
    encoder.chain(2, first);
    const std::array<DwarfFrame, 1> second{{{.function = "outer"}}};
    encoder.chain(0, second);
    encoder.progress(3);
  });
  for (const std::size_t piece : {1U, 3U, 8U, 4096U}) {
    SourceDecoder decoder(3);
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      ASSERT_FALSE(decoder.ended());
      ASSERT_TRUE(decoder.take(std::string_view(bytes).substr(at, piece)));
    }
    EXPECT_TRUE(decoder.ended());
    EXPECT_EQ(decoder.done(), 3U);
    const auto table = std::move(decoder).table();
    EXPECT_EQ(table.reason, Reason::no_debug_info);
    ASSERT_EQ(table.at(2).size(), 2U);
    EXPECT_EQ(table.texts[table.at(2)[0].function], "inner");
    EXPECT_EQ(table.texts[table.at(2)[0].file], "a.h");
    EXPECT_EQ(table.at(2)[0].line, 7U);
    EXPECT_EQ(table.texts[table.at(2)[1].function], "outer");
    EXPECT_TRUE(table.at(1).empty());
    ASSERT_EQ(table.at(0).size(), 1U);
    EXPECT_EQ(table.at(0)[0].function, table.at(2)[1].function) << "once";
    EXPECT_EQ(table.texts[table.at(0)[0].file], "");
  }
}

TEST(SourceTable, LongNamesAndDeepChainsAreCut) {
  const auto bytes = encoded([](SourceEncoder& encoder) {
    const std::string name(100'000, 'x');
    const std::vector<DwarfFrame> frames(1000, DwarfFrame{.function = name});
    encoder.chain(0, frames);
  });
  SourceDecoder decoder(1);
  ASSERT_TRUE(decoder.take(bytes));
  const auto table = std::move(decoder).table();
  EXPECT_EQ(table.at(0).size(), 256U);
  EXPECT_EQ(table.texts[1].size(), 32768U);
}

TEST(SourceTable, WhatNoEncoderWritesIsRefused) {
  EXPECT_TRUE(taken(message(chain, {3, 0, 0, 1})));
  EXPECT_TRUE(taken(message(chain, {3, 0, 0, 1}).substr(0, 9))) << "waits";
  EXPECT_FALSE(taken(message(7, {}))) << "no such message";
  EXPECT_FALSE(taken(message(chain, {4, 0, 0, 1}))) << "no such address";
  EXPECT_FALSE(taken(message(chain, {0, 1, 0, 1}))) << "no such text";
  EXPECT_FALSE(taken(message(chain, {0, 0, 1, 1}))) << "no such file";
  EXPECT_FALSE(taken(message(chain, {0}))) << "no frame";
  EXPECT_FALSE(taken(message(chain, {}))) << "no address";
  EXPECT_FALSE(taken(message(chain, {0, 0, 0}))) << "half a frame";
  const auto once = message(chain, {0, 0, 0, 1});
  EXPECT_FALSE(taken(once + once)) << "twice";
  EXPECT_FALSE(taken(message(progress, {})));
  EXPECT_FALSE(taken(message(end, {0}))) << "not a reason";
  EXPECT_FALSE(taken(message(end, {1}))) << "not one of these";
  EXPECT_FALSE(taken(message(end, {no_debug_info}) + once)) << "after the end";
  std::string huge(8, '\xff');
  EXPECT_FALSE(taken(huge));
}

TEST(SourceTable, TextsAreBounded) {
  const std::string long_text = message(
      text, std::vector<std::uint32_t>(8192, 0));  // 32 KiB, the longest
  SourceDecoder decoder(1);
  std::size_t sent = 0;
  while (decoder.take(long_text)) ASSERT_LT(++sent, 4096U);
  EXPECT_GT(sent, 1000U);
  EXPECT_TRUE(decoder.full()) << "not wrong, but too much";
}

TEST(SourceTable, AnyBytesAreEitherTakenOrRefused) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes =
        message(random() % 5,
                {static_cast<std::uint32_t>(random() % 6), 0, 0, 1}) +
        message(random() % 5, {});
    bytes[random() % bytes.size()] = static_cast<char>(random());
    (void)taken(bytes);
  }
}

}  // namespace
}  // namespace sightline::symbol
