// SPDX-License-Identifier: Apache-2.0
#include "output/json_line.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace sightline::output {
namespace {

using namespace std::string_literals;

TEST(JsonLine, KeysInTheirOrder) {
  JsonLine line;
  line.word("type", "event").number("n", -7).boolean("b", true);
  line.absent("a", "why").hex("h", 255).value("v", Json::array({1, "x"}));
  EXPECT_EQ(line.finish(),
            "{\"type\":\"event\",\"n\":-7,\"b\":true,\"a\":null,"
            "\"a_reason\":\"why\",\"h\":\"0xff\",\"v\":[1,\"x\"]}\n");
  EXPECT_EQ(line.number("largest", UINT64_MAX).finish(),
            "{\"largest\":18446744073709551615}\n");
  EXPECT_EQ(line.finish(), "{}\n");
}

// Whatever a stranger chose: the same line as of an object.
TEST(JsonLine, TextIsAsInAnObject) {
  for (const auto& text :
       {"plain"s, ""s, "a\"b\\c"s, "\x1b[31m\n"s, "\xff\xfe"s, "\x7f"s,
        "\u202e\u0085"s, "ä€😀"s, "null\0byte"s, std::string(300, '\x01')}) {
    Json object;
    put_text(object, "first", text);
    put_text(object, "second", text);
    JsonLine line;
    line.text("first", text).text("second", text);
    EXPECT_EQ(line.finish(), to_line(object));
  }
}

}  // namespace
}  // namespace sightline::output
