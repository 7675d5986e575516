// SPDX-License-Identifier: Apache-2.0
#include "symbol/jitdump.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <string>

#include "symbol/elf_image.h"
#include "symbol/jitdump_image.h"

namespace sightline::symbol {
namespace {

using testing::JitdumpImage;
using testing::memory_file;

constexpr std::uint64_t end_of_time = ~0ULL;

// A jitdump and a second descriptor of its file, to write to.
struct Growing {
  explicit Growing(std::string_view bytes)
      : writer(memory_file(bytes)),
        dump(Jitdump::open(UniqueFd(dup(writer.get())), JitdumpImage::pid)
                 .value()) {
    dump.refresh();
  }
  explicit Growing(const JitdumpImage& image) : Growing(image.bytes_) {}

  void append(std::string_view bytes) {
    lseek(writer.get(), 0, SEEK_END);
    ASSERT_TRUE(write_all(writer.get(), bytes.data(), bytes.size()));
    dump.refresh();
  }
  [[nodiscard]] std::string name(std::uint64_t address,
                                 std::uint64_t time = end_of_time) const {
    const auto found = dump.find(address, time, time);
    return std::string(found ? found->name : "-");
  }

  UniqueFd writer;
  Jitdump dump;
};

Reason reason_of(std::string_view bytes) {
  return Growing(bytes).dump.reason();
}

TEST(Jitdump, NamesAnAddressFromWhenItWasLoaded) {
  const Growing file(JitdumpImage().load(100, 0x1000, 0x20, 1, "a b"));
  EXPECT_EQ(file.dump.reason(), Reason::none);
  EXPECT_EQ(file.name(0x1000, 99), "-");
  EXPECT_EQ(file.name(0xfff), "-");
  EXPECT_EQ(file.name(0x1020), "-");
  const auto found = file.dump.find(0x101f, 100, 100);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "a b");
  EXPECT_EQ(found->start, 0x1000U);
  EXPECT_EQ(found->size, 0x20U);
}

TEST(Jitdump, AnAddressThatIsUsedAgainHasTheNameOfItsTime) {
  const Growing file(JitdumpImage()
                         .load(100, 0x1000, 0x40, 1, "first")
                         .load(200, 0x1020, 0x40, 2, "second")
                         .load(300, 0x1000, 0x10, 3, "third")
                         .load(300, 0x1000, 0x08, 4, "same time"));
  EXPECT_EQ(file.name(0x1020, 199), "first");
  EXPECT_EQ(file.name(0x1020, 200), "second");
  EXPECT_EQ(file.name(0x1000, 299), "first");
  EXPECT_EQ(file.name(0x1008, 300), "third");
  EXPECT_EQ(file.name(0x1007, 300), "same time");
  EXPECT_EQ(file.name(0x1010, 300), "first");
}

// A function is asked for with a span of time, since samples are counted so.
TEST(Jitdump, OneNameInTheWholeTimeIsAnAnswerAndTwoAreNot) {
  const Growing file(JitdumpImage()
                         .load(100, 0x1000, 16, 1, "f")
                         .load(200, 0x1000, 16, 2, "f")
                         .load(300, 0x1000, 16, 3, "g")
                         .move(400, 0x1000, 0x9000, 16, 3)
                         .load(500, 0x1000, 16, 4, "")
                         .load(600, 0x1000, 16, 5, "h"));
  const auto asked = [&file](std::uint64_t from, std::uint64_t to) {
    const auto found = file.dump.find(0x1000, from, to);
    return std::string(found ? found->name : text(found.error()));
  };
  EXPECT_EQ(asked(0, 99), "");
  EXPECT_EQ(asked(0, 150), "f") << "nothing can be sampled before it is there";
  EXPECT_EQ(asked(100, 299), "f") << "compiled anew";
  EXPECT_EQ(asked(299, 300), "mapping changed");
  EXPECT_EQ(asked(0, 1000), "mapping changed");
  EXPECT_EQ(asked(300, 499), "g") << "nor after it went away";
  EXPECT_EQ(asked(400, 499), "");
  EXPECT_EQ(asked(300, 500), "mapping changed") << "it has no name, but is";
  EXPECT_EQ(asked(550, 600), "mapping changed");
  EXPECT_EQ(asked(600, 700), "h");
}

TEST(Jitdump, ARecordOfMoreThanIsReadAtOnceIsTaken) {
  JitdumpImage image;
  image.load(1, 0x1000, 16, 1, std::string(1000, 'n'));
  image.load(1, 0x2000, 16, 2, "behind");
  auto dump = Jitdump::open(memory_file(image.bytes_), JitdumpImage::pid);
  ASSERT_TRUE(dump);
  EXPECT_GT(dump->refresh(100), 1000U);
  EXPECT_TRUE(dump->find(0x1000, 1, 1));
  EXPECT_FALSE(dump->find(0x2000, 1, 1));
  EXPECT_EQ(dump->refresh(0), 0U);
  dump->refresh(100);
  EXPECT_TRUE(dump->find(0x2000, 1, 1));
}

// Threads of a runtime write their records in no strict order.
TEST(Jitdump, TimeCountsAndNotTheOrderOfTheFile) {
  const Growing file(JitdumpImage()
                         .load(200, 0x1000, 0x40, 1, "later")
                         .load(100, 0x1000, 0x40, 2, "earlier"));
  EXPECT_EQ(file.name(0x1000), "later");
  EXPECT_EQ(file.name(0x1000, 150), "earlier");
}

TEST(Jitdump, CodeThatMovedIsWhereItWentTo) {
  const Growing file(JitdumpImage()
                         .load(100, 0x1000, 0x40, 7, "a")
                         .move(200, 0x1000, 0x1020, 0x40, 7)
                         .move(300, 0x1020, 0x5000, 0x40, 7)
                         .move(400, 0x9000, 0xa000, 0x40, 99));
  EXPECT_EQ(file.name(0x1000, 199), "a");
  EXPECT_EQ(file.name(0x1000, 200), "-");
  EXPECT_EQ(file.name(0x105f, 200), "a");
  EXPECT_EQ(file.name(0x105f, 300), "-");
  EXPECT_EQ(file.name(0x5000, 300), "a");
  EXPECT_EQ(file.dump.find(0x5001, 300, 300)->start, 0x5000U);
  EXPECT_EQ(file.name(0xa000), "-");
}

TEST(Jitdump, OtherRecordsArePassedOver) {
  const Growing file(
      JitdumpImage()
          .other(2, 16 + 16 + 24, std::string(40, 'd'))
          .other(4, 16 + 100'000, std::string(100'000, 'u'))
          .other(77, 16)
          .other(0, 16 + 8, std::string(8, 'x'))  // too short to be a load
          .load(1, 0x1000, 0, 1, "empty")
          .load(1, ~0ULL - 5, 10, 2, "over the top")
          .load(1, 0x2000, 1ULL << 40, 3, "too large")
          .other(3, 16)
          .load(2, 0x1000, 0x10, 4, "a"));
  EXPECT_EQ(file.dump.reason(), Reason::none);
  EXPECT_EQ(file.dump.size(), 1U);
  EXPECT_EQ(file.name(0x1000), "a");
}

