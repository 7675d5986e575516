// SPDX-License-Identifier: Apache-2.0
#include "base/confined.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>

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

// The same, where everybody may write.
TEST_F(ConfinedTest, InADirectoryNoLinkIsFollowed) {
  const auto why_not = [this](const std::string& in, const std::string& name) {
    auto fd = open_in_directory(root_.get(), in, name);
    return fd ? 0 : fd.error().err;
  };
  EXPECT_EQ(why_not("/tmp", "file"), 0);
  EXPECT_EQ(why_not("/tmp", "absent"), ENOENT);
  EXPECT_EQ(why_not("/absent", "file"), ENOENT);
  fs::create_symlink("file", place_ / "root/tmp/link");
  EXPECT_EQ(why_not("/tmp", "link"), ELOOP) << "not even inside";
  fs::create_directory_symlink("tmp", place_ / "root/var");
  EXPECT_EQ(why_not("/var", "file"), ELOOP);
  EXPECT_EQ(why_not("/tmp", "../../secret"), EXDEV);
  ASSERT_EQ(::mkfifo((place_ / "root/tmp/fifo").c_str(), 0600), 0);
  EXPECT_EQ(why_not("/tmp", "fifo"), EINVAL);
}

// A user's process that serves one file, which is mounted over /tmp/file.
class ServedFileTest : public ConfinedTest {
 protected:
  void SetUp() override {
    ConfinedTest::SetUp();
    device_.reset(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
    target_ = place_ / "root/tmp/file";
    const auto options = "fd=" + std::to_string(device_.get()) +
                         ",rootmode=100000,user_id=0,group_id=0,allow_other";
    mounted_ = device_ && ::mount("test", target_.c_str(), "fuse",
                                  MS_NOSUID | MS_NODEV, options.c_str()) == 0;
    if (!mounted_) GTEST_SKIP() << "FUSE cannot be mounted here";
  }
  void TearDown() override {
    if (mounted_) ::umount2(target_.c_str(), MNT_DETACH);
    // Its reads end with the mount.
    if (server_.joinable()) server_.join();
    ConfinedTest::TearDown();
  }

  void serve() {
    std::array<char, FUSE_MIN_READ_BUFFER * 16> buffer{};
    while (::read(device_.get(), buffer.data(), buffer.size()) > 0) {
      fuse_in_header request{};
      std::memcpy(&request, buffer.data(), sizeof request);
      asked_.insert(request.opcode);
      answer(request);
    }
  }
  void answer(const fuse_in_header& request) {
    fuse_init_out init{};
    init.major = FUSE_KERNEL_VERSION;
    init.minor = 31;
    fuse_attr_out attributes{};
    attributes.attr.ino = FUSE_ROOT_ID;
    attributes.attr.mode = S_IFREG | 0644;
    attributes.attr.nlink = 1;
    switch (request.opcode) {
      case FUSE_INIT:
        return reply(request, 0, init);
      case FUSE_GETATTR:
        return reply(request, 0, attributes);
      case FUSE_STATFS:
        return reply(request, 0, fuse_statfs_out{});
      default:
        return reply(request, -EIO, init);
    }
  }
  template <typename Body>
  void reply(const fuse_in_header& request, int error, const Body& body) {
    const std::size_t size = error == 0 ? sizeof body : 0;
    const fuse_out_header header = {
        .len = static_cast<std::uint32_t>(sizeof header + size),
        .error = error,
        .unique = request.unique};
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
    bytes.append(reinterpret_cast<const char*>(&body), size);
    EXPECT_EQ(::write(device_.get(), bytes.data(), bytes.size()),
              static_cast<ssize_t>(bytes.size()));
  }

  UniqueFd device_;
  std::string target_;
  bool mounted_ = false;
  std::thread server_;
  std::set<std::uint32_t> asked_;
};

TEST_F(ServedFileTest, IsNotOpened) {
  server_ = std::thread([this] { serve(); });
  EXPECT_EQ(read("/tmp/file"), std::to_string(EREMOTE));
  ASSERT_EQ(::umount2(target_.c_str(), MNT_DETACH), 0);
  server_.join();
  mounted_ = false;
  // Whoever asks how large it is, or what it lies on, may wait for ever too.
  EXPECT_FALSE(asked_.contains(FUSE_GETATTR));
  EXPECT_FALSE(asked_.contains(FUSE_STATFS));
  EXPECT_FALSE(asked_.contains(FUSE_OPEN));
  EXPECT_FALSE(asked_.contains(FUSE_READ));
}

// Nobody answers: whoever asked would wait for ever.
TEST_F(ServedFileTest, InADirectoryItIsNotEvenAskedFor) {
  auto fd = open_in_directory(root_.get(), "/tmp", "file");
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error().err, EXDEV);
}

TEST_F(ServedFileTest, NorIsOneThatALinkLeadsTo) {
  link("/tmp/../tmp/./file");
  EXPECT_EQ(read("/link"), std::to_string(EREMOTE));
}

// Where a path crosses mounts it is followed a name at a time.
class MountedTest : public ConfinedTest {
 protected:
  void SetUp() override {
    ConfinedTest::SetUp();
    target_ = place_ / "root/tmp";
    mounted_ = ::mount("none", target_.c_str(), "tmpfs", 0, "") == 0;
    if (!mounted_) GTEST_SKIP() << "nothing can be mounted here";
    fs::create_directories(target_ + "/in/deep");
    std::ofstream(target_ + "/in/file") << "mounted";
    std::ofstream(place_ / "root/file") << "inside";
  }
  void TearDown() override {
    if (mounted_) ::umount2(target_.c_str(), MNT_DETACH);
    ConfinedTest::TearDown();
  }

  std::string target_;
  bool mounted_ = false;
};

TEST_F(MountedTest, PathsCrossMounts) {
  EXPECT_EQ(read("/tmp/in/file"), "mounted");
  EXPECT_EQ(read("/tmp//in/./deep/../file"), "mounted");
  EXPECT_EQ(read("/tmp/in/../../file"), "inside");
  EXPECT_EQ(read("/tmp/in/absent"), absent);
}

TEST_F(MountedTest, AndEndAtTheRoot) {
  EXPECT_EQ(read("/tmp/../../../../../tmp/in/file"), "mounted");
  EXPECT_EQ(read("/tmp/../../secret"), absent);
}

TEST_F(MountedTest, LinksAreFollowedInsideTheRoot) {
  link("/tmp/in/file");
  EXPECT_EQ(read("/link"), "mounted");
  fs::create_symlink("../../../../tmp/in/file", target_ + "/in/deep/link");
  EXPECT_EQ(read("/tmp/in/deep/link"), "mounted");
  fs::create_symlink("../../../secret", target_ + "/in/out");
  EXPECT_EQ(read("/tmp/in/out"), absent);
  fs::create_symlink("circle", target_ + "/circle");
  EXPECT_EQ(read("/tmp/circle"), std::to_string(ELOOP));
}

TEST_F(MountedTest, InADirectoryNoLinkIsFollowedEither) {
  fs::create_symlink("in", target_ + "/link");
  EXPECT_TRUE(open_in_directory(root_.get(), "/tmp/in", "file"));
  auto fd = open_in_directory(root_.get(), "/tmp/link", "file");
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error().err, ELOOP);
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
