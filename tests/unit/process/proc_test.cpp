// SPDX-License-Identifier: Apache-2.0
#include "process/proc.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>

namespace sightline::process {
namespace {

TEST(ParseMaps, TakesAnExecutableLineApart) {
  auto lines = parse_maps(
      "55d0c3a00000-55d0c3a21000 r-xp 00002000 fe:01 1316914"
      "                    /usr/bin/cat\n");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].start, 0x55d0c3a00000U);
  EXPECT_EQ(lines[0].end, 0x55d0c3a21000U);
  EXPECT_EQ(lines[0].file_offset, 0x2000U);
  EXPECT_EQ(lines[0].file, (MappedFile{0xfe, 1, 1316914, "/usr/bin/cat"}));
}

TEST(ParseMaps, KeepsOnlyWhatCanBeExecuted) {
  auto lines = parse_maps(
      "1000-2000 r--p 00000000 fe:01 7 /a\n"
      "2000-3000 rw-p 00000000 fe:01 7 /b\n"
      "3000-4000 --xp 00000000 fe:01 7 /c\n"
      "4000-5000 rwxs 00000000 fe:01 7 /d\n");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].file.path, "/c");
  EXPECT_EQ(lines[1].file.path, "/d");
}

std::string path_in(std::string_view written) {
  auto lines = parse_maps("1000-2000 r-xp 00000000 fe:01 7      " +
                          std::string(written) + "\n");
  return lines.size() == 1 ? lines[0].file.path : "<no line>";
}

TEST(ParseMaps, KeepsEveryByteOfAPath) {
  EXPECT_EQ(path_in("/tmp/with  two blanks "), "/tmp/with  two blanks ");
  EXPECT_EQ(path_in("/tmp/x (deleted)"), "/tmp/x (deleted)");
  EXPECT_EQ(path_in("/tmp/a\\012b\\012"), "/tmp/a\nb\n");
  EXPECT_EQ(path_in("/tmp/\\134012"), "/tmp/\\134012")
      << "the kernel escapes newlines alone";
  EXPECT_EQ(path_in("/tmp/\xff\x1b[31m"), "/tmp/\xff\x1b[31m");
  EXPECT_EQ(path_in("[vdso]"), "[vdso]");
}

TEST(ParseMaps, AnonymousCodeHasNeitherPathNorInode) {
  auto lines = parse_maps(
      "1000-2000 rwxp 00000000 00:00 0 \n2000-3000 r-xp 00000000 00:00 0\n");
  ASSERT_EQ(lines.size(), 1U) << "a line without its last blank is cut off";
  EXPECT_EQ(lines[0].file, (MappedFile{0, 0, 0, ""}));
}

TEST(ParseMaps, PassesOverWhatTheKernelDoesNotWrite) {
  for (auto line : {"",
                    "x",
                    "1000",
                    "1000-",
                    "1000-2000",
                    "1000-2000 ",
                    "1000-2000 r-x",
                    "1000-2000 r-xp",
                    "1000-2000 r-xp 0",
                    "1000-2000 r-xp 0 fe",
                    "1000-2000 r-xp 0 fe:01",
                    "1000-2000 r-xp 0 fe:01 ",
                    "1000-2000 r-xp 0 fe:01 7",
                    "-2000 r-xp 0 fe:01 7 /a",
                    "0x1000-2000 r-xp 0 fe:01 7 /a",
                    " 1000-2000 r-xp 0 fe:01 7 /a",
                    "10000000000000000-2000 r-xp 0 fe:01 7 /a",
                    "1000-2000 r-xp 0 100000000:01 7 /a",
                    "1000-2000 r-xp 0 fe:01 7f /a",
                    "1000-2000 r-xp 0 fe:01 99999999999999999999 /a",
                    "1000-2000  r-xp 0 fe:01 7 /a"}) {
    EXPECT_TRUE(parse_maps(line).empty()) << line;
  }
  auto lines = parse_maps("torn\n1000-2000 r-xp 0 fe:01 7 /a");
  ASSERT_EQ(lines.size(), 1U) << "a good line after a bad one, no newline";
  EXPECT_EQ(lines[0].file.path, "/a");
}

