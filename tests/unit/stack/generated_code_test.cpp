// SPDX-License-Identifier: Apache-2.0
#include "stack/generated_code.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/clock.h"
#include "base/units.h"
#include "process/proc.h"
#include "symbol/jitdump_image.h"

namespace sightline::stack {
namespace {

using symbol::Reason;
using symbol::testing::JitdumpImage;

const std::uint32_t self = static_cast<std::uint32_t>(::getpid());

// Over PID_MAX_LIMIT: never a living process; and no other test run's, whose
// perf maps lie beside ours.
const std::uint32_t nobody = 5'000'000 + self;

process::ImageSeen image_of(std::uint32_t pid, std::uint64_t start_ticks) {
  return {.key = {pid, 1, 1},
          .time_ns = monotonic_ns(),
          .start_boottime_ns = start_ticks * 10'000'000,
          .uid = ::geteuid(),
          .comm = "test"};
}

// This process as one that generates code, with the perf map of its number.
class GeneratedCodeTest : public testing::Test {
 protected:
  void SetUp() override {
    auto stat = process::read_stat(self);
    ASSERT_TRUE(stat);
    auto seen = image_of(self, stat->start_ticks);
    image_ = seen.key;
    table_.see(seen);
  }
  void TearDown() override { std::filesystem::remove(map_); }

  void write(const std::string& line) {
    std::ofstream(map_, std::ios::app) << line << '\n';
  }
  Frame at(std::uint64_t address) { return at(code_, image_, address); }
  // Sampled in an epoch of its own, right behind the last one.
  Frame at(GeneratedCode& code, const process::ImageKey& image,
           std::uint64_t address) {
    auto from = time_ns_++;
    return code.locate(image, address, from, time_ns_);
  }
  // What becomes of a frame in a report.
  std::string name(const Frame& frame) {
    EXPECT_EQ(frame.object, process::jit_object);
    code_.settle();
    const auto& code = code_.at(frame.offset);
    return code.name.empty() ? std::string(symbol::text(code.reason))
                             : code.name;
  }

