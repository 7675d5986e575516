// SPDX-License-Identifier: Apache-2.0
#include "symbol/worker.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/units.h"

namespace sightline::symbol {
namespace {

class Worker : public testing::Test {
 protected:
  WorkerEnd run(const std::function<void(int)>& body,
                std::uint64_t time_ns = 20 * ns_per_second) {
    WorkerLimits limits{.deadline_ns = monotonic_ns() + time_ns,
                        .memory_bytes = 64U << 20};
    return run_worker(
        limits, keep_, body,
        [this](std::span<const char> bytes) {
          said_.append(bytes.data(), bytes.size());
          return said_.size() < most_said_;
        },
        [this] { tick_(); });
  }

  // Whether a call is refused in the worker, by what it says.
  bool refused(const std::function<bool()>& call) {
    said_.clear();
    const auto end = run([&](int out) { put(out, call() ? "yes" : "no"); });
    EXPECT_EQ(end, WorkerEnd::finished);
    EXPECT_TRUE(said_ == "yes" || said_ == "no") << said_;
    return said_ == "no";
  }

  static void put(int out, std::string_view text) {
    if (::write(out, text.data(), text.size()) < 0) ::_exit(9);
  }

  std::vector<int> keep_;
  std::string said_;
  std::size_t most_said_ = 1U << 20;
  std::function<void()> tick_ = [] {};
};

TEST_F(Worker, SaysWhatItFound) {
  EXPECT_EQ(run([](int out) {
              put(out, "one ");
              put(out, "two");
            }),
            WorkerEnd::finished);
  EXPECT_EQ(said_, "one two");
}

TEST_F(Worker, DiesAloneAndWhatItSaidBeforeStays) {
  EXPECT_EQ(run([](int out) {
              put(out, "half");
              ::raise(SIGKILL);
              ::abort();
            }),
            WorkerEnd::died);
  EXPECT_EQ(said_, "half");
  EXPECT_EQ(run([](int) { ::_exit(5); }), WorkerEnd::died);
  EXPECT_EQ(run([](int) { throw 1; }), WorkerEnd::died);
}

TEST_F(Worker, CrashesAlone) {
  EXPECT_EQ(run([](int) {
              volatile int* volatile nowhere = nullptr;
              *nowhere = 1;
            }),
            WorkerEnd::died);
}

TEST_F(Worker, ThatNeverEndsIsKilledAtItsDeadline) {
  const auto begin = monotonic_ns();
  EXPECT_EQ(run(
                [](int) {
                  volatile bool forever = true;
                  while (forever) {
                  }
                },
                200 * ns_per_ms),
            WorkerEnd::late);
  EXPECT_LT(monotonic_ns() - begin, 10 * ns_per_second);
}

TEST_F(Worker, ThatSaysNothingMoreButGoesOnIsKilledToo) {
  const auto begin = monotonic_ns();
  EXPECT_EQ(run([](int out) {
              ::close(out);
              volatile bool forever = true;
              while (forever) {
              }
            }),
            WorkerEnd::died);
  EXPECT_LT(monotonic_ns() - begin, 10 * ns_per_second);
}

TEST_F(Worker, CanBeKilledByAnybody) {
  bool killed = false;
  // The first tick comes before anything is said.
  tick_ = [&] {
    if (killed || said_.empty()) return;
    killed = true;
    // Only ever a child of ours, whatever was said.
    const int pid = std::atoi(said_.c_str());
    siginfo_t state{};
    ASSERT_GT(pid, 1);
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &state,
                       WEXITED | WNOHANG | WNOWAIT),
              0);
    ::kill(pid, SIGTERM);
  };
  EXPECT_EQ(run([](int out) {
              put(out, std::to_string(::getpid()));
              volatile bool forever = true;
              while (forever) {
              }
            }),
            WorkerEnd::died);
}

TEST_F(Worker, TakesNoMoreMemoryThanItMay) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "AddressSanitizer's shadow has no such limit";
#endif
  EXPECT_EQ(run([](int) {
              std::vector<std::string> held;
              while (true) held.emplace_back(1U << 20, 'x');
            }),
            WorkerEnd::out_of_memory);
}

TEST_F(Worker, ACrashWithoutAnyMemoryLeftIsForWantOfIt) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "AddressSanitizer's shadow has no such limit";
#endif
  EXPECT_EQ(run([](int) {
              // As a library does that trusts malloc().
              while (true) {
                std::memset(std::malloc(1U << 20), 'x', 1U << 20);
              }
            }),
            WorkerEnd::out_of_memory);
}

TEST_F(Worker, WhoSaysTooMuchIsEnded) {
  most_said_ = 1000;
  EXPECT_EQ(run([](int out) {
              while (true) put(out, std::string(1000, 'x'));
            }),
            WorkerEnd::refused);
}

TEST_F(Worker, CanOpenAndStartNothing) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizers need what is refused here";
#endif
  EXPECT_FALSE(refused([] { return ::getpid() > 0; }));
  EXPECT_TRUE(refused([] { return ::open("/etc/hostname", O_RDONLY) >= 0; }));
  EXPECT_TRUE(refused([] { return ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0; }));
  EXPECT_TRUE(refused([] { return ::fork() >= 0; }));
  const pid_t parent = ::getpid();
  EXPECT_TRUE(refused([=] { return ::kill(parent, 0) == 0; }));
}

TEST_F(Worker, HasOnlyTheDescriptorsThatItIsGiven) {
  const int secret = ::open("/etc/hostname", O_RDONLY | O_CLOEXEC);
  const int given = ::open("/etc/hostname", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(given, 0);
  keep_ = {-1, given};
  char byte = 0;
  EXPECT_FALSE(refused([&] { return ::pread(given, &byte, 1, 0) == 1; }));
  EXPECT_TRUE(refused([&] { return ::pread(secret, &byte, 1, 0) == 1; }));
  EXPECT_TRUE(refused([&] { return ::write(STDERR_FILENO, "x", 1) == 1; }));
  ::close(secret);
  ::close(given);
}

}  // namespace
}  // namespace sightline::symbol
