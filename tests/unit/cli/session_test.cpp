// SPDX-License-Identifier: Apache-2.0
// Each session runs in a process of its own: it changes signals for good.
#include "cli/session.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>

#include <atomic>
#include <thread>

#include "base/clock.h"
#include "base/file.h"
#include "forked.h"

namespace sightline::cli {
namespace {

constexpr std::uint64_t ms = 1'000'000;
constexpr int failed = 99;
// A session that goes wrong ends by itself.
constexpr std::uint64_t forever = 60'000 * ms;

int code(EndReason reason) { return 10 + static_cast<int>(reason); }

void say(int fd, const std::string& text) {
  EXPECT_TRUE(write_all(fd, text.data(), text.size()));
}

SessionHooks quiet_hooks() {
  auto nothing = [] { return Status(); };
  return {.tick = nothing, .interval = nothing, .snapshot = nothing};
}

// Opens and runs a session that says "\n" when it is ready, "s" at each
// snapshot and the number of the signal at its end.
int run_reporting(int report, SessionSettings settings) {
  auto session = Session::open();
  if (!session) return failed;
  settings.ready_fd = report;
  if (!settings.duration_ns) settings.duration_ns = forever;
  auto hooks = quiet_hooks();
  hooks.snapshot = [report] {
    say(report, "s");
    return Status();
  };
  auto end = session->run(settings, hooks);
  if (!end) return failed;
  say(report, std::to_string(end->signal) + (end->from_terminal ? "t" : "p"));
  return code(end->reason);
}

TEST(Session, EndsAtEachSignalThatEndsAMeasurement) {
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
    Forked child([](int report) {
      ::signal(SIGHUP, SIG_DFL);
      return run_reporting(report, {});
    });
    ASSERT_EQ(child.read(1), "\n");
    child.send(signal);
    EXPECT_EQ(child.read(9), std::to_string(signal) + "p");
    EXPECT_EQ(child.wait(), code(EndReason::interrupted));
  }
}

TEST(Session, TakesASnapshotAtSigusr1AndGoesOn) {
  Forked child([](int report) { return run_reporting(report, {}); });
  ASSERT_EQ(child.read(1), "\n");
  for (int i = 0; i < 3; ++i) {
    child.send(SIGUSR1);
    ASSERT_EQ(child.read(1), "s");
  }
  child.send(SIGTERM);
  EXPECT_EQ(child.read(9), std::to_string(SIGTERM) + "p");
  EXPECT_EQ(child.wait(), code(EndReason::interrupted));
}

TEST(Session, KeepsSignalsThatCameBeforeItRan) {
  Forked child([](int report) {
    auto session = Session::open();
    ::raise(SIGUSR1);
    ::raise(SIGTERM);
    int snapshots = 0;
    auto hooks = quiet_hooks();
    hooks.snapshot = [&] {
      ++snapshots;
      return Status();
    };
    auto end = session->run({.duration_ns = forever}, hooks);
    say(report, std::to_string(snapshots));
    return end ? code(end->reason) : failed;
  });
  EXPECT_EQ(child.read(9), "1");
  EXPECT_EQ(child.wait(), code(EndReason::interrupted));
}

TEST(Session, LeavesAnIgnoredHangUpIgnoredAsNohupWants) {
  Forked child([](int report) {
    ::signal(SIGHUP, SIG_IGN);
    return run_reporting(report, {});
  });
  ASSERT_EQ(child.read(1), "\n");
  child.send(SIGHUP);
  child.send(SIGUSR1);
  ASSERT_EQ(child.read(1), "s") << "it runs on";
  child.send(SIGTERM);
  EXPECT_EQ(child.read(9), std::to_string(SIGTERM) + "p");
}

TEST(Session, HeedsAnInterruptThatTheShellIgnoredInTheBackground) {
  Forked child([](int report) {
    ::signal(SIGINT, SIG_IGN);
    return run_reporting(report, {});
  });
  ASSERT_EQ(child.read(1), "\n");
  child.send(SIGINT);
  EXPECT_EQ(child.read(9), std::to_string(SIGINT) + "p");
  EXPECT_EQ(child.wait(), code(EndReason::interrupted));
}

TEST(Session, ASecondInterruptLeavesAtOnceWith130) {
  Forked child([](int report) {
    run_reporting(report, {});
    say(report, "slow");
    for (;;) ::pause();
    return failed;
  });
  ASSERT_EQ(child.read(1), "\n");
  child.send(SIGINT);
  ASSERT_EQ(child.read(6), "2pslow");
  child.send(SIGINT);
  EXPECT_EQ(child.wait(), 130);
}

// Sends SIGINT until it has ended; two that are sent at once count as one.
int interrupt_to_the_end(Forked& child) {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, child.pid(), 0)));
  pollfd ended{fd.get(), POLLIN, 0};
  for (int i = 0; i < 1000 && ended.revents == 0; ++i) {
    child.send(SIGINT);
    ::poll(&ended, 1, 10);
  }
  return ended.revents != 0 ? child.wait() : failed;
}

