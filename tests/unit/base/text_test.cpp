// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <gtest/gtest.h>

#include <string>

namespace sightline {
namespace {

TEST(Utf8, KnowsTheLengthOfEachForm) {
  EXPECT_EQ(utf8_sequence("a", 0), 1u);
  EXPECT_EQ(utf8_sequence("é", 0), 2u);
  EXPECT_EQ(utf8_sequence("€", 0), 3u);
  EXPECT_EQ(utf8_sequence("😀", 0), 4u);
  EXPECT_EQ(utf8_sequence("a€", 1), 3u);
}

TEST(Utf8, RefusesWhatTheStandardCallsIllFormed) {
  const std::string_view bad[] = {
      "\x80",              // continuation alone
      "\xc3",              // cut short
      "\xe2\x82",          // cut short
      "\xc3(",             // not continued
      "\xc0\xaf",          // overlong '/'
      "\xe0\x80\xaf",      // overlong '/'
      "\xf0\x80\x80\xaf",  // overlong '/'
      "\xed\xa0\x80",      // surrogate U+D800
      "\xed\xbf\xbf",      // surrogate U+DFFF
      "\xf4\x90\x80\x80",  // U+110000
      "\xf8\x88\x80\x80\x80",
      "\xff",
  };
  for (auto text : bad) {
    EXPECT_EQ(utf8_sequence(text, 0), 0u) << to_hex(text);
    EXPECT_FALSE(is_utf8(text)) << to_hex(text);
  }
}

TEST(Utf8, AcceptsTheEdgesOfEachForm) {
  const std::string_view good[] = {"",
                                   "\x7f",
                                   "\xc2\x80",
                                   "\xdf\xbf",
                                   "\xed\x9f\xbf",
                                   "\xee\x80\x80",
                                   "\xf0\x90\x80\x80",
                                   "\xf4\x8f\xbf\xbf"};
  for (auto text : good) EXPECT_TRUE(is_utf8(text)) << to_hex(text);
}

TEST(Printable, LeavesOrdinaryTextAlone) {
  EXPECT_EQ(printable("kworker/0:1H-events naïve 日本 😀"),
            "kworker/0:1H-events naïve 日本 😀");
}

TEST(Printable, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(printable("\x1b[31mred"), "\\x1b[31mred");
  EXPECT_EQ(printable("a\nb\tc\rd"), "a\\x0ab\\x09c\\x0dd");
  EXPECT_EQ(printable("\x7f"), "\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m");  // C1's own CSI
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
}

TEST(Printable, EscapesWhatReordersOrBreaksALine) {
  EXPECT_EQ(printable("a\u202eb"), "a\\xe2\\x80\\xaeb");
  EXPECT_EQ(printable("\u2066"), "\\xe2\\x81\\xa6");
  EXPECT_EQ(printable("\u2028"), "\\xe2\\x80\\xa8");
  EXPECT_EQ(printable("\u061c"), "\\xd8\\x9c");
}

TEST(Printable, EscapesBytesThatAreNotUtf8OneByOne) {
  EXPECT_EQ(printable("a\xff\xc3"), "a\\xff\\xc3");
  EXPECT_EQ(printable("\xe2\x82z"), "\\xe2\\x82z");
}

TEST(Printable, NeverLetsAnySingleByteThroughRaw) {
  for (int byte = 0; byte < 256; ++byte) {
    auto out = printable(std::string(1, static_cast<char>(byte)));
    bool visible = byte >= 0x20 && byte < 0x7f;
    EXPECT_EQ(out.size(), visible ? 1u : 4u) << byte;
  }
}

TEST(Hex, WritesTwoDigitsAByte) {
  EXPECT_EQ(to_hex(std::string_view("\x00\x0a\xff", 3)), "000aff");
  EXPECT_EQ(to_hex(""), "");
}

TEST(DisplayWidth, CountsCodePoints) {
  EXPECT_EQ(display_width(""), 0u);
  EXPECT_EQ(display_width("añ€😀"), 4u);
}

TEST(Truncate, CutsBetweenCodePointsAndSaysSo) {
  EXPECT_EQ(truncate("abc", 3), "abc");
  EXPECT_EQ(truncate("abcd", 3), "ab…");
  EXPECT_EQ(truncate("€€€€", 3), "€€…");
  EXPECT_EQ(truncate("abcd", 1), "…");
  EXPECT_EQ(truncate("abcd", 0), "");
  EXPECT_EQ(truncate("", 0), "");
}

TEST(Truncate, StaysInsideBytesThatAreNotUtf8) {
  const std::string_view text = "\xff\x80\x80\xe2\x82\xff\xff";
  for (std::size_t width = 0; width < 8; ++width) {
    EXPECT_LE(display_width(truncate(text, width)), width);
  }
}

TEST(Split, KeepsEmptyParts) {
  using Parts = std::vector<std::string_view>;
  EXPECT_EQ(split("a,b", ','), (Parts{"a", "b"}));
  EXPECT_EQ(split(",a,,", ','), (Parts{"", "a", "", ""}));
  EXPECT_EQ(split("", ','), (Parts{""}));
}

TEST(Trim, RemovesBlanksAtBothEnds) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \n "), "");
  EXPECT_EQ(trim(""), "");
}

TEST(ClosestName, OneSlipEach) {
  std::vector<std::string> names{"abcdef", "uvwxyz"};
  for (auto typed : {"abdef", "abccdef", "abxdef", "bacdef", "abcdfe"}) {
    EXPECT_EQ(closest_name(typed, names), "abcdef") << typed;
  }
  EXPECT_EQ(closest_name("abczzz", names), "");
  EXPECT_EQ(closest_name(std::string(1000, 'a'), names), "");
}

TEST(ClosestName, TheNearestOfSeveralTheFirstOfEqualOnes) {
  EXPECT_EQ(closest_name("rows", {"raws", "row", "rows"}), "rows");
  EXPECT_EQ(closest_name("rxws", {"raws", "rows"}), "raws");
  EXPECT_EQ(closest_name("", {"a", "bcd"}), "a");
  EXPECT_EQ(closest_name("a", {}), "");
}

TEST(FromHex, IsTheWayBack) {
  const std::string all("\x00\x7f\xff ;", 5);
  EXPECT_EQ(from_hex(to_hex(all)), all);
  EXPECT_EQ(from_hex("fF"), "\xff");
  EXPECT_EQ(from_hex(""), "");
  for (const auto* text : {"f", "fg", "0x", " 1", "-1", "1 "}) {
    EXPECT_FALSE(from_hex(text)) << text;
  }
}

TEST(Text, WrapsAtBlanks) {
  EXPECT_EQ(wrap_words("one two  three", 7),
            (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrap_words("immeasurable", 5),
            std::vector<std::string>{"immeasurable"});
  EXPECT_TRUE(wrap_words(" ", 5).empty());
}

}  // namespace
}  // namespace sightline