TEST(ParseMaps, ReadsAHundredThousandLines) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) {
    auto hex = std::to_string(100'000 + i);
    text += hex + "000-" + hex + "fff r-xp 00000000 fe:01 7 /a\n";
  }
  auto lines = parse_maps(text);
  ASSERT_EQ(lines.size(), 100'000U);
  EXPECT_EQ(lines.front().start, 0x100000000U);
  EXPECT_EQ(lines.back().start, 0x199999000U);
}

TEST(ReadMaps, FindsThisTestsOwnCode) {
  auto lines = read_maps(static_cast<std::uint32_t>(::getpid()));
  ASSERT_TRUE(lines);
  auto here = reinterpret_cast<std::uint64_t>(&path_in);
  EXPECT_EQ(std::ranges::count_if(*lines,
                                  [here](const MapsLine& line) {
                                    return line.start <= here &&
                                           here < line.end;
                                  }),
            1);
}

TEST(ReadMaps, SaysThatAProcessIsGone) {
  auto lines = read_maps(5'000'000);  // over PID_MAX_LIMIT, 4 Mi
  ASSERT_FALSE(lines);
  EXPECT_EQ(lines.error().err, ENOENT);
}

std::string stat_of(std::string_view comm, std::string_view flags = "4194560") {
  return "4321 (" + std::string(comm) + ") S 17 4321 4321 0 -1 " +
         std::string(flags) +
         " 135 0 0 0 1 2 3 4 20 0 1 0 987654321 5 6 7 8 9\n";
}

TEST(ParseStat, TakesTheFieldsApart) {
  auto stat = parse_stat(stat_of("cat"));
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->comm, "cat");
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->parent, 17U);
  EXPECT_EQ(stat->start_ticks, 987654321U);
  EXPECT_FALSE(stat->kernel_thread);
}

TEST(ParseStat, TellsAKernelThreadByItsFlag) {
  EXPECT_TRUE(parse_stat(stat_of("kworker/0:1", "69238880"))->kernel_thread);
}

TEST(ParseStat, IsNotFooledByAName) {
  for (auto comm : {"", " ", "a b", ")", "(", "((sd-pam))", ") R 1 (", "x) Z 9",
                    "new\nline", "\xff\x1b["}) {
    auto stat = parse_stat(stat_of(comm));
    ASSERT_TRUE(stat) << comm;
    EXPECT_EQ(stat->comm, comm);
    EXPECT_EQ(stat->state, 'S') << comm;
    EXPECT_EQ(stat->parent, 17U) << comm;
  }
}

TEST(ParseStat, RefusesWhatIsNotWhole) {
  auto whole = stat_of("cat");
  for (auto text : {"", "4321", "4321 (cat", "4321 cat)", ")(", "4321 (cat)",
                    "4321 (cat) S", "4321 (cat) SS 17 4321"}) {
    EXPECT_FALSE(parse_stat(text)) << text;
  }
  EXPECT_FALSE(parse_stat(whole.substr(0, whole.find("987654321"))));
  EXPECT_FALSE(parse_stat("1 (a) S x 1 1 0 -1 0 1 0 0 0 1 2 3 4 20 0 1 0 9 5"));
}

TEST(ReadStat, ReadsThisTest) {
  std::array<char, 16> before{};
  ::prctl(PR_GET_NAME, before.data());
  ::prctl(PR_SET_NAME, "a) R 1 (\nb");
  auto stat = read_stat(static_cast<std::uint32_t>(::gettid()));
  ::prctl(PR_SET_NAME, before.data());
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->comm, "a) R 1 (\nb");
  EXPECT_EQ(stat->state, 'R');
  EXPECT_EQ(stat->parent, static_cast<std::uint32_t>(::getppid()));
}

TEST(ListProcesses, IsAscendingAndHoldsThisTest) {
  auto pids = list_processes();
  ASSERT_TRUE(pids);
  EXPECT_TRUE(std::ranges::is_sorted(*pids));
  EXPECT_TRUE(std::ranges::binary_search(
      *pids, static_cast<std::uint32_t>(::getpid())));
}

TEST(NamespacePid, IsTheInnermostNumber) {
  EXPECT_EQ(parse_namespace_pid("Name:\tx\nNSpid:\t812\t31\t1\n"), 1U);
  EXPECT_EQ(parse_namespace_pid("NSpid:\t812"), 812U);
  EXPECT_EQ(read_namespace_pid(static_cast<std::uint32_t>(::getpid())),
            static_cast<std::uint32_t>(::getpid()));
}

TEST(NamespacePid, OfOtherTextsIsAnError) {
  for (const char* text : {"", "NSpid:", "NSpid:\t\n", "NSpid:\tx", "Pid:\t1",
                           "NSpid:\t0", "NSpid:\t1\t99999999999"}) {
    EXPECT_FALSE(parse_namespace_pid(text)) << text;
  }
}

}  // namespace
}  // namespace sightline::process
