// SPDX-License-Identifier: Apache-2.0
#include "process/roots.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/confined.h"
#include "base/file.h"
#include "process/objects.h"
#include "process/proc.h"

namespace sightline::process {
namespace {

namespace fs = std::filesystem;
using symbol::Reason;

// A process that sees a folder of ours as its root, until it is ended.
class Confined {
 public:
  explicit Confined(const fs::path& root) {
    std::array<int, 2> ready{};
    if (::pipe(ready.data()) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      bool done = ::chroot(root.c_str()) == 0 && ::chdir("/") == 0;
      [[maybe_unused]] auto told = ::write(ready[1], "x", done ? 1 : 0);
      ::close(ready[1]);
      for (;;) ::pause();
    }
    ::close(ready[1]);
    char byte = 0;
    confined_ = ::read(ready[0], &byte, 1) == 1;
    ::close(ready[0]);
  }
  Confined(const Confined&) = delete;
  Confined& operator=(const Confined&) = delete;
  ~Confined() { end(); }

  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  [[nodiscard]] bool is_confined() const { return confined_; }
  [[nodiscard]] std::uint32_t pid() const {
    return static_cast<std::uint32_t>(pid_);
  }

 private:
  pid_t pid_ = -1;
  bool confined_ = false;
};

class RootsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "chroot needs root";
    std::string pattern = fs::temp_directory_path() / "sightline-XXXXXX";
    place_ = ::mkdtemp(pattern.data());
    for (const char* name : {"one", "two"}) {
      fs::create_directories(place_ / name / "lib");
      std::ofstream(place_ / name / "lib/code") << name;
    }
  }
  void TearDown() override {
    if (!place_.empty()) fs::remove_all(place_);
  }
  static std::string text_in(const Root& root, const std::string& path) {
    auto fd = open_regular(descriptor(root), path);
    return fd ? read_fd(fd->get(), 100).value_or("") : "none";
  }

  fs::path place_;
  Roots roots_;
};

TEST_F(RootsTest, OurOwnIsNoneOfThem) {
  auto root = roots_.of(static_cast<std::uint32_t>(::getpid()));
  ASSERT_TRUE(root);
  EXPECT_EQ(*root, nullptr);
  EXPECT_EQ(descriptor(nullptr), -1);
}

TEST_F(RootsTest, AProcessThatIsGoneHasNone) {
  EXPECT_FALSE(roots_.of(5'000'000));
}

TEST_F(RootsTest, ProcessesInOneRootShareIt) {
  Confined first(place_ / "one");
  Confined second(place_ / "one");
  Confined other(place_ / "two");
  ASSERT_TRUE(first.is_confined() && second.is_confined());
  auto root = roots_.of(first.pid()).value();
  ASSERT_NE(root, nullptr);
  EXPECT_EQ(roots_.of(second.pid()), root);
  EXPECT_NE(roots_.of(other.pid()), root);
  EXPECT_EQ(text_in(root, "/lib/code"), "one");
  EXPECT_EQ(text_in(roots_.of(other.pid()).value(), "/lib/code"), "two");
}

TEST_F(RootsTest, ARootOutlivesItsProcess) {
  Confined process(place_ / "one");
  auto root = roots_.of(process.pid()).value();
  process.end();
  EXPECT_EQ(text_in(root, "/lib/code"), "one");
}

TEST_F(RootsTest, OneThatNobodyHoldsIsForgotten) {
  Confined process(place_ / "one");
  std::weak_ptr<const UniqueFd> root = roots_.of(process.pid()).value();
  EXPECT_TRUE(root.expired());
  EXPECT_NE(roots_.of(process.pid()).value(), nullptr) << "and found again";
}

TEST_F(RootsTest, AFileIsReadInTheRootThatItWasMappedIn) {
  Confined process(place_ / "two");
  struct stat info{};
  ASSERT_EQ(::stat((place_ / "two/lib/code").c_str(), &info), 0);
  Objects objects;
  auto id = objects.intern(
      {major(info.st_dev), minor(info.st_dev), info.st_ino, "/lib/code"});
  EXPECT_EQ(objects.open(id).reason, Reason::file_gone) << "in our own";
  auto root = roots_.of(process.pid()).value();
  process.end();
  Objects later;
  id = later.intern(objects.file(id));
  later.capture(id, 5'000'000, 0x1000, 0x2000, root);
  auto opened = later.open(id);
  ASSERT_GE(opened.fd, 0);
  EXPECT_EQ(read_fd(opened.fd, 100).value_or(""), "two");
  EXPECT_EQ(opened.root, descriptor(root));
}

TEST_F(RootsTest, AnotherFileUnderThatPathIsNotBelieved) {
  Confined process(place_ / "two");
  struct stat info{};
  ASSERT_EQ(::stat((place_ / "one/lib/code").c_str(), &info), 0);
  Objects objects;
  auto id = objects.intern(
      {major(info.st_dev), minor(info.st_dev), info.st_ino, "/lib/code"});
  objects.capture(id, 5'000'000, 0x1000, 0x2000,
                  roots_.of(process.pid()).value());
  EXPECT_EQ(objects.open(id).reason, Reason::file_gone);
}

}  // namespace
}  // namespace sightline::process
