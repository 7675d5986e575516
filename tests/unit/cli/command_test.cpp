// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"

#include <fmt/format.h>
#include <linux/close_range.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "cli/session.h"
#include "forked.h"

namespace sightline::cli {
namespace {

namespace fs = std::filesystem;

Result<int> status_of(const std::vector<std::string>& arguments) {
  auto command = SL_TRY(Command::spawn(arguments));
  SL_TRY(command.release());
  return command.wait();
}

bool is_readable(int fd, int timeout_ms) {
  pollfd watched{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&watched, 1, timeout_ms) == 1;
}

TEST(Command, HasTheStatusOfWhatItRan) {
  EXPECT_EQ(status_of({"true"}), 0);
  EXPECT_EQ(status_of({"sh", "-c", "exit 7"}), 7);
  EXPECT_EQ(status_of({"sh", "-c", "exit 255"}), 255);
  EXPECT_EQ(status_of({"sh", "-c", "kill -KILL $$"}), 128 + SIGKILL);
  EXPECT_EQ(status_of({"sh", "-c", "kill -TERM $$"}), 128 + SIGTERM);
}

TEST(Command, PassesArgumentsAsTheyAre) {
  EXPECT_EQ(status_of({"test", "a b;$HOME", "=", "a b;$HOME"}), 0);
  EXPECT_EQ(status_of({"test", "", "=", "x"}), 1);
}

TEST(Command, IsHeldBeforeItsFirstInstruction) {
  auto command = Command::spawn({"true"});
  ASSERT_TRUE(command);
  auto image = [&] {
    return fs::read_symlink(fmt::format("/proc/{}/exe", command->pid()));
  };
  EXPECT_EQ(image(), fs::read_symlink("/proc/self/exe"));
  EXPECT_FALSE(is_readable(command->pidfd(), 0)) << "it lives";
  EXPECT_EQ(command->release(), 0);
  EXPECT_TRUE(is_readable(command->pidfd(), 60'000)) << "it has run";
  EXPECT_EQ(command->wait(), 0);
}

TEST(Command, KeepsItsPidWhenReleased) {
  auto command = Command::spawn({"sh", "-c", "kill -INT $$"});
  ASSERT_TRUE(command);
  auto pid = command->pid();
  EXPECT_EQ(command->release(), 0);
  EXPECT_EQ(command->pid(), pid);
  EXPECT_EQ(command->wait(), 128 + SIGINT);
}

TEST(Command, ThatIsNotFoundEndsWith127) {
  auto command = Command::spawn({"/nonexistent/program"});
  ASSERT_TRUE(command);
  EXPECT_EQ(command->release(), ENOENT);
  EXPECT_EQ(command->wait(), 127);
}

TEST(Command, ThatCannotBeExecutedEndsWith126) {
  for (auto path : {"/proc/self/status", "/"}) {
    auto command = Command::spawn({path});
    ASSERT_TRUE(command);
    EXPECT_EQ(command->release(), EACCES) << path;
    EXPECT_EQ(command->wait(), 126) << path;
  }
}

TEST(Command, ThatIsNeverReleasedIsGone) {
  pid_t pid = 0;
  {
    auto command = Command::spawn({"true"});
    ASSERT_TRUE(command);
    pid = command->pid();
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST(Command, IsNotRunByAToolThatWasKilled) {
  Forked tool([](int report) {
    auto command = Command::spawn({"true"});
    if (!command) return 1;
    pid_t pid = command->pid();
    if (!write_all(report, &pid, sizeof(pid))) return 1;
    for (;;) ::pause();
    return 1;
  });
  auto told = tool.read(sizeof(pid_t));
  pid_t pid = 0;
  ASSERT_EQ(told.copy(reinterpret_cast<char*>(&pid), sizeof(pid)), sizeof(pid));
  auto held = watch_process(pid);
  ASSERT_TRUE(held);
  tool.send(SIGKILL);
  EXPECT_TRUE(is_readable(held->get(), 60'000)) << "the held child leaves";
}

TEST(Command, MovesWithItsChild) {
  auto command = Command::spawn({"sh", "-c", "exit 3"});
  ASSERT_TRUE(command);
  Command moved = std::move(*command);
  EXPECT_EQ(command->pid(), -1);
  EXPECT_EQ(moved.release(), 0);
  EXPECT_EQ(moved.wait(), 3);
}

TEST(Command, GetsSignalsPassedOn) {
  auto command = Command::spawn({"sleep", "1000"});
  ASSERT_TRUE(command);
  EXPECT_EQ(command->release(), 0);
  command->signal(SIGTERM);
  EXPECT_EQ(command->wait(), 128 + SIGTERM);
  command->signal(SIGTERM);  // nobody is left; nobody else is hit
}

TEST(Command, ThatWasKilledWhileHeldCannotBeReleased) {
  Forked tool([](int report) {
    ::signal(SIGPIPE, SIG_IGN);
    auto command = Command::spawn({"true"});
    if (!command) return 1;
    ::kill(command->pid(), SIGKILL);
    if (!is_readable(command->pidfd(), 60'000)) return 2;
    auto released = command->release();
    if (released || !write_all(report, "refused", 7)) return 3;
    return command->wait() == 128 + SIGKILL ? 0 : 4;
  });
  EXPECT_EQ(tool.read(16), "refused");
  EXPECT_EQ(tool.wait(), 0);
}

std::uint64_t signal_set(std::string_view status, std::string_view key) {
  for (auto line : split(status, '\n')) {
    if (!line.starts_with(key)) continue;
    auto set = std::string(trim(line.substr(key.size())));
    return std::stoull(set, nullptr, 16);
  }
  ADD_FAILURE() << "no " << key << " in " << status;
  return UINT64_MAX;
}

TEST(Command, StartsWithDefaultSignalsUnderASession) {
  Forked tool([](int report) {
    // By the kernel's own call: signal() refuses glibc's 32 and 33.
    const std::array<void (*)(int), 4> ignored{SIG_IGN};
    for (int number = 1; number <= SIGRTMAX; ++number) {
      ::syscall(SYS_rt_sigaction, number, ignored.data(), nullptr, 8);
    }
    ::dup2(report, STDOUT_FILENO);
    auto session = Session::open();
    auto status = status_of({"cat", "/proc/self/status"});
    return session && status ? *status : 99;
  });
  auto status = tool.read(65536);
  EXPECT_EQ(tool.wait(), 0);
  EXPECT_EQ(signal_set(status, "SigBlk:"), 0U);
  EXPECT_EQ(signal_set(status, "SigIgn:"), 0U);
}

int errno_of(const Result<std::string>& found) {
  return found ? 0 : found.error().err;
}

TEST(FindCommand, LooksWhereExecWould) {
  EXPECT_EQ(errno_of(find_command("sh")), 0);
  EXPECT_EQ(find_command("/bin/sh").value(), "/bin/sh");
  EXPECT_EQ(errno_of(find_command("no-such-command")), ENOENT);
  EXPECT_EQ(errno_of(find_command("/no/such/command")), ENOENT);
  EXPECT_EQ(errno_of(find_command("/etc/passwd")), EACCES);
  EXPECT_EQ(errno_of(find_command("")), ENOENT);
}

TEST(FindCommand, PrefersAPlaceInPathThatCanBeExecuted) {
  Forked tool([](int) {
    ::setenv("PATH", "/etc:/no/such/place", 1);
    if (errno_of(find_command("passwd")) != EACCES) return 1;
    ::setenv("PATH", "/etc::/bin", 1);
    return find_command("sh").value() == "/bin/sh" ? 0 : 1;
  });
  EXPECT_EQ(tool.wait(), 0);
}

TEST(FindCommand, SaysWhatShellsSay) {
  EXPECT_EQ(exec_failure(ENOENT), 127);
  EXPECT_EQ(exec_failure(EACCES), 126);
  EXPECT_EQ(cannot_run("a\nb", ENOENT).what,
            "cannot run 'a\\x0ab': No such file or directory");
}

TEST(Command, AnInterruptWhileItIsHeldReachesIt) {
  Forked tool([](int) {
    auto session = Session::open();
    auto command = Command::spawn({"sleep", "60"});
    if (!session || !command) return 1;
    ::kill(command->pid(), SIGINT);
    if (!command->release()) return 2;
    auto status = command->wait();
    return status ? *status : 3;
  });
  EXPECT_EQ(tool.wait(), 128 + SIGINT);
}

TEST(Command, InheritsNoDescriptorButTheStandardOnes) {
  Forked tool([](int) {
    // What this program itself was started with is not the tool's.
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    auto session = Session::open();
    auto status = status_of({"sh", "-c",
                             "for n in 3 4 5 6 7 8 9; do "
                             "test ! -e /proc/$$/fd/$n || exit $n; done"});
    return session && status ? *status : 99;
  });
  EXPECT_EQ(tool.wait(), 0);
}

}  // namespace
}  // namespace sightline::cli
