// SPDX-License-Identifier: Apache-2.0
#include "base/served.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "base/handle.h"

namespace sightline {
namespace {

constexpr std::string_view mounts =
    "28 23 0:25 / /tmp rw,nosuid shared:9 - tmpfs tmpfs rw\n"
    "nonsense\n"
    "35 28 0:31 / /home/x/m rw shared:1 master:2 - fuse.sshfs h: rw\n"
    "42 28 0:38 / / rw,relatime - overlay overlay rw,lowerdir=/a\n";

FileFacts file_on(unsigned device, std::uint64_t mount) {
  return {.device = makedev(0, device), .mount = mount};
}

TEST(Served, TheTypeIsTheMountsOrTheDevices) {
  EXPECT_EQ(find_type(mounts, file_on(31, 0)), "fuse.sshfs");
  EXPECT_EQ(find_type(mounts, file_on(25, 900)), "tmpfs");
  // What overlayfs tells of a file is another device than the mount's.
  EXPECT_EQ(find_type(mounts, file_on(99, 42)), "overlay");
  EXPECT_EQ(find_type(mounts, file_on(99, 0)), std::nullopt);
  EXPECT_EQ(find_type(mounts, file_on(3, 3)), std::nullopt);
  EXPECT_EQ(find_type("42 28 0:38 / / rw -\n", file_on(38, 42)), std::nullopt);
}

TEST(Served, Types) {
  for (auto type :
       {"fuse", "fuse.sshfs", "fuseblk", "nfs4", "9p", "virtiofs"}) {
    EXPECT_TRUE(is_served_type(type)) << type;
  }
  for (auto type :
       {"", "ext4", "overlay", "tmpfs", "btrfs", "fusectl", "nfsd"}) {
    EXPECT_FALSE(is_served_type(type)) << type;
  }
}

TEST(Served, NeitherOurOwnFilesNorMemoryAre) {
  for (auto path : {"/", "/proc/self/exe", "/proc/version"}) {
    UniqueFd fd(::open(path, O_PATH | O_CLOEXEC));
    EXPECT_FALSE(may_be_served(fd.get(), 0)) << path;
  }
  UniqueFd memory(::memfd_create("test", MFD_CLOEXEC));
  EXPECT_FALSE(may_be_served(memory.get(), 5'000'000));
}

TEST(Served, WhatIsNotKnownMayBe) {
  EXPECT_TRUE(may_be_served(-1, 0));
  // A mount of the kernel's own that is in no list.
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  UniqueFd read(ends[0]);
  UniqueFd write(ends[1]);
  EXPECT_TRUE(may_be_served(read.get(), 0));
}

}  // namespace
}  // namespace sightline