TEST(Session, ASecondInterruptLeavesABlockedProgram) {
  Forked writing([](int report) {
    auto session = Session::open();
    say(report, "r");
    say(report, std::string(1U << 20, 'x'));
    return failed;
  });
  ASSERT_EQ(writing.read(1), "r");
  EXPECT_EQ(interrupt_to_the_end(writing), 130);
  Forked hooked([](int report) {
    auto session = Session::open();
    auto hooks = quiet_hooks();
    hooks.tick = [report]() -> Status {
      say(report, "r");
      for (;;) ::pause();
    };
    (void)session->run({.tick_ns = ms}, hooks);
    return failed;
  });
  ASSERT_EQ(hooked.read(1), "r");
  EXPECT_EQ(interrupt_to_the_end(hooked), 130);
}

TEST(Session, AFirstInterruptTearsNothingAndEndsTheRun) {
  std::string text(1U << 20, 'x');
  Forked child([&](int report) {
    auto session = Session::open();
    say(report, "r");
    say(report, text);
    auto end = session->run({.duration_ns = forever}, quiet_hooks());
    return end && end->signal == SIGINT ? code(end->reason) : failed;
  });
  ASSERT_EQ(child.read(1), "r");
  child.send(SIGINT);
  EXPECT_EQ(child.read(text.size()), text);
  EXPECT_EQ(child.wait(), code(EndReason::interrupted));
}

TEST(Session, ASecondTerminationWaitsForTheReport) {
  Forked child([](int report) {
    run_reporting(report, {});
    ::raise(SIGTERM);
    say(report, "done");
    return 0;
  });
  ASSERT_EQ(child.read(1), "\n");
  child.send(SIGTERM);
  EXPECT_EQ(child.read(9), "15pdone");
  EXPECT_EQ(child.wait(), 0);
}

TEST(Session, RestoredSignalsHaveTheirDefaultEffect) {
  Forked child([](int report) {
    run_reporting(report, {});
    Session::restore_signals();
    ::raise(SIGTERM);
    return failed;
  });
  ASSERT_EQ(child.read(1), "\n");
  child.send(SIGTERM);
  EXPECT_EQ(child.wait(), 128 + SIGTERM);
}

TEST(Session, LastsAsLongAsItsDuration) {
  Forked child([](int report) {
    auto start = monotonic_ns();
    auto status = run_reporting(report, {.duration_ns = 30 * ms});
    return monotonic_ns() - start >= 30 * ms ? status : failed;
  });
  EXPECT_EQ(child.wait(), code(EndReason::duration));
}

// A machine under load may merge expirations, so there can be fewer intervals;
// never may there be one that the last report belongs to.
TEST(Session, TheLastIntervalIsLeftToTheLastReport) {
  for (int i = 0; i < 5; ++i) {
    Forked child([](int report) {
      auto session = Session::open();
      auto hooks = quiet_hooks();
      hooks.interval = [report] {
        say(report, "i");
        return Status();
      };
      auto end =
          session->run({.duration_ns = 90 * ms, .interval_ns = 30 * ms}, hooks);
      return end ? code(end->reason) : failed;
    });
    auto intervals = child.read(9).size();
    EXPECT_LE(intervals, 2U);
    EXPECT_EQ(child.wait(), code(EndReason::duration));
  }
}

TEST(Session, IntervalsWithoutADurationGoOn) {
  Forked child([](int report) {
    auto session = Session::open();
    auto hooks = quiet_hooks();
    int intervals = 0;
    hooks.interval = [&] {
      say(report, "i");
      if (++intervals == 4) session->end(EndReason::targets_gone);
      return Status();
    };
    auto end = session->run({.interval_ns = 1 * ms}, hooks);
    return end ? code(end->reason) : failed;
  });
  EXPECT_EQ(child.read(9), "iiii");
  EXPECT_EQ(child.wait(), code(EndReason::targets_gone));
}

TEST(Session, TicksAndEndsWithTheFailureOfAHook) {
  Forked child([](int report) {
    auto session = Session::open();
    auto hooks = quiet_hooks();
    int ticks = 0;
    hooks.tick = [&]() -> Status {
      if (++ticks < 3) return {};
      return fail(ErrorKind::unsupported, "third tick");
    };
    auto end = session->run({.duration_ns = forever, .tick_ns = 1 * ms}, hooks);
    say(report, end ? "ended" : end.error().what);
    return 0;
  });
  EXPECT_EQ(child.read(64), "third tick");
}

