// SPDX-License-Identifier: Apache-2.0
#include "base/mount.h"

#include <gtest/gtest.h>

namespace sightline {
namespace {

// From a host with both versions of cgroups; 28 and 35 have optional fields.
constexpr std::string_view hybrid =
    "28 23 0:25 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro\n"
    "35 28 0:31 / /sys/fs/cgroup/memory rw shared:1 master:2 - cgroup cgroup "
    "rw,memory\n"
    "42 28 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 none rw\n";

TEST(Mount, FindsATypeBehindAnyNumberOfOptionalFields) {
  EXPECT_EQ(find_mount(hybrid, "cgroup2"), "/sys/fs/cgroup/unified");
  EXPECT_EQ(find_mount(hybrid, "cgroup"), "/sys/fs/cgroup/memory");
  EXPECT_EQ(find_mount(hybrid, "tmpfs"), "/sys/fs/cgroup");
  EXPECT_EQ(find_mount(hybrid, "tracefs"), std::nullopt);
}

TEST(Mount, UndoesTheKernelsEscapes) {
  EXPECT_EQ(find_mount("1 2 0:3 / /a\\040b\\134\\012 rw - t s rw\n", "t"),
            "/a b\\\n");
  EXPECT_EQ(find_mount("1 2 0:3 / /a\\04 rw - t s rw\n", "t"), "/a\\04");
  EXPECT_EQ(find_mount("1 2 0:3 / /a\\477 rw - t s rw\n", "t"), "/a\\477");
}

TEST(Mount, PrefersAWholeFileSystemToAPartOfOne) {
  constexpr std::string_view both =
      "1 2 0:3 /part /first rw - t s rw\n"
      "1 2 0:3 / /second rw - t s rw\n";
  EXPECT_EQ(find_mount(both, "t"), "/second");
  EXPECT_EQ(find_mount("1 2 0:3 /part /only rw - t s rw\n", "t"), "/only");
}

TEST(Mount, PassesOverWhatMakesNoSense) {
  for (auto line : {"", "\n\n", "1 2", "1 2 0:3 / /a rw", "1 2 0:3 / /a rw -",
                    "1 2 0:3 / /a rw shared:1 t s rw", "- - - - - - t"}) {
    EXPECT_EQ(find_mount(line, "t"), std::nullopt) << line;
  }
}

}  // namespace
}  // namespace sightline
