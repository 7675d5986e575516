// SPDX-License-Identifier: Apache-2.0
#include "container/cgroup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "base/mount.h"
#include "base/units.h"

namespace sightline::container {
namespace {

namespace fs = std::filesystem;

// The kernel's word for the id: the inode number of a cgroup directory
// (64-bit kernels from 5.5 on).
std::uint64_t inode(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

// A cgroup of our own with one below it, in the real hierarchy.
class RealCgroup : public testing::Test {
 protected:
  void SetUp() override {
    auto mount = cgroup2_mount();
    if (!mount) GTEST_SKIP() << mount.error().what;
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    mount_ = *mount;
    name_ = fmt::format("sightline-test-{}", getpid());
    ASSERT_EQ(mkdir(full().c_str(), 0755), 0) << full();
    ASSERT_EQ(mkdir((full() + "/in ner").c_str(), 0755), 0);
  }
  void TearDown() override {
    if (name_.empty()) return;
    rmdir((full() + "/in ner").c_str());
    rmdir(full().c_str());
  }

  [[nodiscard]] std::string full() const { return mount_ + "/" + name_; }

  std::string mount_;
  std::string name_;
};

TEST_F(RealCgroup, IsFoundUnderEachOfItsSpellings) {
  auto id = inode(full() + "/in ner");
  auto path = "/" + name_ + "/in ner";
  for (const auto& spelling :
       {full() + "/in ner", path, name_ + "/in ner", full() + "//./in ner/",
        "./" + name_ + "/in ner"}) {
    auto cgroup = open_cgroup(spelling);
    ASSERT_TRUE(cgroup) << cgroup.error().what;
    EXPECT_EQ(cgroup->path, path);
    EXPECT_EQ(cgroup->id, id);
    EXPECT_EQ(fcntl(cgroup->fd.get(), F_GETFD), FD_CLOEXEC);
  }
  for (const auto& spelling : {std::string("/"), mount_, mount_ + "/"}) {
    auto cgroup = open_cgroup(spelling);
    ASSERT_TRUE(cgroup) << cgroup.error().what;
    EXPECT_EQ(cgroup->path, "/");
    EXPECT_EQ(cgroup->id, inode(mount_));
  }
}

TEST_F(RealCgroup, IsNotAFileInOne) {
  auto cgroup = open_cgroup(name_ + "/cgroup.procs");
  ASSERT_FALSE(cgroup);
  EXPECT_EQ(cgroup.error().what,
            "no such cgroup: '" + name_ + "/cgroup.procs'");
}

TEST_F(RealCgroup, ThatIsMissingIsARuntimeError) {
  for (std::string spelling : {"no-such", "/no-such", "/tmp", "/etc/passwd"}) {
    auto cgroup = open_cgroup(spelling);
    ASSERT_FALSE(cgroup);
    EXPECT_EQ(cgroup.error().kind, ErrorKind::runtime);
    EXPECT_EQ(cgroup.error().what, "no such cgroup: '" + spelling + "'");
    EXPECT_NE(cgroup.error().hint.find(mount_), std::string::npos);
  }
}

TEST_F(RealCgroup, OfVersionOneIsToldApart) {
  auto text = read_file("/proc/self/mountinfo", 16U << 20).value();
  auto version1 = find_mount(text, "cgroup");
  if (!version1) GTEST_SKIP() << "no cgroup 1 here";
  auto cgroup = open_cgroup(*version1);
  ASSERT_FALSE(cgroup);
  EXPECT_EQ(cgroup.error().kind, ErrorKind::runtime);
  EXPECT_EQ(cgroup.error().what,
            "'" + *version1 +
                "' is a cgroup of version 1, a cgroup of version 2 is needed");
}

TEST_F(RealCgroup, IsNamedById) {
  CgroupNames names(mount_);
  EXPECT_EQ(names.find(inode(mount_)), "/");
  EXPECT_EQ(names.find(inode(full())), "/" + name_);
  EXPECT_EQ(names.find(inode(full() + "/in ner")), "/" + name_ + "/in ner");
}

TEST(OpenCgroup, RefusesToLeaveTheMount) {
  for (std::string path : {"..", "a/../b", "/..", "/sys/fs/cgroup/../x", ""}) {
    auto cgroup = open_cgroup(path, "/nonexistent");
    ASSERT_FALSE(cgroup);
    EXPECT_EQ(cgroup.error().kind, ErrorKind::usage) << path;
    EXPECT_EQ(
        cgroup.error().what,
        "expected the path of a cgroup, without '..', got '" + path + "'");
  }
  EXPECT_EQ(
      open_cgroup(std::string_view("a\0b", 3), "/nonexistent").error().kind,
      ErrorKind::usage);
}

TEST(OpenCgroup, WantsTheFileSystemOfCgroup2) {
  auto cgroup = open_cgroup("usr", "");
  ASSERT_FALSE(cgroup);
  EXPECT_EQ(cgroup.error().what, "no such cgroup: 'usr'");
}

// Any tree of directories does: outside cgroup 2 the id is the inode number.
class Names : public testing::Test {
 protected:
  void SetUp() override {
    auto pattern = (fs::temp_directory_path() / "sightline.XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    fs::create_directories(root_ + "/a/b");
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string root_;
};

TEST_F(Names, AreReadAgainAtMostOnceASecond) {
  CgroupNames names(root_);
  EXPECT_EQ(names.find(inode(root_ + "/a/b"), 5), "/a/b");
  fs::create_directory(root_ + "/new");
  auto id = inode(root_ + "/new");
  EXPECT_EQ(names.find(id, 5 + ns_per_second - 1), std::nullopt);
  EXPECT_EQ(names.find(inode(root_ + "/a"), 6), "/a");
  EXPECT_EQ(names.find(id, 5 + ns_per_second), "/new");
}

TEST_F(Names, OutliveTheirCgroup) {
  CgroupNames names(root_);
  auto id = inode(root_ + "/a/b");
  ASSERT_EQ(names.find(id, 0), "/a/b");
  fs::remove(root_ + "/a/b");
  EXPECT_EQ(names.find(1, 2 * ns_per_second), std::nullopt);
  EXPECT_EQ(names.find(id, 2 * ns_per_second), "/a/b");
}

TEST_F(Names, AreBoundedAndTheDeepestGoFirst) {
  CgroupNames names(root_, 2);
  EXPECT_EQ(names.find(inode(root_ + "/a"), 0), "/a");
  EXPECT_EQ(names.find(inode(root_), 0), "/");
  EXPECT_EQ(names.find(inode(root_ + "/a/b"), ns_per_second), std::nullopt);
}

TEST_F(Names, AreNoneWithoutAHierarchy) {
  CgroupNames names("/nonexistent");
  EXPECT_EQ(names.find(1, 0), std::nullopt);
}

TEST_F(Names, FollowNoLinks) {
  fs::create_directory_symlink(root_, root_ + "/a/loop");
  CgroupNames names(root_);
  EXPECT_EQ(names.find(inode(root_), 0), "/");
}

}  // namespace
}  // namespace sightline::container
