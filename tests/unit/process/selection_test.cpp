// SPDX-License-Identifier: Apache-2.0
#include "process/selection.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <thread>

#include "base/file.h"

namespace sightline::process {
namespace {

const auto self = static_cast<std::uint32_t>(::getpid());

TEST(ParseUid, IsTheRealOne) {
  EXPECT_EQ(parse_uid("Name:\ta\nUid:\t1000\t0\t0\t0\nGid:\t1\t1\t1\t1\n"),
            1000U);
}

TEST(ParseUid, NothingWhereThereIsNone) {
  for (const auto* text : {"", "Uid:\t", "\nUid:\t", "\nUid:\tx\t0\t0\t0\n"}) {
    EXPECT_FALSE(parse_uid(text)) << text;
  }
}

// A process chooses its name.
TEST(ParseUid, ANameIsNoUser) {
  EXPECT_EQ(parse_uid("Name:\tUid:\\t7\nUid:\t8\t8\t8\t8\n"), 8U);
}

TEST(ParseCgroup, IsThatOfVersion2) {
  EXPECT_EQ(parse_cgroup("3:cpu:/a\n0::/b/c\n"), "/b/c");
  EXPECT_FALSE(parse_cgroup("3:cpu:/a\n"));
  EXPECT_FALSE(parse_cgroup(""));
}

bool means_us(const Selection& selection) {
  auto found = select_processes(selection);
  EXPECT_TRUE(found);
  return found && std::ranges::binary_search(*found, self);
}

TEST(SelectProcesses, ByUser) {
  EXPECT_TRUE(Selection{}.is_everything());
  EXPECT_TRUE(means_us({}));
  EXPECT_FALSE(Selection{.uid = 0}.is_everything());
  EXPECT_TRUE(means_us({.uid = ::getuid()}));
  EXPECT_FALSE(means_us({.uid = ::getuid() + 1}));
}

TEST(SelectProcesses, ByCgroupAndThoseBelow) {
  auto own = parse_cgroup(read_file("/proc/self/cgroup").value_or(""));
  if (!own) GTEST_SKIP() << "no cgroup of version 2";
  EXPECT_TRUE(means_us({.cgroup = *own}));
  EXPECT_TRUE(means_us({.cgroup = "/"}));
  EXPECT_FALSE(means_us({.cgroup = *own + "/below"}));
  if (own->size() > 2) {
    EXPECT_FALSE(means_us({.cgroup = own->substr(0, own->size() - 1)}))
        << "the beginning of a name is another name";
  }
}

TEST(SelectProcesses, ByTheNameOfAnyThread) {
  std::promise<void> named;
  std::promise<void> ends;
  std::jthread thread([&] {
    ::prctl(PR_SET_NAME, "some thread");
    named.set_value();
    ends.get_future().wait();
  });
  named.get_future().wait();
  EXPECT_TRUE(
      means_us({.comm = [](auto comm) { return comm == "some thread"; }}));
  EXPECT_FALSE(means_us({.comm = [](auto comm) { return comm == "another"; }}));
  ends.set_value();
}

TEST(SelectProcesses, AllThatIsGivenMustHold) {
  auto any = [](std::string_view) { return true; };
  EXPECT_TRUE(means_us({.uid = ::getuid(), .comm = any}));
  EXPECT_FALSE(means_us({.uid = ::getuid() + 1, .comm = any}));
}

}  // namespace
}  // namespace sightline::process
