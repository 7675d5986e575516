// SPDX-License-Identifier: Apache-2.0
#include "base/confined.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/file.h"

namespace sightline {
namespace {

namespace fs = std::filesystem;

// root/ with what a container might hold, and a secret beside it.
class ConfinedTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "sightline-XXXXXX";
    place_ = ::mkdtemp(pattern.data());
    fs::create_directories(place_ / "root/tmp");
    std::ofstream(place_ / "root/tmp/file") << "inside";
    std::ofstream(place_ / "secret") << "outside";
    auto root = open_root(place_ / "root");
    ASSERT_TRUE(root);
    root_ = *std::move(root);
  }
  void TearDown() override { fs::remove_all(place_); }

  void link(const std::string& target) {
    fs::create_symlink(target, place_ / "root/link");
  }
  // The text of the file, or errno.
  std::string read(const std::string& path) {
    auto fd = open_regular(root_.get(), path);
    if (!fd) return std::to_string(fd.error().err);
    return read_fd(fd->get(), 100).value_or("cannot read");
  }

  fs::path place_;
  UniqueFd root_;
};

const std::string absent = std::to_string(ENOENT);

TEST_F(ConfinedTest, OpensAFileInTheRoot) {
  EXPECT_EQ(read("/tmp/file"), "inside");
  EXPECT_EQ(read("tmp/file"), "inside");
}

TEST_F(ConfinedTest, PathsEndAtTheRoot) {
  EXPECT_EQ(read("/../../../tmp/file"), "inside");
  EXPECT_EQ(read("../secret"), absent);
}

TEST_F(ConfinedTest, LinksAreFollowedInsideTheRoot) {
  link("/tmp/file");
  EXPECT_EQ(read("/link"), "inside");
}

TEST_F(ConfinedTest, LinksDoNotLeadOut) {
  link("../secret");
  EXPECT_EQ(read("/link"), absent);
}

TEST_F(ConfinedTest, LinksInACircleEnd) {
  link("link");
  EXPECT_EQ(read("/link"), std::to_string(ELOOP));
}

TEST_F(ConfinedTest, NoWayOutThroughProc) {
  auto fd = open_regular(-1, "/proc/self/exe");
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error().err, ELOOP);
}

TEST_F(ConfinedTest, OnlyRegularFilesAreOpened) {
  ASSERT_EQ(::mkfifo((place_ / "root/fifo").c_str(), 0600), 0);
  EXPECT_EQ(read("/fifo"), std::to_string(EINVAL)) << "and does not block";
  EXPECT_EQ(read("/tmp"), std::to_string(EINVAL));
  EXPECT_EQ(open_regular(-1, "/dev/null").error().err, EINVAL);
  EXPECT_EQ(open_regular(-1, "/proc/version").error().err, EINVAL);
  EXPECT_EQ(open_regular(-1, "/sys/kernel/notes").error().err, EINVAL);
}

TEST_F(ConfinedTest, TheRootStaysUsableWithoutItsName) {
  fs::rename(place_ / "root", place_ / "moved");
  EXPECT_EQ(read("/tmp/file"), "inside");
}

TEST_F(ConfinedTest, WithoutARootOursIsMeant) {
  EXPECT_TRUE(open_regular(-1, "/etc/passwd"));
}

}  // namespace
}  // namespace sightline
