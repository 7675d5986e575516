// SPDX-License-Identifier: Apache-2.0
#include "process/objects.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "process/proc.h"

namespace sightline::process {
namespace {

namespace fs = std::filesystem;
using symbol::Reason;

const std::uint32_t self = static_cast<std::uint32_t>(::getpid());

class ObjectFiles : public testing::Test {
 protected:
  void SetUp() override {
    auto pattern = (fs::temp_directory_path() / "sightline.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { fs::remove_all(dir_); }

  std::string write(const std::string& name, std::string_view text) {
    auto path = (dir_ / name).string();
    std::ofstream(path) << text;
    return path;
  }
  static MappedFile file_at(const std::string& path) {
    struct stat info{};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return {major(info.st_dev), minor(info.st_dev), info.st_ino, path};
  }
  static std::string content(int fd) {
    std::string text(64, '\0');
    auto got = ::pread(fd, text.data(), text.size(), 0);
    text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return text;
  }

  fs::path dir_;
  Objects objects_;
};

TEST(Objects, KnowsWhatIsNoFile) {
  Objects objects;
  EXPECT_EQ(objects.intern({0, 0, 0, "[vdso]"}), vdso_object);
  EXPECT_EQ(objects.intern({0, 0, 0, ""}), anonymous_object);
  EXPECT_EQ(objects.intern({0, 0, 0, "//anon"}), anonymous_object);
  EXPECT_EQ(objects.intern({0, 0, 0, "[stack]"}), anonymous_object);
  EXPECT_EQ(objects.name(no_object), "[unknown]");
  EXPECT_EQ(objects.name(kernel_object), "[kernel]");
  EXPECT_EQ(objects.name(vdso_object), "[vdso]");
  EXPECT_EQ(objects.name(anonymous_object), "[anon]");
  for (auto id : {no_object, kernel_object, vdso_object, anonymous_object}) {
    EXPECT_EQ(objects.open(id).fd, -1);
    EXPECT_NE(objects.open(id).reason, Reason::none);
  }
}

TEST(Objects, OneFileIsOneObjectAndAnotherDeviceOrPathAnother) {
  Objects objects;
  auto id = objects.intern({8, 1, 42, "/lib/a.so"});
  EXPECT_GE(id, first_file_object);
  EXPECT_EQ(objects.intern({8, 1, 42, "/lib/a.so"}), id);
  for (const auto& other :
       {MappedFile{8, 2, 42, "/lib/a.so"}, MappedFile{9, 1, 42, "/lib/a.so"},
        MappedFile{8, 1, 43, "/lib/a.so"}, MappedFile{8, 1, 42, "/lib/b.so"}}) {
    auto fresh = objects.intern(other);
    EXPECT_NE(fresh, id);
    EXPECT_EQ(objects.file(fresh), other);
  }
}

TEST(Objects, HaveThePathThatTheProcessSaw) {
  Objects objects;
  auto path = [&](const std::string& mapped) {
    return objects.path(objects.intern({8, 1, 42, mapped}));
  };
  EXPECT_EQ(path("/tmp/x"), "/tmp/x");
  EXPECT_EQ(path("/tmp/x (deleted)"), "/tmp/x");
  EXPECT_EQ(objects.path(kernel_object), "");
}

TEST(Objects, AreNamedByTheLastPartOfThePath) {
  Objects objects;
  auto name = [&](const char* path) {
    return std::string(objects.name(objects.intern({8, 1, 42, path})));
  };
  EXPECT_EQ(name("/usr/lib/libc.so.6"), "libc.so.6");
  EXPECT_EQ(name("/tmp/x (deleted)"), "x");
  EXPECT_EQ(name("/memfd:jit (deleted)"), "memfd:jit");
  EXPECT_EQ(name("/tmp/ (deleted)x"), " (deleted)x");
  EXPECT_EQ(name("//toolong"), "toolong");
}

TEST_F(ObjectFiles, AreReadThroughTheirPathWhileItIsTheSameFile) {
  auto path = write("a", "first");
  auto id = objects_.intern(file_at(path));
  auto opened = objects_.open(id);
  EXPECT_EQ(opened.reason, Reason::none);
  EXPECT_EQ(content(opened.fd), "first");
  EXPECT_EQ(objects_.open(id).fd, opened.fd) << "opened once";
  EXPECT_NE(::fcntl(opened.fd, F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(ObjectFiles, ReplacedOnDiskAreGone) {
  auto path = write("a", "first");
  auto id = objects_.intern(file_at(path));
  fs::rename(write("b", "second"), path);
  auto opened = objects_.open(id);
  EXPECT_EQ(opened.fd, -1);
  EXPECT_EQ(opened.reason, Reason::file_gone);
}

TEST_F(ObjectFiles, WithTwoNamesAreReadThroughEither) {
  auto path = write("a", "both");
  auto link = (dir_ / "b").string();
  fs::create_hard_link(path, link);
  auto first = objects_.intern(file_at(path));
  auto second = objects_.intern(file_at(link));
  EXPECT_NE(first, second);
  fs::remove(path);
  EXPECT_EQ(objects_.open(first).reason, Reason::file_gone);
  EXPECT_EQ(content(objects_.open(second).fd), "both");
}

TEST_F(ObjectFiles, OfADeviceOrPathThatLiesAreGone) {
  auto truth = file_at(write("a", "text"));
  auto other = truth;
  other.minor += 1;
  EXPECT_EQ(objects_.open(objects_.intern(other)).reason, Reason::file_gone);
  auto nowhere = truth;
  nowhere.path = "relative/../../etc/passwd";
  EXPECT_EQ(objects_.open(objects_.intern(nowhere)).reason, Reason::file_gone);
}

TEST_F(ObjectFiles, AFifoAtThePathIsNeverOpened) {
  auto path = (dir_ / "fifo").string();
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  UniqueFd watch(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  ASSERT_GE(::inotify_add_watch(watch.get(), path.c_str(), IN_OPEN), 0);
  auto id = objects_.intern(file_at(path));
  objects_.capture(id, self, 0x1000, 0x2000);
  EXPECT_EQ(objects_.open(id).reason, Reason::file_gone);
  std::array<char, 512> events{};
  EXPECT_EQ(::read(watch.get(), events.data(), events.size()), -1);
  EXPECT_EQ(errno, EAGAIN) << "somebody opened it";
  // The watch can fail to fail: this is what it would have seen.
  UniqueFd opened(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  EXPECT_GT(::read(watch.get(), events.data(), events.size()), 0);
}

TEST_F(ObjectFiles, ADirectoryAndADeviceAreNotCode) {
  for (const auto& path : {dir_.string(), std::string("/dev/zero")}) {
    auto id = objects_.intern(file_at(path));
    EXPECT_EQ(objects_.open(id).reason, Reason::file_gone) << path;
  }
}

TEST_F(ObjectFiles, CapturedFromALivingMappingOutliveTheirDeletion) {
  auto path = write("code", "\xc3 machine code");
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  UniqueMapping mapping(
      ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd.get(), 0),
      4096);
  if (mapping.address() == MAP_FAILED) {
    GTEST_SKIP() << "the directory for temporary files is mounted noexec";
  }
  fs::rename(write("other", "not it"), path);
  auto start = reinterpret_cast<std::uint64_t>(mapping.address());
  auto lines = read_maps(self);
  ASSERT_TRUE(lines);
  auto line = std::ranges::find(*lines, start, &MapsLine::start);
  ASSERT_NE(line, lines->end());
  EXPECT_EQ(line->file.path, path + " (deleted)");
  auto id = objects_.intern(line->file);
  EXPECT_EQ(objects_.name(id), "code");
  EXPECT_EQ(objects_.open(id).reason, Reason::file_gone) << "by its path";
  objects_.capture(id, self, line->start, line->end);
  if (objects_.open(id).fd < 0 && ::geteuid() != 0) {
    GTEST_SKIP() << "/proc/PID/map_files needs CAP_CHECKPOINT_RESTORE";
  }
  EXPECT_EQ(content(objects_.open(id).fd), "\xc3 machine code");
}

TEST_F(ObjectFiles, AFileThatIsOpenBecomesWhatItsMappingWillBe) {
  auto path = write("a", "first");
  auto id = objects_.intern_file(UniqueFd(::open(path.c_str(), O_RDONLY)));
  EXPECT_EQ(id, objects_.intern(file_at(path)));
  fs::remove(path);
  EXPECT_EQ(content(objects_.open(id).fd), "first");
  EXPECT_EQ(objects_.intern_file(UniqueFd()), no_object);
}

TEST_F(ObjectFiles, WrittenToAfterTheyWereMappedAreNotRead) {
  auto path = write("a", "first");
  auto id = objects_.intern(file_at(path));
  auto captured = objects_.intern(file_at(write("b", "other")));
  EXPECT_GE(objects_.open(captured).fd, 0);
  auto later = fs::file_time_type::clock::now() + std::chrono::hours(1);
  fs::last_write_time(path, later);
  fs::last_write_time(dir_ / "b", later);
  EXPECT_EQ(objects_.open(id).reason, Reason::file_changed);
  EXPECT_EQ(objects_.open(captured).reason, Reason::file_changed);
}

TEST_F(ObjectFiles, OfAnotherGenerationAreGone) {
  auto path = write("a", "first");
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  long generation = 0;
  if (::ioctl(fd.get(), FS_IOC_GETVERSION, &generation) != 0) {
    GTEST_SKIP() << "the file system does not tell generations";
  }
  auto file = file_at(path);
  file.generation = static_cast<std::uint32_t>(generation);
  auto other = file;
  other.generation += 1;
  EXPECT_EQ(objects_.open(objects_.intern(other)).reason, Reason::file_gone);
  EXPECT_GE(objects_.open(objects_.intern(file)).fd, 0);
}

TEST(Objects, WithoutAGenerationTheLatestIsMeant) {
  Objects objects;
  MappedFile plain{8, 1, 42, "/lib/a.so"};
  auto first = plain;
  first.generation = 7;
  auto second = plain;
  second.generation = 8;
  auto id = objects.intern(first);
  EXPECT_EQ(objects.intern(plain), id);
  auto fresh = objects.intern(second);
  EXPECT_NE(fresh, id);
  EXPECT_EQ(objects.intern(plain), fresh);
  EXPECT_EQ(objects.intern(first), id);
}

TEST_F(ObjectFiles, ThroughAMappingThatLeadsElsewhereAreNotTaken) {
  auto path = write("code", "what is mapped");
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  UniqueMapping mapping(
      ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd.get(), 0),
      4096);
  if (mapping.address() == MAP_FAILED) {
    GTEST_SKIP() << "the directory for temporary files is mounted noexec";
  }
  auto stale = file_at(write("stale", "what was there before"));
  fs::remove(dir_ / "stale");
  auto id = objects_.intern(stale);
  auto start = reinterpret_cast<std::uint64_t>(mapping.address());
  objects_.capture(id, self, start, start + 4096);
  EXPECT_EQ(objects_.open(id).reason, Reason::file_gone);
}

TEST_F(ObjectFiles, MemoryWithoutAProgramIsGeneratedCode) {
  UniqueFd fd(::memfd_create("jit", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(fd.get(), 4096), 0);
  UniqueMapping mapping(
      ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd.get(), 0),
      4096);
  ASSERT_NE(mapping.address(), MAP_FAILED);
  auto start = reinterpret_cast<std::uint64_t>(mapping.address());
  auto lines = read_maps(self);
  ASSERT_TRUE(lines);
  auto line = std::ranges::find(*lines, start, &MapsLine::start);
  ASSERT_NE(line, lines->end());
  auto id = objects_.intern(line->file);
  objects_.capture(id, self, line->start, line->end);
  EXPECT_TRUE(objects_.is_generated(id)) << line->file.path;
  EXPECT_FALSE(objects_.is_generated(objects_.intern(file_at("/bin/sh"))));
}

TEST_F(ObjectFiles, ThatNothingMapsAreForgotten) {
  auto path = write("a", "kept");
  auto kept = objects_.intern(file_at(path));
  EXPECT_GE(objects_.open(kept).fd, 0);
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    objects_.intern({8, 1, 1000 + i, "/lib/churn"});
    if (!objects_.wants_sweep()) continue;
    std::vector<bool> live(objects_.most_ids());
    live[kept] = true;
    objects_.keep(live);
  }
  EXPECT_LT(objects_.most_ids(), 5000U);
  EXPECT_EQ(content(objects_.open(kept).fd), "kept");
  EXPECT_EQ(objects_.intern(file_at(path)), kept);
}

std::uint64_t fake_now = 0;

TEST_F(ObjectFiles, AFailedCaptureIsTriedAgainAfterASecond) {
  auto path = write("a", "late");
  auto file = file_at(path);
  auto hidden = (dir_ / "hidden").string();
  fs::rename(path, hidden);
  fake_now = 1;
  Objects objects([] { return fake_now; });
  auto id = objects.intern(file);
  objects.capture(id, 5'000'000, 0x1000, 0x2000);
  EXPECT_EQ(objects.open(id).reason, Reason::file_gone);
  fs::rename(hidden, path);
  fake_now += 999'999'999;
  objects.capture(id, self, 0x1000, 0x2000);
  fs::rename(path, hidden);
  EXPECT_EQ(objects.open(id).reason, Reason::file_gone) << "too early";
  fs::rename(hidden, path);
  fake_now += 1;
  objects.capture(id, self, 0x1000, 0x2000);
  fs::remove(path);
  EXPECT_EQ(content(objects.open(id).fd), "late");
}

TEST_F(ObjectFiles, BeyondTheShareOfDescriptorsAreLentOut) {
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit few{256, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  Objects objects;
  ::setrlimit(RLIMIT_NOFILE, &before);
  std::vector<ObjectId> ids;
  for (int i = 0; i < 67; ++i) {
    auto name = std::to_string(i);
    ids.push_back(objects.intern(file_at(write(name, name))));
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    auto opened = objects.open(ids[i]);
    EXPECT_EQ(content(opened.fd), std::to_string(i));
    EXPECT_EQ(static_cast<bool>(opened.own), i >= 64) << i;
  }
}

}  // namespace
}  // namespace sightline::process