  std::string map_ = "/tmp/perf-" + std::to_string(self) + ".map";
  process::Objects objects_;
  process::Table table_{objects_};
  GeneratedCode code_{table_, objects_};
  process::ImageKey image_;
  std::uint64_t time_ns_ = monotonic_ns();
};

TEST_F(GeneratedCodeTest, IsNamedByThePerfMap) {
  write("1000 100 JS:first");
  write("1100 100 JS:second");
  EXPECT_EQ(name(at(0x1000)), "JS:first");
  EXPECT_EQ(name(at(0x11ff)), "JS:second");
  EXPECT_EQ(name(at(0x1200)), "no covering symbol");
}

TEST_F(GeneratedCodeTest, OneFunctionIsOneFrame) {
  write("1000 100 JS:first");
  EXPECT_EQ(at(0x1000), at(0x1050));
}

TEST_F(GeneratedCodeTest, WithoutAMapSaysSo) {
  EXPECT_EQ(name(at(0x1000)), symbol::text(Reason::no_jit_map));
}

// The address was another function's when it was sampled first.
TEST_F(GeneratedCodeTest, NamesAreThoseOfTheirTime) {
  write("1000 100 JS:early");
  auto early = at(0x1000);
  write("1000 100 JS:late");
  auto late = at(0x1000);
  EXPECT_EQ(name(early), "JS:early");
  EXPECT_EQ(name(late), "JS:late");
}

TEST_F(GeneratedCodeTest, WhatIsWrittenLateIsFoundForTheReport) {
  auto first = at(0x1000);
  auto again = at(0x1000);
  EXPECT_EQ(first, again) << "a perf map knows no time: it is one that waits";
  write("1000 100 JS:buffered");
  EXPECT_EQ(name(first), "JS:buffered");
}

TEST_F(GeneratedCodeTest, WhatOneReportLackedTheNextMayHave) {
  auto first = at(0x1000);
  EXPECT_EQ(name(first), symbol::text(Reason::no_jit_map));
  auto second = at(0x1000);
  EXPECT_NE(first, second);
  write("1000 100 JS:buffered");
  EXPECT_EQ(name(second), "JS:buffered");
}

TEST_F(GeneratedCodeTest, AProcessThatNobodyReportedHasNone) {
  auto frame = at(code_, {nobody, 1, 1}, 0x1000);
  EXPECT_EQ(frame.object, process::anonymous_object);
  EXPECT_EQ(frame.reason, Reason::process_gone);
}

TEST_F(GeneratedCodeTest, AProcessThatIsForgottenIsNamedFirst) {
  auto seen = image_of(nobody, 1);
  auto map = "/tmp/perf-" + std::to_string(nobody) + ".map";
  table_.on_fork(nobody, self, monotonic_ns());  // it sees the same root
  seen.time_ns = monotonic_ns();
  table_.see(seen);
  auto frame = at(code_, seen.key, 0x1000);
  table_.on_exit(nobody, monotonic_ns());
  std::ofstream(map) << "1000 100 JS:gone\n";
  for (int i = 0; i < 2; ++i) table_.forget(monotonic_ns() + ns_per_second);
  ASSERT_EQ(table_.find(seen.key), nullptr);
  code_.forget();
  std::filesystem::remove(map);
  EXPECT_EQ(name(frame), "JS:gone");
}

TEST_F(GeneratedCodeTest, StartsOverWithItsNumbers) {
  write("1000 100 JS:first");
  at(0x1000);
  at(0x9000);
  code_.reset();
  EXPECT_EQ(name(at(0x1000)), "JS:first");
}

// A process that started as root and is another user's now.
class ChangedUserTest : public GeneratedCodeTest {
 protected:
  static constexpr uid_t somebody = 12345;

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
    int ready[2];
    ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    child_ = ::fork();
    if (child_ == 0) {
      bool done = ::setresuid(somebody, somebody, somebody) == 0;
      // After that, which clears it (prctl(2)).
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (!done || ::write(ready[1], "", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    ::close(ready[1]);
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    pid_ = static_cast<std::uint32_t>(child_);
    map_ = "/tmp/perf-" + std::to_string(pid_) + ".map";
    write("1000 100 JS:daemon");
    ASSERT_EQ(::chown(map_.c_str(), somebody, somebody), 0);
  }
  void TearDown() override {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
    GeneratedCodeTest::TearDown();
  }

  pid_t child_ = -1;
  std::uint32_t pid_ = 0;
};

TEST_F(ChangedUserTest, ItsOwnMapIsBelieved) {
  auto stat = process::read_stat(pid_);
  ASSERT_TRUE(stat);
  auto seen = image_of(pid_, stat->start_ticks);
  table_.see(seen);
  EXPECT_EQ(name(at(code_, seen.key, 0x1000)), "JS:daemon");
}

TEST_F(ChangedUserTest, ThatOfAnotherWithItsNumberIsNot) {
  auto stat = process::read_stat(pid_);
  ASSERT_TRUE(stat);
  auto seen = image_of(pid_, stat->start_ticks - 1);
  table_.see(seen);
  EXPECT_EQ(at(code_, seen.key, 0x1000).reason, Reason::process_gone);
}

// This process with a jitdump, of which a page is mapped executable.
class JitdumpedCodeTest : public GeneratedCodeTest {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "sl-XXXXXX";
    place_ = ::mkdtemp(pattern.data());
    dump_ = place_ / "jit-1.dump";
    append(JitdumpImage(0, self).bytes_);
    UniqueFd fd(::open(dump_.c_str(), O_RDONLY | O_CLOEXEC));
    page_ =
        ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd.get(), 0);
    ASSERT_NE(page_, MAP_FAILED);
    GeneratedCodeTest::SetUp();
  }
  void TearDown() override {
    ::munmap(page_, 4096);
    std::filesystem::remove_all(place_);
    GeneratedCodeTest::TearDown();
  }
  void append(const std::string& bytes) const {
    std::ofstream(dump_, std::ios::app) << bytes;
  }
  void load(std::uint64_t time, const std::string& name) const {
    auto image = JitdumpImage().load(time, 0x1000, 16, 1, name);
    append(image.bytes_.substr(JitdumpImage().bytes_.size()));
  }

