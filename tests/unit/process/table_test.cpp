// SPDX-License-Identifier: Apache-2.0
#include "process/table.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/clock.h"

namespace sightline::process {
namespace {

using symbol::Reason;

// Over PID_MAX_LIMIT (4 Mi, include/linux/threads.h): never a living process.
constexpr std::uint32_t somebody = 5'000'000;
constexpr std::uint32_t another = 5'000'001;
const std::uint32_t self = static_cast<std::uint32_t>(::getpid());

constexpr std::uint64_t code = 0x400000;

MapsLine map_of(const std::string& path, std::uint64_t start = code) {
  return {start, start + 0x10000, 0, {8, 1, 42, path}};
}

ImageSeen image(std::uint32_t pid, std::uint64_t time_ns,
                std::uint32_t exec_id = 1, std::uint64_t start_ns = 1) {
  return {.key = {pid, exec_id, start_ns}, .time_ns = time_ns, .comm = "test"};
}

std::string phrase(Reason reason) {
  switch (reason) {
    case Reason::not_mapped:
      return "[not mapped]";
    case Reason::mapping_changed:
      return "[mapping changed]";
    case Reason::records_lost:
      return "[records lost]";
    case Reason::process_gone:
      return "[process exited]";
    default:
      return "[another reason]";
  }
}

class TableTest : public testing::Test {
 protected:
  // What an image has at an address: an object's name or a reason in brackets.
  std::string at(const ImageSeen& seen, std::uint64_t address = code,
                 std::uint64_t from_ns = 1'000'000) {
    auto found = table_.locate(seen.key, address, from_ns);
    if (found.reason == Reason::none) {
      return std::string(objects_.name(found.object));
    }
    return phrase(found.reason);
  }
  ImageSeen see(const ImageSeen& seen) {
    table_.see(seen);
    return seen;
  }
  void run(std::uint32_t pid, std::uint64_t time_ns, const char* path) {
    table_.on_exec(pid, time_ns);
    table_.on_map(pid, time_ns + 1, map_of(path));
  }

