// SPDX-License-Identifier: Apache-2.0
#include "symbol/jit_code.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/confined.h"
#include "symbol/elf_image.h"
#include "symbol/jitdump_image.h"

namespace sightline::symbol {
namespace {

namespace fs = std::filesystem;
using testing::JitdumpImage;
using testing::memory_file;

constexpr std::uint64_t now = ~0ULL;
constexpr uid_t somebody = 12345;
constexpr uid_t nobody = 65534;

TEST(JitdumpPath, IsKnownByItsFileName) {
  EXPECT_TRUE(is_jitdump_path("/tmp/jit-1.dump"));
  EXPECT_TRUE(is_jitdump_path("/root/.debug/jit/java-jit-x/jit-4711.dump"));
  for (const char* other :
       {"", "/", "jit-1.dump", "/jit-.dump", "/jit-1.dump/x", "/jit-1.dumps",
        "/xjit-1.dump", "/jit-1x.dump", "/jit--1.dump", "/jit-1.dump (deleted)",
        "/jit-dump", "/jit-.dum", "/tmp/perf-1.map"}) {
    EXPECT_FALSE(is_jitdump_path(other)) << other;
  }
}

// root/ is a container's; its process 42 belongs to `owner`.
class JitCodeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "sightline-XXXXXX";
    place_ = ::mkdtemp(pattern.data());
    fs::create_directories(place_ / "root/tmp");
    auto root = open_root(place_ / "root");
    ASSERT_TRUE(root);
    root_ = *std::move(root);
  }
  void TearDown() override { fs::remove_all(place_); }

  [[nodiscard]] JitPlace jit_place() const {
    return {.root_fd = root_.get(),
            .namespace_pid = JitdumpImage::pid,
            .owner = ::geteuid()};
  }
  void write(const std::string& text) const {
    std::ofstream(map_path()) << text;
  }
  [[nodiscard]] fs::path map_path() const {
    return place_ / "root/tmp/perf-42.map";
  }
  // Opened, read and asked.
  static std::string name(JitCode& code, std::uint64_t address,
                          std::uint64_t time = now) {
    code.refresh();
    const auto found = code.find(address, time, time);
    return std::string(found ? found->name : text(found.error()));
  }
  [[nodiscard]] Reason reason() const {
    JitCode code = JitCode::open(jit_place());
    code.refresh();
    EXPECT_FALSE(code.find(0x1000, now, now));
    return code.reason();
  }

  fs::path place_;
  UniqueFd root_;
};

TEST_F(JitCodeTest, ReadsThePerfMapInTheRoot) {
  write("1000 10 a\n");
  JitCode code = JitCode::open(jit_place());
  EXPECT_EQ(name(code, 0x1000), "a");
  EXPECT_EQ(name(code, 0x2000), "no covering symbol");
  EXPECT_GT(code.memory(), 0U);
}

TEST_F(JitCodeTest, AMapThatAppearsLaterIsFound) {
  JitCode code = JitCode::open(jit_place());
  EXPECT_EQ(name(code, 0x1000), "generated code without a perf map");
  root_.reset();
  write("1000 10 a\n");
  EXPECT_EQ(name(code, 0x1000), "a");
}

TEST_F(JitCodeTest, ADeletedMapCanStillBeRead) {
  write("1000 10 a\n");
  JitCode code = JitCode::open(jit_place());
  fs::remove_all(place_);
  EXPECT_EQ(name(code, 0x1000), "a");
}

TEST_F(JitCodeTest, AMapOfAnEarlierProcessIsNotThisOnes) {
  write("1000 10 old\n");
  struct stat status{};
  ASSERT_EQ(::stat(map_path().c_str(), &status), 0);
  JitPlace place = jit_place();
  place.started_s = status.st_mtim.tv_sec + 100;
  JitCode code = JitCode::open(place);
  EXPECT_EQ(name(code, 0x1000), "generated code without a perf map");
  write("1000 10 new\n");
  const timespec times[2] = {{}, {.tv_sec = place.started_s, .tv_nsec = 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, map_path().c_str(), times, 0), 0);
  EXPECT_EQ(name(code, 0x1000), "new");
}

TEST_F(JitCodeTest, WhatIsNoRegularFileIsRefusedAndDoesNotBlock) {
  ASSERT_EQ(::mkfifo(map_path().c_str(), 0666), 0);
  EXPECT_EQ(reason(), Reason::jit_map_refused);
  fs::remove(map_path());
  fs::create_directory(map_path());
  EXPECT_EQ(reason(), Reason::jit_map_refused);
  fs::remove(map_path());
  if (::mknod(map_path().c_str(), S_IFCHR | 0666, makedev(1, 5)) != 0) {
    GTEST_SKIP() << "no device can be made here: /dev/zero is left out";
  }
  EXPECT_EQ(reason(), Reason::jit_map_refused);
}

TEST_F(JitCodeTest, NoLinkIsFollowedOutOfTheRootOrInsideIt) {
  std::ofstream(place_ / "secret") << "1000 10 secret\n";
  std::ofstream(place_ / "root/tmp/other") << "1000 10 other\n";
  for (const fs::path& target :
       {place_ / "secret", fs::path("../../secret"), fs::path("other"),
        fs::path("/proc/self/fd/0"), map_path().filename()}) {
    fs::create_symlink(target, map_path());
    EXPECT_EQ(reason(), Reason::jit_map_refused) << target;
    fs::remove(map_path());
  }
}