TEST(Jitdump, EveryByteMayComeAloneAndNothingIsNamedTooEarly) {
  const std::string first = JitdumpImage().load(1, 0x1000, 16, 1, "a").bytes_;
  JitdumpImage image;
  image.load(1, 0x1000, 16, 1, "a").load(2, 0x2000, 16, 2, "b");
  Growing file("");
  for (std::size_t i = 0; i < image.bytes_.size(); ++i) {
    EXPECT_EQ(file.name(0x1000), i < first.size() ? "-" : "a") << i;
    EXPECT_EQ(file.name(0x2000), "-") << i;
    file.append(std::string_view(image.bytes_).substr(i, 1));
  }
  EXPECT_EQ(file.name(0x2000), "b");
  EXPECT_EQ(file.dump.size(), 2U);
}

TEST(Jitdump, ZerosAreAHoleThatMayBeFilled) {
  JitdumpImage image;
  const std::size_t hole = image.bytes_.size();
  image.load(1, 0x1000, 16, 1, "a");
  std::string zeroed = image.bytes_;
  std::fill(zeroed.begin() + static_cast<std::ptrdiff_t>(hole), zeroed.end(),
            '\0');
  Growing file(zeroed);
  EXPECT_EQ(file.dump.size(), 0U);
  EXPECT_EQ(file.dump.reason(), Reason::none);
  ASSERT_GT(
      pwrite(file.writer.get(), image.bytes_.data(), image.bytes_.size(), 0),
      0);
  file.dump.refresh();
  EXPECT_EQ(file.name(0x1000), "a");
}

