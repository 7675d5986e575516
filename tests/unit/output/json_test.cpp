// SPDX-License-Identifier: Apache-2.0
#include "output/json.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace sightline::output {
namespace {

TEST(JsonLine, KeepsKeysInOrderOnOneLine) {
  Json object;
  object["type"] = "event";
  object["duration_ns"] = 12;
  object["argv"] = {"a", "b"};
  EXPECT_EQ(to_line(object),
            "{\"type\":\"event\",\"duration_ns\":12,\"argv\":[\"a\",\"b\"]}\n");
}

TEST(JsonLine, KeepsFullPrecision) {
  Json object;
  object["most"] = std::numeric_limits<std::uint64_t>::max();
  object["least"] = std::numeric_limits<std::int64_t>::min();
  object["nan"] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(to_line(object),
            "{\"most\":18446744073709551615,\"least\":-9223372036854775808,"
            "\"nan\":null}\n");
}

TEST(PutText, LeavesUtf8Alone) {
  Json object;
  put_text(object, "comm", "naïve;\"quoted\"\\");
  EXPECT_EQ(to_line(object), "{\"comm\":\"naïve;\\\"quoted\\\"\\\\\"}\n");
}

TEST(PutText, PutsRawBytesBesideTheReplacement) {
  Json object;
  put_text(object, "comm", "a\xff\xe2\x82z");
  EXPECT_EQ(to_line(object),
            "{\"comm\":\"a\uFFFD\uFFFDz\",\"comm_hex\":\"61ffe2827a\"}\n");
}

TEST(PutText, KeepsControlCharactersOffTheTerminal) {
  Json object;
  put_text(object, "comm", "\x1b[2J\n\x7f\u009b\u202e");
  auto line = to_line(object);
  EXPECT_EQ(line, "{\"comm\":\"\\u001b[2J\\n\\u007f\\u009b\\u202e\"}\n");
  EXPECT_EQ(Json::parse(line)["comm"], "\x1b[2J\n\x7f\u009b\u202e");
}

TEST(PutText, SurvivesEveryByteAndEveryKey) {
  for (int byte = 0; byte < 256; ++byte) {
    std::string bytes{'a', static_cast<char>(byte), 'b'};
    Json object;
    put_text(object, bytes, bytes);
    auto line = to_line(object);
    EXPECT_EQ(printable(line.substr(0, line.size() - 1)) + "\n", line) << byte;
    auto parsed = Json::parse(line);
    EXPECT_EQ(parsed.size(), byte < 0x80 ? 1u : 2u) << byte;
  }
}

TEST(PutAbsent, GivesTheReason) {
  Json object;
  put_absent(object, "container", "not in a container");
  EXPECT_EQ(to_line(object),
            "{\"container\":null,"
            "\"container_reason\":\"not in a container\"}\n");
}

TEST(HexString, KeepsAll64Bits) {
  EXPECT_EQ(hex_string(0), "0x0");
  EXPECT_EQ(hex_string(0xffffffff81000000), "0xffffffff81000000");
}

TEST(HexString, LeadsBackToItsNumber) {
  for (std::uint64_t value : {0UL, 255UL, ~0UL}) {
    EXPECT_EQ(parse_hex_string(hex_string(value)), value);
  }
  for (const auto* text :
       {"", "0x", "ff", "0xg", "0x1 ", "0x10000000000000000"}) {
    EXPECT_FALSE(parse_hex_string(text)) << text;
  }
}

}  // namespace
}  // namespace sightline::output