  std::filesystem::path place_;
  std::filesystem::path dump_;
  void* page_ = nullptr;
};

TEST_F(JitdumpedCodeTest, TwoFunctionsInOneEpochAreNotTheLastOne) {
  load(1000, "f");
  load(2000, "g");
  EXPECT_EQ(name(code_.locate(image_, 0x1000, 1000, 1999)), "f");
  EXPECT_EQ(name(code_.locate(image_, 0x1000, 2000, 2500)), "g");
  auto both = code_.locate(image_, 0x1000, 1500, 2600);
  EXPECT_EQ(both.object, process::anonymous_object);
  EXPECT_EQ(both.reason, Reason::mapping_changed);
  EXPECT_EQ(both.offset, 0x1000U);
}

// The runtime's buffer holds both back.
TEST_F(JitdumpedCodeTest, WhatWaitsInTwoEpochsIsTwoFunctions) {
  auto first = code_.locate(image_, 0x1000, 1000, 1500);
  auto again = code_.locate(image_, 0x1000, 1000, 1500);
  auto later = code_.locate(image_, 0x1000, 5000, 5500);
  auto both = code_.locate(image_, 0x1000, 3000, 4000);
  EXPECT_EQ(first, again);
  load(900, "f");
  load(3500, "g");
  EXPECT_EQ(name(first), "f");
  EXPECT_EQ(name(later), "g");
  EXPECT_EQ(name(both), "mapping changed");
}

// Processes that have ended and left their maps.
class LimitsTest : public GeneratedCodeTest {
 protected:
  void TearDown() override {
    for (std::uint32_t i = 0; i < 8; ++i) std::filesystem::remove(map(i));
    GeneratedCodeTest::TearDown();
  }
  static std::string map(std::uint32_t i) {
    return "/tmp/perf-" + std::to_string(nobody + i) + ".map";
  }
  static void write(std::uint32_t i, int functions) {
    std::ofstream file(map(i), std::ios::app);
    for (int n = 1; n <= functions; ++n) {
      file << std::hex << n * 0x1000 << " 1000 function_of_a_long_name\n";
    }
  }
  process::ImageKey process(std::uint32_t i) {
    auto seen = image_of(nobody + i, 1);
    if (table_.find(seen.key) != nullptr) return seen.key;
    table_.on_fork(nobody + i, self, monotonic_ns());  // it sees the same root
    seen.time_ns = monotonic_ns();
    table_.see(seen);
    return seen.key;
  }
};

TEST_F(LimitsTest, MemoryIsBoundedWhenOldMapsGrowToo) {
  constexpr std::size_t most = 1U << 20;
  GeneratedCode code(table_, objects_, {.memory = most});
  std::size_t one = 0;
  for (std::uint32_t i = 0; i < 8; ++i) {
    write(i, 10);
    at(code, process(i), 0x1000);
  }
  EXPECT_EQ(code.sources(), 8U);
  for (std::uint32_t i = 0; i < 8; ++i) {
    write(i, 4'000);
    at(code, process(i), 0x1000);
    if (i == 0) one = code.memory();
    ASSERT_LE(code.memory(), most);
  }
  EXPECT_GT(8 * one, most) << "or nothing was tested";
  EXPECT_LT(code.sources(), 8U);
  EXPECT_GT(code.sources(), 1U);
}

TEST_F(LimitsTest, AGiantMakesRoomForItselfAtOnce) {
  GeneratedCode code(table_, objects_, {.memory = 1U << 20});
  for (std::uint32_t i = 0; i < 7; ++i) {
    write(i, 10);
    at(code, process(i), 0x1000);
  }
  write(7, 40'000);
  at(code, process(7), 0x1000);
  EXPECT_EQ(code.sources(), 1U);
}

TEST_F(LimitsTest, OneEpochReadsSoMuchOfAllFiles) {
  GeneratedCode code(table_, objects_, {.all_in_epoch = 1000});
  auto greedy = process(0);
  auto modest = process(1);
  write(0, 100'000);
  write(1, 1);
  code.locate(greedy, 0x1000, 1, 2);
  auto late = code.locate(modest, 0x1000, 1, 2);
  EXPECT_TRUE(code.at(late.offset).name.empty());
  auto next = code.locate(modest, 0x1000, 2, 3);
  EXPECT_EQ(code.at(next.offset).name, "function_of_a_long_name");
}

TEST_F(LimitsTest, SoManyAddressesWaitAndNoMore) {
  GeneratedCode code(table_, objects_, {.waiting = 2});
  auto one = at(code, image_, 0x1000);
  auto two = at(code, image_, 0x2000);
  auto three = at(code, image_, 0x3000);
  EXPECT_EQ(three.object, process::anonymous_object);
  EXPECT_EQ(three.reason, Reason::no_jit_map);
  EXPECT_EQ(three.offset, 0x3000U);
  EXPECT_EQ(at(code, image_, 0x1000), one);
  EXPECT_EQ(two.object, process::jit_object);
  code.settle();
  EXPECT_EQ(at(code, image_, 0x3000).object, process::jit_object);
}

}  // namespace
}  // namespace sightline::stack