TEST(Jitdump, AFileWrittenAnewIsReadAnew) {
  Growing file(JitdumpImage().load(1, 0x1000, 16, 1, "a"));
  ASSERT_EQ(ftruncate(file.writer.get(), 0), 0);
  file.append(JitdumpImage()
                  .load(1, 0x2000, 16, 1, "b")
                  .load(1, 0x3000, 16, 2, "c")
                  .bytes_);
  EXPECT_EQ(file.name(0x1000), "-");
  EXPECT_EQ(file.name(0x2000), "b");
}

TEST(Jitdump, AFileThatWasRefusedMayBeWrittenAnew) {
  Growing file(JitdumpImage(1));
  ASSERT_EQ(file.dump.reason(), Reason::jitdump_clock);
  ASSERT_EQ(ftruncate(file.writer.get(), 0), 0);
  file.append(JitdumpImage().load(1, 0x2000, 16, 1, "b").bytes_);
  EXPECT_EQ(file.dump.reason(), Reason::none);
  EXPECT_EQ(file.name(0x2000), "b");
}

TEST(Jitdump, WhatIsNoneOrNotOursIsRefused) {
  EXPECT_EQ(reason_of(std::string(100, 'x')), Reason::jitdump_refused);
  EXPECT_EQ(reason_of("JiTD"), Reason::none);  // the rest may come
  EXPECT_EQ(reason_of(JitdumpImage(1).bytes_), Reason::jitdump_clock);
  EXPECT_EQ(reason_of(JitdumpImage(2).bytes_), Reason::none);
  const auto bent = [](std::size_t at, char value) {
    std::string bytes = JitdumpImage().load(1, 0x1000, 16, 1, "a").bytes_;
    bytes[at] = value;
    return reason_of(bytes);
  };
  EXPECT_EQ(bent(0, 'J'), Reason::jitdump_refused);
  EXPECT_EQ(bent(4, 2), Reason::jitdump_refused);   // version
  EXPECT_EQ(bent(8, 39), Reason::jitdump_refused);  // size of the header
  EXPECT_EQ(bent(10, 1), Reason::jitdump_refused);
  EXPECT_EQ(bent(20, 43), Reason::jitdump_refused);  // PID
}

TEST(Jitdump, TheHeaderMayBeLonger) {
  JitdumpImage image;
  image.bytes_[8] = 48;
  image.put<std::uint64_t>(0);
  EXPECT_EQ(Growing(image.load(1, 0x1000, 16, 1, "a")).name(0x1000), "a");
}

TEST(Jitdump, AnImpossibleSizeEndsItAndKeepsWhatWasBefore) {
  Growing file(JitdumpImage().load(1, 0x1000, 16, 1, "a").other(0, 15));
  EXPECT_EQ(file.dump.reason(), Reason::corrupt);
  EXPECT_EQ(file.name(0x1000), "a");
  file.append(JitdumpImage().load(2, 0x1000, 16, 1, "b").bytes_);
  EXPECT_EQ(file.name(0x1000), "a");
}

TEST(Jitdump, ARecordThatNeverEndsIsWaitedFor) {
  Growing file(
      JitdumpImage().load(1, 0x1000, 16, 1, "a").other(0, 0xffffffff, "xyz"));
  file.append(std::string(1000, 'x'));
  EXPECT_EQ(file.dump.reason(), Reason::none);
  EXPECT_EQ(file.name(0x1000), "a");
  // A hole that makes it whole costs nothing to jump over.
  ASSERT_EQ(ftruncate(file.writer.get(), 4LL << 30), 0);
  file.dump.refresh();
  EXPECT_EQ(file.dump.size(), 1U);
}