TEST(Session, EndsWhenTheReaderOfItsOutputGoes) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd reader(ends[0]);
  UniqueFd output(ends[1]);
  Forked child([&](int report) {
    reader.reset();
    return run_reporting(report, {.output_fd = output.get()});
  });
  ASSERT_EQ(child.read(1), "\n");
  reader.reset();
  EXPECT_EQ(child.read(9), "0p");
  EXPECT_EQ(child.wait(), code(EndReason::reader_gone));
}

TEST(Session, AnOutputThatCannotHangUpIsNoFailure) {
  for (auto path : {"/proc/self/exe", "/dev/null"}) {
    Forked child([path](int report) {
      UniqueFd output(::open(path, O_RDONLY | O_CLOEXEC));
      return run_reporting(report,
                           {.duration_ns = 5 * ms, .output_fd = output.get()});
    });
    EXPECT_EQ(child.wait(), code(EndReason::duration)) << path;
  }
}

TEST(Session, HandsOverWhatItWatches) {
  Forked child([](int report) {
    auto session = Session::open();
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return failed;
    auto watched = session->watch(ends[0], [&]() -> Status {
      char byte = 0;
      if (::read(ends[0], &byte, 1) != 1) {
        return fail(ErrorKind::runtime, "nothing to read");
      }
      say(report, {byte});
      if (byte == 'z') session->end(EndReason::command_ended);
      return {};
    });
    say(ends[1], "az");
    auto end = session->run({.duration_ns = forever}, quiet_hooks());
    return watched && end ? code(end->reason) : failed;
  });
  EXPECT_EQ(child.read(9), "az");
  EXPECT_EQ(child.wait(), code(EndReason::command_ended));
}

pid_t start_waiting() {
  auto pid = ::fork();
  while (pid == 0) ::pause();
  return pid;
}

void end_process(pid_t pid) {
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

TEST(Session, EndsWithTheLastOfItsTargets) {
  Forked child([](int report) {
    auto session = Session::open();
    auto first = start_waiting();
    auto second = start_waiting();
    auto first_fd = watch_process(first);
    auto second_fd = watch_process(second);
    auto hooks = quiet_hooks();
    int ticks = 0;
    hooks.tick = [&] {
      ++ticks;
      if (ticks == 1) end_process(first);
      if (ticks == 5) say(report, "one left;");
      if (ticks == 5) end_process(second);
      return Status();
    };
    auto end = session->run({.duration_ns = forever,
                             .tick_ns = 1 * ms,
                             .target_fds = {first_fd->get(), second_fd->get()}},
                            hooks);
    return end ? code(end->reason) : failed;
  });
  EXPECT_EQ(child.read(64), "one left;");
  EXPECT_EQ(child.wait(), code(EndReason::targets_gone));
}

TEST(Session, EndsWithItsCommand) {
  Forked child([](int report) {
    auto session = Session::open();
    auto command = start_waiting();
    auto fd = watch_process(command);
    auto hooks = quiet_hooks();
    hooks.tick = [command] {
      ::kill(command, SIGKILL);
      return Status();
    };
    auto end = session->run({.duration_ns = forever,
                             .tick_ns = 1 * ms,
                             .ready_fd = report,
                             .command_fd = fd->get()},
                            hooks);
    return end ? code(end->reason) : failed;
  });
  EXPECT_EQ(child.read(9), "\n") << "one byte, no more";
  EXPECT_EQ(child.wait(), code(EndReason::command_ended));
}

TEST(Session, SaysThatNobodyCanBeTold) {
  Forked child([](int report) {
    ::signal(SIGPIPE, SIG_IGN);
    auto session = Session::open();
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return failed;
    ::close(ends[0]);
    auto end = session->run({.duration_ns = forever, .ready_fd = ends[1]},
                            quiet_hooks());
    say(report, end ? "ended" : end.error().what);
    return 0;
  });
  EXPECT_EQ(child.read(64), "cannot write to --ready-fd: Broken pipe");
}

TEST(WatchProcess, SaysThatThereIsNone) {
  auto none = watch_process(5'000'000);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::runtime);
  EXPECT_EQ(none.error().what, "no such process: 5000000");
}

TEST(WatchProcess, TellsAThreadFromAProcess) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  std::atomic<pid_t> tid = 0;
  std::thread thread([&] {
    tid = ::gettid();
    tid.notify_one();
    char byte = 0;
    [[maybe_unused]] auto got = ::read(reader.get(), &byte, 1);
  });
  tid.wait(0);
  auto none = watch_process(tid);
  writer.reset();
  thread.join();
  ASSERT_FALSE(none);
  auto number = std::to_string(tid);
  EXPECT_EQ(none.error().what, "no such process: " + number);
  EXPECT_EQ(none.error().hint, number + " is a thread: use -L");
}

}  // namespace
}  // namespace sightline::cli
