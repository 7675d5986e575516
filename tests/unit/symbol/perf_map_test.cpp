// SPDX-License-Identifier: Apache-2.0
#include "symbol/perf_map.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <random>
#include <string>

#include "symbol/elf_image.h"

namespace sightline::symbol {
namespace {

using testing::memory_file;

// A map and a second descriptor of its file, to write to.
struct Growing {
  explicit Growing(std::string_view text)
      : writer(memory_file(text)),
        map(PerfMap::open(UniqueFd(dup(writer.get()))).value()) {
    map.refresh();
  }

  void append(std::string_view text) {
    lseek(writer.get(), 0, SEEK_END);
    ASSERT_TRUE(write_all(writer.get(), text.data(), text.size()));
    map.refresh();
  }
  void rewrite(std::string_view text) {
    ASSERT_EQ(ftruncate(writer.get(), 0), 0);
    append(text);
  }
  [[nodiscard]] std::string name(std::uint64_t address) const {
    const auto found = map.find(address);
    return std::string(found ? found->name : "-");
  }

  UniqueFd writer;
  PerfMap map;
};

std::string name_in(std::string_view text, std::uint64_t address) {
  return Growing(text).name(address);
}

TEST(PerfMap, NamesAnAddress) {
  const Growing file("7f001000 20 LazyCompile:*fib /a b.js:1\n");
  EXPECT_EQ(file.name(0x7f000fff), "-");
  EXPECT_EQ(file.name(0x7f001020), "-");
  const auto found = file.map.find(0x7f00101f);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "LazyCompile:*fib /a b.js:1");
  EXPECT_EQ(found->start, 0x7f001000U);
  EXPECT_EQ(found->size, 0x20U);
}

TEST(PerfMap, TakesTheFormsThatRuntimesWrite) {
  EXPECT_EQ(name_in("0x1000 0x10 a\n", 0x1000), "a");
  EXPECT_EQ(name_in("00000000001000  00010  a \n", 0x1000), "a ");
  EXPECT_EQ(name_in("1ABC 1f a\n", 0x1abc), "a");
  EXPECT_EQ(name_in(std::string("1000 10 a\0b\n", 12), 0x1000), "a");
  EXPECT_EQ(name_in("1000 10 \xff\x01\n", 0x1000), "\xff\x01");
}

TEST(PerfMap, PassesOverOtherLines) {
  for (const std::string bad :
       {"", " ", "x", "1000", "1000 ", "1000 10", "1000 10 ", "1000 0 a",
        "-1000 10 a", "1000 -10 a", "1000\t10 a", " 1000 10 a", "0x 10 a",
        "10000000000000000 10 a", "ffffffffffffffff 10 a", "1000 80000001 a",
        "1000 10000000000000000 a"}) {
    const Growing file(bad + "\n2000 1 good\n");
    EXPECT_EQ(file.map.bad_lines(), 1U) << bad;
    EXPECT_EQ(file.map.size(), 1U) << bad;
    EXPECT_EQ(file.name(0x2000), "good") << bad;
  }
}

TEST(PerfMap, TheHighestAddressesCanBeNamed) {
  EXPECT_EQ(name_in("fffffffffffffff0 f a\n", ~0ULL - 1), "a");
  EXPECT_EQ(name_in("1000 80000000 a\n", 0x80000fff), "a");
}

TEST(PerfMap, TheLaterLineWinsWhereTheyOverlap) {
  const Growing file(
      "1000 100 old\n1040 40 inner\n10f0 20 right\nff0 20 left\n");
  EXPECT_EQ(file.name(0xff0), "left");
  EXPECT_EQ(file.name(0x100f), "left");
  EXPECT_EQ(file.name(0x1010), "old");
  EXPECT_EQ(file.name(0x1040), "inner");
  EXPECT_EQ(file.name(0x107f), "inner");
  EXPECT_EQ(file.name(0x1080), "old");
  EXPECT_EQ(file.name(0x10f0), "right");
  EXPECT_EQ(file.name(0x110f), "right");
  EXPECT_EQ(file.name(0x1110), "-");
  EXPECT_EQ(file.map.find(0x1080)->start, 0x1000U);
  EXPECT_EQ(file.map.find(0x1080)->size, 0x100U);
}

// Against a table that has one name for each address, over many refreshes.
TEST(PerfMap, EqualsAPlainTableWhateverOverlaps) {
  std::mt19937 random(1);
  std::vector<std::string> truth(512, "-");
  Growing file("");
  for (int round = 0; round < 60; ++round) {
    std::string lines;
    for (int i = 0; i < 40; ++i) {
      const unsigned start = random() % 480;
      const unsigned size = 1 + random() % (round % 2 == 0 ? 32 : 4);
      const std::string name = std::to_string(round * 100 + i);
      char line[64];
      std::snprintf(line, sizeof line, "%x %x %s\n", start, size, name.c_str());
      lines += line;
      std::fill_n(truth.begin() + start, size, name);
    }
    file.append(lines);
    for (unsigned at = 0; at < truth.size(); ++at) {
      ASSERT_EQ(file.name(at), truth[at]) << round << ' ' << at;
    }
  }
}

TEST(PerfMap, FollowsAFileThatGrows) {
  Growing file("1000 10 a\n2000 1");
  EXPECT_EQ(file.name(0x1000), "a");
  EXPECT_EQ(file.name(0x2000), "-");
  file.append("0 b");
  EXPECT_EQ(file.name(0x2000), "-");
  file.append("c\n1008 8 d\n");
  EXPECT_EQ(file.name(0x2000), "bc");
  EXPECT_EQ(file.name(0x1007), "a");
  EXPECT_EQ(file.name(0x1008), "d");
  EXPECT_EQ(file.map.size(), 3U);
  EXPECT_EQ(file.map.bad_lines(), 0U);
}

TEST(PerfMap, WhatWasReadIsNotReadAgain) {
  Growing file("1000 10 a\n" + std::string(100, '\n'));
  ASSERT_EQ(pwrite(file.writer.get(), "1000 10 z", 9, 0), 9);
  file.append("2000 10 b\n");
  EXPECT_EQ(file.name(0x1000), "a");
  EXPECT_EQ(file.name(0x2000), "b");
}

TEST(PerfMap, AFileWrittenAnewIsReadAnew) {
  Growing file("1000 10 a\n2000 10 b\n");
  file.rewrite("3000 10 c\n");
  EXPECT_EQ(file.name(0x1000), "-");
  EXPECT_EQ(file.name(0x3000), "c");
  // Also when it is longer than before by the time that we look.
  file.rewrite("4000 10 d\n5000 10 e\n");
  EXPECT_EQ(file.name(0x3000), "-");
  EXPECT_EQ(file.name(0x5000), "e");
  file.rewrite("");
  EXPECT_EQ(file.map.size(), 0U);
}

TEST(PerfMap, LongLinesAreDroppedAndLongNamesCut) {
  const std::string endless(700'000, 'x');
  Growing file("1000 10 " + endless);
  EXPECT_EQ(file.map.size(), 0U);
  file.append("y\n2000 10 " + std::string(5000, 'n') + "\n3000 10 c\n");
  EXPECT_EQ(file.name(0x1000), "-");
  EXPECT_EQ(file.name(0x2000), std::string(4096, 'n'));
  EXPECT_EQ(file.name(0x3000), "c");
  EXPECT_EQ(file.map.bad_lines(), 1U);
}

TEST(PerfMap, OnlyARegularFileOfLimitedSizeIsTaken) {
  const auto why_not = [](UniqueFd fd) {
    const auto map = PerfMap::open(std::move(fd));
    return map ? Reason::none : map.error();
  };
  EXPECT_EQ(why_not(UniqueFd()), Reason::jit_map_refused);
  for (const char* path : {"/", "/dev/zero"}) {
    EXPECT_EQ(why_not(UniqueFd(open(path, O_RDONLY | O_CLOEXEC))),
              Reason::jit_map_refused);
  }
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd writer(ends[1]);
  EXPECT_EQ(why_not(UniqueFd(ends[0])), Reason::jit_map_refused);
  UniqueFd sparse(memory_file(""));
  ASSERT_EQ(ftruncate(sparse.get(), 1 << 30), 0);
  EXPECT_EQ(why_not(std::move(sparse)), Reason::jit_map_refused);
}

// A hole costs no memory, and what is behind it is read.
TEST(PerfMap, AHoleIsOneLongLine) {
  Growing file("1000 10 a\n");
  ASSERT_EQ(ftruncate(file.writer.get(), 100 << 20), 0);
  file.append("\n2000 10 b\n");
  EXPECT_EQ(file.name(0x1000), "a");
  EXPECT_EQ(file.name(0x2000), "b");
  EXPECT_LT(file.map.memory(), 1U << 20);
}

TEST(PerfMap, GrowthWhileReadingIsBoundedToo) {
  Growing file("1000 10 a\n");
  ASSERT_EQ(ftruncate(file.writer.get(), (1LL << 30)), 0);
  file.append("\n2000 10 b\n");
  EXPECT_EQ(file.name(0x1000), "a");
  EXPECT_EQ(file.name(0x2000), "-");
}

// Writes `count` lines, each over its own 64 bytes unless `span` says that
// addresses come again.
UniqueFd many_lines(unsigned count, unsigned span) {
  UniqueFd fd = memory_file("");
  std::string block;
  for (unsigned i = 0; i < count; ++i) {
    char line[64];
    const int size =
        std::snprintf(line, sizeof line, "%x 40 f%u\n", i % span * 64, i);
    block.append(line, static_cast<std::size_t>(size));
    if (block.size() < 1U << 20 && i + 1 < count) continue;
    EXPECT_TRUE(write_all(fd.get(), block.data(), block.size()));
    block.clear();
  }
  return fd;
}

TEST(PerfMap, WhatIsTooMuchLeavesTheNewest) {
  auto map = PerfMap::open(many_lines(1000, 1000), CodeLimits{100, 1U << 20});
  ASSERT_TRUE(map);
  map->refresh();
  EXPECT_EQ(map->size() + map->forgotten(), 1000U);
  EXPECT_LE(map->size(), 100U);
  EXPECT_GE(map->size(), 50U);
  for (unsigned i = 0; i < 1000; ++i) {
    const auto found = map->find(i * 64ULL + 63);
    ASSERT_EQ(found.has_value(), i >= 1000 - map->size()) << i;
    EXPECT_EQ(found ? found->name : "", found ? "f" + std::to_string(i) : "");
  }
}

TEST(PerfMap, WhatLaterLinesHideIsForgottenFirst) {
  auto map = PerfMap::open(many_lines(10'000, 40), CodeLimits{100, 1U << 20});
  ASSERT_TRUE(map);
  map->refresh();
  EXPECT_EQ(map->forgotten(), 0U);
  EXPECT_LE(map->size(), 100U);
  for (unsigned i = 0; i < 40; ++i) {
    EXPECT_EQ(map->find(i * 64ULL)->name, "f" + std::to_string(9960 + i));
  }
}

TEST(PerfMap, NamesAreBoundedToo) {
  auto map = PerfMap::open(many_lines(1000, 1000), CodeLimits{1000, 200});
  ASSERT_TRUE(map);
  map->refresh();
  EXPECT_EQ(map->size() + map->forgotten(), 1000U);
  EXPECT_LE(map->size(), 40U);
  EXPECT_EQ(map->find(999 * 64)->name, "f999");
  EXPECT_FALSE(map->find(0));
}

#ifdef __SANITIZE_ADDRESS__
constexpr bool instrumented = true;
#else
constexpr bool instrumented = false;
#endif
constexpr const char* too_slow =
    "ten million lines take minutes in this build; small limits are tested";

constexpr unsigned ten_million = 10'000'000;
constexpr std::size_t bound = 256U << 20;

TEST(PerfMap, TenMillionFunctionsLeaveTheNewest) {
  if (instrumented) GTEST_SKIP() << too_slow;
  auto map = PerfMap::open(many_lines(ten_million, ten_million));
  ASSERT_TRUE(map);
  map->refresh();
  EXPECT_LT(map->memory(), bound);
  EXPECT_EQ(map->find((ten_million - 1) * 64ULL)->name, "f9999999");
  EXPECT_FALSE(map->find(0));
  EXPECT_GE(map->size(), 1U << 19);
  EXPECT_EQ(map->size() + map->forgotten(), ten_million);
}

TEST(PerfMap, TenMillionLinesForTheSameCodeForgetNothing) {
  if (instrumented) GTEST_SKIP() << too_slow;
  constexpr unsigned functions = 500'000;
  auto map = PerfMap::open(many_lines(ten_million, functions));
  ASSERT_TRUE(map);
  map->refresh();
  EXPECT_LT(map->memory(), bound);
  EXPECT_EQ(map->forgotten(), 0U);
  for (unsigned i = 0; i < functions; i += 997) {
    EXPECT_EQ(map->find(i * 64ULL)->name, "f" + std::to_string(9'500'000 + i));
  }
}

TEST(PerfMap, LongNamesAreBoundedToo) {
  const std::string name(4000, 'n');
  Growing file("");
  std::string lines;
  for (unsigned i = 0; i < 50'000; ++i) {
    char start[32];
    std::snprintf(start, sizeof start, "%x 40 ", i * 64);
    lines.append(start).append(name).append(std::to_string(i)).push_back('\n');
  }
  file.append(lines);
  EXPECT_LT(file.map.memory(), bound);
  EXPECT_GT(file.map.forgotten(), 0U);
  EXPECT_EQ(file.name(0), "-");
  EXPECT_EQ(file.name(49'999 * 64), name + "49999");
}

}  // namespace
}  // namespace sightline::symbol
