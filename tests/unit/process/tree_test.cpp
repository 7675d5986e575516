// SPDX-License-Identifier: Apache-2.0
#include "process/tree.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

namespace sightline::process {
namespace {

TEST(Descendants, AreChildrenAndTheirChildren) {
  const std::vector<Parentage> processes{
      {2, 1}, {3, 2}, {4, 3}, {5, 1}, {6, 5}};
  const std::vector<std::uint32_t> two{2};
  const std::vector<std::uint32_t> both{2, 5};
  EXPECT_EQ(descendants(two, processes), (std::vector<std::uint32_t>{3, 4}));
  EXPECT_EQ(descendants(both, processes),
            (std::vector<std::uint32_t>{3, 4, 6}));
  EXPECT_TRUE(descendants({}, processes).empty());
}

TEST(Descendants, ACircleEnds) {
  const std::vector<Parentage> processes{{2, 3}, {3, 2}, {1, 1}};
  const std::vector<std::uint32_t> root{2};
  EXPECT_EQ(descendants(root, processes), (std::vector<std::uint32_t>{3}));
}

TEST(ReadDescendants, FindsAChildOfOurs) {
  pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const std::vector<std::uint32_t> self{static_cast<std::uint32_t>(::getpid())};
  auto found = read_descendants(self);
  ASSERT_TRUE(found);
  EXPECT_TRUE(std::ranges::count(*found, static_cast<std::uint32_t>(child)));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace sightline::process