  Objects objects_;
  Table table_{objects_};
};

// This process as the kernel half would report it.
ImageSeen own_image(std::uint64_t time_ns, std::uint32_t exec_id = 1) {
  auto seen = image(self, time_ns, exec_id);
  auto stat = read_stat(self);
  EXPECT_TRUE(stat);
  seen.start_boottime_ns = stat->start_ticks * 10'000'000;
  return seen;
}

std::uint64_t own_code() { return reinterpret_cast<std::uint64_t>(&own_image); }

std::string own_name() {
  return std::filesystem::read_symlink("/proc/self/exe").filename();
}

TEST_F(TableTest, WhatNobodyReportedIsGone) {
  EXPECT_EQ(at(image(somebody, 10)), "[process exited]");
  EXPECT_EQ(table_.find(image(somebody, 10).key), nullptr);
}

TEST_F(TableTest, AReportIsKept) {
  see(image(somebody, 10));
  const auto* seen = table_.find(image(somebody, 10).key);
  ASSERT_NE(seen, nullptr);
  EXPECT_EQ(seen->time_ns, 10U);
  EXPECT_EQ(seen->comm, "test");
  see(image(somebody, 20));
  EXPECT_EQ(seen->time_ns, 10U) << "the first one counts";
  EXPECT_EQ(table_.images(), 1U);
}

TEST_F(TableTest, AProcessThatOnlyTheKernelHalfKnewIsGone) {
  EXPECT_EQ(at(see(image(somebody, 10))), "[process exited]");
}

TEST_F(TableTest, AnExitedProcessIsKnownThroughTheSideband) {
  table_.on_fork(somebody, another, 10);
  run(somebody, 20, "/bin/a");
  table_.on_exit(somebody, 40);
  EXPECT_EQ(at(see(image(somebody, 30))), "a");
  EXPECT_EQ(at(image(somebody, 30), 0x100), "[not mapped]");
}

TEST_F(TableTest, AForkInheritsAndThenGoesItsOwnWay) {
  run(somebody, 10, "/bin/a");
  table_.on_fork(another, somebody, 20);
  auto parent = see(image(somebody, 12));
  auto child = see(image(another, 21));
  EXPECT_EQ(at(child), "a");
  table_.on_map(another, 30, map_of("/lib/child", 0x800000));
  table_.on_map(somebody, 31, map_of("/lib/parent", 0x900000));
  EXPECT_EQ(at(child, 0x800000), "child");
  EXPECT_EQ(at(child, 0x900000), "[not mapped]");
  EXPECT_EQ(at(parent, 0x900000), "parent");
  EXPECT_EQ(at(parent, 0x800000), "[not mapped]");
}

TEST_F(TableTest, AnExecClears) {
  run(somebody, 10, "/bin/a");
  table_.on_map(somebody, 12, map_of("/lib/a", 0x800000));
  run(somebody, 20, "/bin/b");
  auto second = see(image(somebody, 25, 2));
  EXPECT_EQ(at(second), "b");
  EXPECT_EQ(at(second, 0x800000), "[not mapped]");
}

TEST_F(TableTest, EachExecHasItsOwnMappings) {
  run(somebody, 10, "/bin/a");
  run(somebody, 20, "/bin/b");
  run(somebody, 30, "/bin/c");
  EXPECT_EQ(at(see(image(somebody, 25, 2))), "b");
  EXPECT_EQ(at(see(image(somebody, 35, 3))), "c");
  EXPECT_EQ(at(see(image(somebody, 15, 1))), "a");
}

TEST_F(TableTest, AForkBeforeItsExecRunsTheParentsCode) {
  run(somebody, 10, "/bin/shell");
  table_.on_fork(another, somebody, 20);
  run(another, 30, "/bin/ls");
  EXPECT_EQ(at(see(image(another, 25, 1))), "shell");
  EXPECT_EQ(at(see(image(another, 35, 2))), "ls");
}

TEST_F(TableTest, TwoLivesOfOnePidAreToldApart) {
  table_.on_fork(somebody, another, 10);
  run(somebody, 11, "/bin/a");
  table_.on_exit(somebody, 20);
  table_.on_fork(somebody, another, 30);
  run(somebody, 31, "/bin/b");
  EXPECT_EQ(at(see(image(somebody, 15, 1, 10))), "a");
  EXPECT_EQ(at(see(image(somebody, 35, 1, 30))), "b");
}

TEST_F(TableTest, AMappingReplacedWithinTheEpochHasNoAnswer) {
  run(somebody, 10, "/bin/a");
  auto seen = see(image(somebody, 15));
  table_.on_map(somebody, 100, map_of("/bin/b"));
  EXPECT_EQ(at(seen, code, 50), "[mapping changed]");
  EXPECT_EQ(at(seen, code, 200), "b");
  table_.forget(150);
  EXPECT_EQ(at(seen, code, 50), "b");
}

TEST_F(TableTest, AProcessThatRanBeforeIsReadFromProc) {
  EXPECT_EQ(at(see(own_image(monotonic_ns())), own_code()), own_name());
}

TEST_F(TableTest, AnotherProcessUnderTheSamePidIsNotReadFromProc) {
  auto seen = own_image(monotonic_ns());
  seen.start_boottime_ns -= 10'000'000;
  EXPECT_EQ(at(see(seen), own_code()), "[process exited]");
}

TEST_F(TableTest, KernelThreadsAreNotReadFromProc) {
  auto seen = own_image(monotonic_ns());
  seen.kernel_thread = true;
  EXPECT_EQ(at(see(seen), own_code()), "[process exited]");
}

TEST_F(TableTest, AForkOfAProcessThatIsReadLaterInheritsThat) {
  table_.on_fork(somebody, self, 10);
  table_.on_fork(another, somebody, 20);
  auto grandchild = see(image(another, 30));
  see(own_image(monotonic_ns()));
  EXPECT_EQ(at(grandchild, own_code()), own_name());
}

TEST_F(TableTest, AnExecAfterTheSnapshotLeavesTheOldImageKnown) {
  auto seen = see(own_image(monotonic_ns()));
  run(self, monotonic_ns(), "/bin/b");
  EXPECT_EQ(at(seen, own_code()), own_name());
  EXPECT_EQ(at(see(image(self, monotonic_ns(), 2))), "b");
}

TEST_F(TableTest, ASnapshotThatAnExecPrecededIsNotTheOldImages) {
  auto before_exec = monotonic_ns();
  auto exec = monotonic_ns() + 1;
  while (monotonic_ns() <= exec) continue;
  auto seen = see(own_image(before_exec));
  table_.on_exec(self, exec);
  EXPECT_EQ(at(seen, own_code()), "[process exited]");
}

// What an image still maps is not lost by forgetting; what may still be asked
// for is not lost either.
TEST_F(TableTest, ForgettingKeepsTheImageOfTheRunningEpoch) {
  run(somebody, 10, "/bin/a");
  auto first = see(image(somebody, 150));
  run(somebody, 200, "/bin/b");
  table_.forget(100);
  EXPECT_EQ(at(first), "a") << "its exec ended after 100";
}

TEST_F(TableTest, ForgettingKeepsTheLifeOfTheRunningEpoch) {
  table_.on_fork(somebody, another, 10);
  run(somebody, 11, "/bin/a");
  table_.on_exit(somebody, 150);
  auto seen = see(image(somebody, 140));
  table_.forget(100);
  table_.on_fork(somebody, another, 160);
  run(somebody, 161, "/bin/b");
  EXPECT_EQ(at(seen), "a");
}

TEST_F(TableTest, ForgettingKeepsALivingProcess) {
  auto seen = see(own_image(1));
  for (int i = 0; i < 3; ++i) table_.forget(monotonic_ns());
  EXPECT_EQ(at(seen, own_code()), own_name());
}

TEST_F(TableTest, AForkBeforeTheSnapshotWaitsForWhatItWas) {
  auto before = monotonic_ns();
  while (monotonic_ns() <= before) continue;
  see(own_image(monotonic_ns()));
  table_.on_fork(somebody, self, before);
  auto child = see(image(somebody, before + 1));
  table_.on_exec(self, before + 1);
  EXPECT_EQ(at(child, own_code()), "[process exited]")
      << "not what the exec after it mapped";
}

TEST_F(TableTest, AfterALossALivingProcessIsComparedWithProc) {
  auto seen = see(own_image(monotonic_ns()));
  EXPECT_EQ(at(seen, own_code()), own_name());
  auto lost = monotonic_ns();
  table_.on_lost(lost);
  EXPECT_EQ(at(seen, own_code(), lost), own_name()) << "nothing has changed";
  table_.on_map(self, lost, map_of("/lib/wrong", own_code() & ~0xfffULL));
  table_.on_lost(monotonic_ns());
  EXPECT_EQ(at(seen, own_code(), lost), "[mapping changed]");
  EXPECT_EQ(at(seen, own_code(), monotonic_ns()), own_name());
}

TEST_F(TableTest, AfterALossAProcessThatIsGoneIsNotBelieved) {
  run(somebody, 10, "/bin/a");
  auto seen = see(image(somebody, 15));
  EXPECT_EQ(at(seen), "a");
  table_.on_lost(20);
  EXPECT_EQ(at(seen), "[records lost]");
}

TEST_F(TableTest, AnExecWhoseRecordWasLostIsNotTheImageBefore) {
  run(somebody, 10, "/bin/a");
  auto first = see(image(somebody, 15, 1));
  auto second = see(image(somebody, 30, 2));
  EXPECT_EQ(at(first), "a");
  EXPECT_EQ(at(second), "[process exited]");
}

TEST_F(TableTest, WhatALivingProcessHasExecutedUnseenIsAskedOfProc) {
  run(self, 10, "/bin/a");
  auto first = see(own_image(monotonic_ns(), 1));
  EXPECT_EQ(at(first), "a");
  table_.on_lost(monotonic_ns());
  auto second = see(own_image(monotonic_ns(), 2));
  EXPECT_EQ(at(second, own_code()), own_name());
  auto now = table_.current(second.key);
  ASSERT_NE(now.space, nullptr);
  EXPECT_EQ(table_.current(self).space, now.space) << "it is the current one";
  EXPECT_EQ(at(first), "[records lost]") << "and the other has ended";
}

// Nobody is told what it maps until it was compared.
TEST_F(TableTest, AfterALossWhatAProcessMapsIsNotKnown) {
  run(somebody, 10, "/bin/a");
  auto seen = see(image(somebody, 15));
  EXPECT_NE(table_.current(somebody).space, nullptr);
  EXPECT_NE(table_.current(seen.key).space, nullptr);
  table_.on_lost(20);
  EXPECT_EQ(table_.current(somebody).space, nullptr);
  EXPECT_EQ(table_.current(seen.key).space, nullptr);
}

TEST_F(TableTest, ExecsOfALivingProcessAreForgotten) {
  for (std::uint32_t i = 1; i <= 1000; ++i) {
    table_.on_exec(self, monotonic_ns());
    auto seen = see(image(self, monotonic_ns(), i));
    at(seen);
    table_.forget(monotonic_ns());
  }
  EXPECT_LE(table_.images(), 4U);
}

TEST_F(TableTest, ObjectsThatNobodyMapsAreMarkedAsSuch) {
  run(somebody, 10, "/bin/a");
  auto gone = objects_.intern(map_of("/bin/gone").file);
  std::vector<bool> live(objects_.most_ids());
  table_.mark_objects(live);
  EXPECT_TRUE(live[objects_.intern(map_of("/bin/a").file)]);
  EXPECT_FALSE(live[gone]);
}

// Its first thread ends, another one goes on and maps more code.
TEST_F(TableTest, AProcessOutlivesItsFirstThread) {
  table_.on_fork(self, another, 5);
  run(self, 10, "/bin/a");
  table_.on_exit(self, 20);
  table_.forget(30);
  table_.on_map(self, 40, map_of("/lib/late", 0x800000));
  auto seen = see(image(self, 50));
  EXPECT_EQ(at(seen), "a");
  EXPECT_EQ(at(seen, 0x800000), "late");
}

TEST_F(TableTest, AHundredThousandShortLivedProcessesLeaveNothing) {
  constexpr std::uint32_t count = 100'000;
  std::size_t most = 0;
  for (std::uint32_t i = 1; i <= count; ++i) {
    auto pid = somebody + i;
    table_.on_fork(pid, somebody, monotonic_ns());
    run(pid, monotonic_ns(), "/bin/true");
    auto seen = see(image(pid, monotonic_ns(), 1, i));
    // -K and --name leave reports that are never asked for.
    if (i % 2 == 0) {
      ASSERT_EQ(at(seen, code, monotonic_ns()), "true");
    }
    table_.on_exit(pid, monotonic_ns());
    if (i % 1'000 != 0) continue;
    table_.forget(monotonic_ns());
    most = std::max({most, table_.images(), table_.processes()});
  }
  EXPECT_LE(most, 2'002U);
  table_.forget(monotonic_ns());
  EXPECT_EQ(table_.images(), 0U);
  EXPECT_EQ(table_.processes(), 1U) << "the parent lives";
}

TEST_F(TableTest, APidThatComesBackHasNoMoreThanItsLatestLives) {
  for (std::uint64_t i = 1; i <= 10'000; ++i) {
    see(image(somebody, monotonic_ns(), 1, i));  // the report came first
    table_.on_fork(somebody, another, monotonic_ns());
    if (i % 2 == 0) table_.on_exit(somebody, monotonic_ns());  // or was lost
    table_.forget(monotonic_ns());
    ASSERT_LE(table_.images(), 3U);
  }
  EXPECT_EQ(table_.processes(), 1U) << "the parent lives";
}

// while(1) { if (fork()) exit(); } of a process whose mappings nobody knows.
TEST_F(TableTest, AChainOfForksWithoutEndIsNoChainHere) {
  constexpr std::uint32_t generations = 300'000;
  for (std::uint32_t i = 0; i < generations; ++i) {
    table_.on_fork(somebody + i + 1, somebody + i, monotonic_ns());
    table_.on_exit(somebody + i, monotonic_ns());
    if (i % 100 == 0) table_.forget(monotonic_ns());
  }
  auto last = see(image(somebody + generations, monotonic_ns()));
  EXPECT_EQ(at(last), "[process exited]");
  table_.forget(monotonic_ns());
  EXPECT_EQ(table_.processes(), 1U);
}

}  // namespace
}  // namespace sightline::process
