// SPDX-License-Identifier: Apache-2.0
#include "probes.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace sightline::execsnoop {
namespace {

class ProbesTest : public testing::Test {
 protected:
  void take(std::uint32_t thread, const std::string& file, int error,
            std::vector<std::string> args = {"x"}) {
    probes_.take({.time_ns = ++time_,
                  .thread = thread,
                  .error = error,
                  .file = file,
                  .args = std::move(args)});
  }

  std::uint64_t time_ = 0;
  std::vector<Exec> rows_;
  Probes probes_{[this](Exec&& exec) { rows_.push_back(std::move(exec)); }};
};

TEST_F(ProbesTest, ASearchThatFindsIsOneRow) {
  take(1, "/a/x", ENOENT);
  take(1, "/b/x", EACCES);
  take(1, "/c/x", 0, {"/bin/sh", "/c/x"});
  ASSERT_EQ(rows_.size(), 1U);
  EXPECT_EQ(rows_[0].file, "/c/x");
  EXPECT_EQ(rows_[0].time_ns, 3U);
  ASSERT_EQ(rows_[0].probes.size(), 2U);
  EXPECT_EQ(rows_[0].probes[0].file, "/a/x");
  EXPECT_EQ(rows_[0].probes[1].error, EACCES);
}

TEST_F(ProbesTest, ASearchInVainIsOneRowOnceItIsQuiet) {
  take(1, "/a/x", ENOENT);
  take(1, "/b/x", ENOENT);
  probes_.settle();
  EXPECT_TRUE(rows_.empty());
  probes_.settle();
  ASSERT_EQ(rows_.size(), 1U);
  EXPECT_EQ(rows_[0].file, "/b/x");
  EXPECT_EQ(rows_[0].time_ns, 1U);
  EXPECT_EQ(rows_[0].probes.size(), 1U);
}

TEST_F(ProbesTest, AnotherTryMakesItWaitAnew) {
  take(1, "/a/x", ENOENT);
  probes_.settle();
  take(1, "/b/x", ENOENT);
  probes_.settle();
  EXPECT_TRUE(rows_.empty());
}

TEST_F(ProbesTest, OtherNamesArgumentsAndThreadsAreOtherSearches) {
  take(1, "/a/x", ENOENT);
  take(2, "/a/x", ENOENT);
  take(1, "/a/y", ENOENT);
  ASSERT_EQ(rows_.size(), 1U);
  take(1, "/b/y", ENOENT, {"other"});
  EXPECT_EQ(rows_.size(), 2U);
  probes_.settle();
  probes_.settle();
  ASSERT_EQ(rows_.size(), 4U);
  EXPECT_LT(rows_[2].time_ns, rows_[3].time_ns) << "in their order";
}

TEST_F(ProbesTest, ADirectoryMayBeInThePathTwice) {
  for (const auto* file : {"/a/x", "/a/x", "/b/x"}) take(1, file, ENOENT);
  take(1, "/c/x", 0);
  ASSERT_EQ(rows_.size(), 1U);
  EXPECT_EQ(rows_[0].probes.size(), 3U);
}

TEST_F(ProbesTest, TheSameFileAgainIsNoSearch) {
  for (int i = 0; i < 7; ++i) take(1, "/a/x", ENOENT, {"/a/x"});
  EXPECT_EQ(rows_.size(), 6U);
  take(1, "/b/x", ENOENT, {"/a/x"});
  take(1, "/a/x", ENOENT, {"/a/x"});
  ASSERT_EQ(rows_.size(), 7U);
  EXPECT_EQ(rows_[6].file, "/b/x");
  EXPECT_EQ(rows_[6].probes.size(), 1U);
  EXPECT_EQ(probes_.held(), 1U);
}

TEST_F(ProbesTest, ASearchHasAnEnd) {
  for (std::size_t i = 0; i <= Probes::most_probes; ++i) {
    take(1, std::to_string(i) + "/x", ENOENT);
  }
  EXPECT_TRUE(rows_.empty());
  EXPECT_EQ(probes_.held(), Probes::most_probes + 1);
  take(1, "one more/x", ENOENT);
  ASSERT_EQ(rows_.size(), 1U);
  time_ += Probes::most_ns;
  take(1, "late/x", ENOENT);
  EXPECT_EQ(rows_.size(), 2U);
  EXPECT_EQ(probes_.held(), 1U);
}

TEST_F(ProbesTest, AnErrorThatEndsASearchIsARowAtOnce) {
  take(1, "/a/x", ENOENT);
  take(1, "/b/x", ENOEXEC);
  ASSERT_EQ(rows_.size(), 1U);
  EXPECT_EQ(rows_[0].error, ENOEXEC);
  EXPECT_EQ(rows_[0].probes.size(), 1U);
}

}  // namespace
}  // namespace sightline::execsnoop