TEST_F(JitCodeTest, AHugeMapIsRefused) {
  write("1000 10 a\n");
  fs::resize_file(map_path(), 1ULL << 30);
  EXPECT_EQ(reason(), Reason::jit_map_refused);
}

TEST_F(JitCodeTest, OnlyTheProcesssUserAndRootAreBelieved) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  write("1000 10 a\n");
  JitPlace place = jit_place();
  place.owner = somebody;
  JitCode roots = JitCode::open(place);
  EXPECT_EQ(name(roots, 0x1000), "a");
  ASSERT_EQ(::chown(map_path().c_str(), somebody, somebody), 0);
  JitCode own = JitCode::open(place);
  EXPECT_EQ(name(own, 0x1000), "a");
  ASSERT_EQ(::chown(map_path().c_str(), nobody, nobody), 0);
  JitCode foreign = JitCode::open(place);
  EXPECT_EQ(name(foreign, 0x1000), "perf map not trusted");
  UniqueFd dump = memory_file(JitdumpImage().bytes_);
  ASSERT_EQ(::fchown(dump.get(), nobody, nobody), 0);
  EXPECT_EQ(foreign.add_jitdump(std::move(dump)), Reason::jitdump_refused);
}

TEST_F(JitCodeTest, AJitdumpIsAskedFirst) {
  write("1000 100 by the map\n");
  JitCode code = JitCode::open(jit_place());
  ASSERT_EQ(code.add_jitdump(memory_file(
                JitdumpImage().load(50, 0x1000, 16, 1, "by the dump").bytes_)),
            Reason::none);
  EXPECT_EQ(name(code, 0x1000, 50), "by the dump");
  EXPECT_EQ(name(code, 0x1000, 49), "by the map");
  EXPECT_EQ(name(code, 0x1010, 50), "by the map");
}

TEST_F(JitCodeTest, WhatChangedInTheTimeAskedForHasNoName) {
  write("1000 100 by the map\n");
  JitCode code = JitCode::open(jit_place());
  EXPECT_FALSE(code.knows_times());
  JitdumpImage image;
  image.load(50, 0x1000, 16, 1, "a").load(60, 0x1000, 16, 2, "b");
  ASSERT_EQ(code.add_jitdump(memory_file(image.bytes_)), Reason::none);
  EXPECT_TRUE(code.knows_times());
  code.refresh();
  EXPECT_EQ(code.find(0x1000, 50, 60).error(), Reason::mapping_changed);
  EXPECT_EQ(code.find(0x1000, 50, 59)->name, "a");
  EXPECT_EQ(code.find(0x1000, 40, 49)->name, "by the map");
}

TEST_F(JitCodeTest, TheBytesToReadAreThoseOfAllFiles) {
  std::string lines;
  for (int i = 0; i < 100'000; ++i) lines += "1000 10 function\n";
  write(lines);
  JitCode code = JitCode::open(jit_place());
  JitdumpImage image;
  image.load(1, 0x2000, 16, 1, "in the dump");
  ASSERT_EQ(code.add_jitdump(memory_file(image.bytes_)), Reason::none);
  const auto read = code.refresh(1000);
  EXPECT_GE(read, 1000U);
  EXPECT_LT(read, 400'000U) << "a chunk or so";
  EXPECT_FALSE(code.find(0x2000, 1, 1)) << "nothing was left for the dump";
  EXPECT_GT(code.refresh(), 1'000'000U);
  EXPECT_EQ(code.find(0x2000, 1, 1)->name, "in the dump");
  EXPECT_EQ(code.refresh(), 0U);
}

TEST_F(JitCodeTest, TheSameJitdumpIsTakenOnceAndNotTooMany) {
  JitCode code = JitCode::open(jit_place());
  const UniqueFd file =
      memory_file(JitdumpImage().load(1, 0x1000, 16, 1, "a").bytes_);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(code.add_jitdump(UniqueFd(::dup(file.get()))), Reason::none);
  }
  for (int i = 0; i < 1; ++i) {
    EXPECT_EQ(code.add_jitdump(memory_file(JitdumpImage().bytes_)),
              Reason::none);
  }
  EXPECT_EQ(code.add_jitdump(memory_file(JitdumpImage().bytes_)),
            Reason::jitdump_refused);
  EXPECT_EQ(name(code, 0x1000), "a");
}

TEST_F(JitCodeTest, WhatIsWrongWithAJitdumpIsTheReason) {
  JitCode code = JitCode::open(jit_place());
  EXPECT_EQ(code.add_jitdump(UniqueFd(::open("/", O_RDONLY | O_CLOEXEC))),
            Reason::jitdump_refused);
  EXPECT_EQ(name(code, 0x1000), "jitdump not trusted");
  EXPECT_EQ(code.add_jitdump(memory_file(JitdumpImage(1).bytes_)),
            Reason::none);
  EXPECT_EQ(name(code, 0x1000), "jitdump with another clock");
  EXPECT_EQ(code.add_jitdump(memory_file(JitdumpImage().bytes_)), Reason::none);
  EXPECT_EQ(name(code, 0x1000), "no covering symbol");
}

}  // namespace
}  // namespace sightline::symbol
