// SPDX-License-Identifier: Apache-2.0
// What no writer would make: each is refused with a sentence that says where.
#include "output/pprof_reader.h"

#include <gtest/gtest.h>

#include <string>

#include "output/pprof_bytes.h"

namespace sightline::output {
namespace {

// "" and then 1: samples, 2: count, 3: main.
Message with_texts() {
  Message profile;
  for (auto text : {"", "samples", "count", "main"}) profile.bytes(6, text);
  return profile.message(1, Message().number(1, 1).number(2, 2));
}

Result<pprof::Profile> read(const Message& profile,
                            const PprofLimits& limits = {}) {
  return read_pprof(gzip(profile.text()), limits);
}

std::string failure(const Message& profile, const PprofLimits& limits = {}) {
  auto read_back = read(profile, limits);
  return read_back ? "(read)" : read_back.error().what;
}

Message sample(const std::vector<std::uint64_t>& locations,
               const std::vector<std::uint64_t>& values) {
  return Message().packed(1, locations).packed(2, values);
}

TEST(PprofReader, TakesWhatOthersWriteDifferently) {
  // Numbers that are not 1, 2, 3; lists that are not packed; fields and orders
  // of fields that we do not write.
  Message profile;
  profile.message(2, Message().number(1, 900).number(1, 7).number(2, 5))
      .message(4, Message().number(1, 7).message(
                      4, Message().number(1, 33).number(2, 12)))
      .message(4, Message().number(1, 900).number(3, 0x10).number(5, 1))
      .message(5, Message().number(1, 33).number(2, 0).number(3, 3))
      .number(8, 0)
      .bytes(99, "more")
      .packed(13, {3, 2})
      .bytes(6, "")
      .bytes(6, "samples")
      .bytes(6, "count")
      .bytes(6, "main")
      .message(1, Message().number(1, 1).number(2, 2));
  auto read_back = read(profile);
  ASSERT_TRUE(read_back) << read_back.error().what;
  ASSERT_EQ(read_back->samples.size(), 1U);
  EXPECT_EQ(read_back->samples[0].locations, (std::vector<pprof::Index>{1, 0}));
  EXPECT_EQ(read_back->samples[0].values, std::vector<std::uint64_t>{5});
  EXPECT_EQ(read_back->functions.at(0).name, "main")
      << "the name in the symbol table";
  EXPECT_EQ(read_back->locations.at(0).lines.at(0).line, 12U);
  EXPECT_FALSE(read_back->locations.at(1).mapping);
  EXPECT_EQ(read_back->comments,
            (std::vector<std::string_view>{"main", "count"}));
}

TEST(PprofReader, ACopyKeepsItsTexts) {
  pprof::Profile copy;
  {
    auto read_back = read(with_texts());
    ASSERT_TRUE(read_back);
    copy = *read_back;
  }
  EXPECT_EQ(copy.header.sample_types.at(0).type, "samples");
}

TEST(PprofReader, SaysWhatIsNotThere) {
  EXPECT_EQ(failure(with_texts().message(2, sample({99}, {1}))),
            "not a pprof profile: sample 0: no location 99");
  EXPECT_EQ(
      failure(with_texts().message(4, Message().number(1, 1).number(2, 5))),
      "not a pprof profile: location 0: no mapping 5");
  EXPECT_EQ(failure(with_texts().message(
                4, Message().number(1, 1).message(4, Message()))),
            "not a pprof profile: location 0: no function 0");
  EXPECT_EQ(
      failure(with_texts().message(5, Message().number(1, 1).number(2, 4))),
      "not a pprof profile: function 0: no text 4");
  EXPECT_EQ(failure(with_texts().number(14, ~0ULL)),
            "not a pprof profile: no text 18446744073709551615");
  EXPECT_EQ(failure(Message()),
            "not a pprof profile: its texts do not begin with the empty one");
}

TEST(PprofReader, NumbersAreGivenOnce) {
  EXPECT_EQ(failure(with_texts()
                        .message(4, Message().number(1, 6))
                        .message(4, Message().number(1, 6))),
            "not a pprof profile: two locations have the number 6");
  EXPECT_EQ(failure(with_texts().message(3, Message())),
            "not a pprof profile: a mapping without a number");
}

TEST(PprofReader, ValuesAreOfASampleTypeAndNotNegative) {
  EXPECT_EQ(failure(with_texts().message(2, sample({}, {}))),
            "not a pprof profile: sample 0: 0 values for 1 sample types");
  EXPECT_EQ(failure(with_texts()
                        .message(2, sample({}, {1}))
                        .message(2, sample({}, {1, 2}))),
            "not a pprof profile: sample 1: 2 values for 1 sample types");
  EXPECT_EQ(failure(with_texts().message(2, sample({}, {~0ULL}))),
            "not a pprof profile: sample 0: a value is negative: -1");
  EXPECT_EQ(failure(with_texts().number(10, 1ULL << 63)),
            "not a pprof profile: the duration is negative: "
            "-9223372036854775808");
}

TEST(PprofReader, TextsAreUtf8) {
  EXPECT_EQ(failure(with_texts().bytes(6, "ok").bytes(6, "a\xff")),
            "not a pprof profile: text 5: no UTF-8");
}

TEST(PprofReader, SaysAtWhichByteItIsCut) {
  auto whole = with_texts().bytes(6, "the last text").text();
  auto cut = read_pprof(gzip(whole.substr(0, whole.size() - 1)));
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().what, "not a pprof profile: byte " +
                                  std::to_string(whole.size() - 15) +
                                  ": cut or malformed");
}

TEST(PprofReader, AMessageMayBeCutInside) {
  EXPECT_EQ(failure(with_texts().bytes(2, "\x0a\x7f")),
            "not a pprof profile: sample 0: cut or malformed");
  EXPECT_EQ(failure(with_texts().bytes(2, "\x0a\x01\xff")),
            "not a pprof profile: sample 0: cut or malformed");
  EXPECT_EQ(failure(with_texts().bytes(3, "\x0f")),
            "not a pprof profile: mapping 0: cut or malformed");
}

TEST(PprofReader, AFieldOfAnotherKindIsNotRead) {
  // The sample as a number, its values as one 64-bit word, a name as a message.
  EXPECT_EQ(failure(with_texts().number(2, 5)), "(read)");
  EXPECT_EQ(failure(with_texts().bytes(2,
                                       "\x11"
                                       "12345678")),
            "not a pprof profile: sample 0: 0 values for 1 sample types");
  auto named = read(
      with_texts().message(5, Message().number(1, 1).bytes(2, "\x08\x01")));
  ASSERT_TRUE(named);
  EXPECT_EQ(named->functions.at(0).name, "");
}

TEST(PprofReader, MemoryIsBounded) {
  // A sample of two bytes takes a hundred.
  auto profile = with_texts();
  for (int i = 0; i < 10'000; ++i) profile.message(2, sample({}, {1}));
  EXPECT_EQ(failure(profile), "(read)");
  const PprofLimits tight{.memory_bytes = 100'000};
  const auto told = failure(profile, tight);
  EXPECT_NE(told.find("takes more than 100000 bytes of memory"), told.npos)
      << told;
  EXPECT_EQ(failure(with_texts(), {.unpacked_bytes = 10}),
            "not a pprof profile: gzip data: unpacks to more than 10 bytes");
}

TEST(PprofReader, NoGzipIsNoProfile) {
  auto text = read_pprof("{\"type\":\"begin\"}\n");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().what.substr(0, 47),
            "not a pprof profile: gzip data: damaged at byte");
}

TEST(PprofReader, EveryCutOfAProfileIsAnAnswer) {
  auto profile =
      with_texts()
          .message(5, Message().number(1, 1).number(2, 3))
          .message(4, Message().number(1, 1).message(4, Message().number(1, 1)))
          .message(2, sample({1}, {1}))
          .text();
  int whole = 0;
  for (std::size_t length = 0; length < profile.size(); ++length) {
    auto cut = read_pprof(gzip(std::string_view(profile).substr(0, length)));
    whole += cut ? 1 : 0;
  }
  // Behind each of the four texts, the sample type, the function, the location.
  EXPECT_EQ(whole, 7);
}

}  // namespace
}  // namespace sightline::output