TEST(Jitdump, NamesEndInTheRecordAndAreCut) {
  JitdumpImage image;
  image.load(1, 0x1000, 16, 1, std::string(5000, 'n'));
  // Without a NUL: the name ends where the record does.
  image.other(0, 56 + 3);
  image.put<std::uint64_t>(0);
  for (const std::uint64_t field : {0x2000, 0x2000, 16, 2}) image.put(field);
  image.bytes_ += "abc";
  image.load(1, 0x3000, 16, 3, "");
  image.load(1, 0x4000, 16, 4, "d");
  const Growing file(image);
  EXPECT_EQ(file.name(0x1000), std::string(4096, 'n'));
  EXPECT_EQ(file.name(0x2000), "abc");
  EXPECT_EQ(file.name(0x3000), "-");
  EXPECT_EQ(file.name(0x4000), "d");
}

TEST(Jitdump, OnlyARegularFileOfLimitedSizeIsTaken) {
  const auto why_not = [](UniqueFd fd) {
    const auto dump = Jitdump::open(std::move(fd), 1);
    return dump ? Reason::none : dump.error();
  };
  EXPECT_EQ(why_not(UniqueFd()), Reason::jitdump_refused);
  for (const char* path : {"/", "/dev/zero"}) {
    EXPECT_EQ(why_not(UniqueFd(open(path, O_RDONLY | O_CLOEXEC))),
              Reason::jitdump_refused);
  }
  UniqueFd sparse(memory_file(""));
  ASSERT_EQ(ftruncate(sparse.get(), (4LL << 30) + 1), 0);
  EXPECT_EQ(why_not(std::move(sparse)), Reason::jitdump_refused);
}

// `count` functions of 64 bytes, of which every 16th moves.
JitdumpImage many_functions(std::uint64_t count) {
  JitdumpImage image;
  for (std::uint64_t i = 0; i < count; ++i) {
    image.load(i, i * 64, 64, i, "f" + std::to_string(i));
    if (i % 16 == 0) image.move(i, i * 64, (i + count) * 64, 64, i);
  }
  return image;
}

TEST(Jitdump, WhatIsTooMuchLeavesTheNewest) {
  for (const CodeLimits limits :
       {CodeLimits{100, 1U << 20}, CodeLimits{1000, 500}}) {
    auto dump = Jitdump::open(memory_file(many_functions(1600).bytes_),
                              JitdumpImage::pid, limits);
    ASSERT_TRUE(dump);
    dump->refresh();
    EXPECT_LE(dump->size(), 100U);
    EXPECT_EQ(dump->size() + dump->forgotten(), 1600U + 200);
    EXPECT_EQ(dump->find(1599 * 64, end_of_time, end_of_time)->name, "f1599");
    EXPECT_FALSE(dump->find(1584 * 64, end_of_time, end_of_time));
    EXPECT_EQ(dump->find((1584 + 1600) * 64, end_of_time, end_of_time)->name,
              "f1584");
    EXPECT_FALSE(dump->find(64, end_of_time, end_of_time));
  }
}

TEST(Jitdump, MillionsOfFunctionsTakeLimitedMemory) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "takes a minute in this build; small limits are tested";
#endif
  const Growing file(many_functions(2'500'000));
  EXPECT_LT(file.dump.memory(), 200U << 20);
  EXPECT_GE(file.dump.size(), 1U << 19);
  EXPECT_EQ(file.name(2'499'999 * 64ULL), "f2499999");
}

TEST(Jitdump, SurvivesEveryTruncationAndEveryBentByte) {
  JitdumpImage image;
  image.load(1, 0x1000, 16, 1, "alpha").move(2, 0x1000, 0x2000, 16, 1);
  image.load(3, 0x1000, 16, 2, "beta").other(3, 16);
  const auto read = [](std::string_view bytes) {
    return Growing(bytes).name(0x1000);
  };
  ASSERT_EQ(read(image.bytes_), "beta");
  unsigned unharmed = 0;
  for (std::size_t at = 0; at < image.bytes_.size(); ++at) {
    (void)read(std::string_view(image.bytes_).substr(0, at));
    for (const char bent : {'\x00', '\x7f', '\xff'}) {
      std::string bad = image.bytes_;
      bad[at] = bent;
      unharmed += read(bad) == "beta";
    }
  }
  EXPECT_GT(unharmed, 0U);
}

}  // namespace
}  // namespace sightline::symbol
