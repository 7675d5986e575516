// SPDX-License-Identifier: Apache-2.0
#include "cli/program.h"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>

#include "forked.h"
#include "full_table.h"

namespace sightline::cli {
namespace {

struct Ending {
  int status;
  std::string message;
};

Ending ending_of(const std::function<Result<int>()>& body) {
  char name[] = "sampler";
  char* argv[] = {name, nullptr};
  testing::internal::CaptureStderr();
  auto status = run_program("sampler", 1, argv, [&](auto) { return body(); });
  return {status, testing::internal::GetCapturedStderr()};
}

TEST(Program, StatusOfTheBodyIsKept) {
  auto ending = ending_of([] { return Result<int>(42); });
  EXPECT_EQ(ending.status, 42);
  EXPECT_EQ(ending.message, "");
}

TEST(Program, AnErrorIsReportedOnce) {
  auto ending = ending_of([]() -> Result<int> {
    set_quiet(false);
    return fail(ErrorKind::permission, "no CAP_BPF", "run with sudo");
  });
  EXPECT_EQ(ending.status, 3);
  EXPECT_EQ(ending.message, "sampler: no CAP_BPF\nhint: run with sudo\n");
}

struct Verdict {
  int status;
  std::string message;
};

Verdict verdict_on(double lost, std::optional<double> limit) {
  testing::internal::CaptureStderr();
  auto status = judge_loss("sampler", lost, limit);
  return {status, testing::internal::GetCapturedStderr()};
}

TEST(JudgeLoss, SaysWhatIsMoreThanTheLimit) {
  auto verdict = verdict_on(3.5714, 0);
  EXPECT_EQ(verdict.status, 5);
  EXPECT_EQ(verdict.message, "sampler: 3.6 % lost, more than --max-loss 0\n");
  EXPECT_EQ(verdict_on(100, 2.5).message,
            "sampler: 100.0 % lost, more than --max-loss 2.5\n");
}

TEST(JudgeLoss, SaysItWithoutHintsToo) {
  set_quiet(true);
  auto verdict = verdict_on(1, 0);
  set_quiet(false);
  EXPECT_EQ(verdict.status, 5);
  EXPECT_EQ(verdict.message, "sampler: 1.0 % lost, more than --max-loss 0\n");
}

TEST(JudgeLoss, ShowsAsManyDigitsAsTellTheTwoApart) {
  EXPECT_EQ(verdict_on(0.00123, 0).message,
            "sampler: 0.001 % lost, more than --max-loss 0\n");
  EXPECT_EQ(verdict_on(2.5004, 2.5).message,
            "sampler: 2.5004 % lost, more than --max-loss 2.5\n");
}

TEST(JudgeLoss, HasNothingAgainstTheRest) {
  for (auto limit : {std::optional<double>(2.5), std::optional<double>()}) {
    auto verdict = verdict_on(2.5, limit);
    EXPECT_EQ(verdict.status, 0);
    EXPECT_EQ(verdict.message, "");
  }
  EXPECT_EQ(verdict_on(0, 0).status, 0);
}

// Puts a pipe in a standard descriptor's place and returns its reader.
UniqueFd replace_with_pipe(int number) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  EXPECT_EQ(::dup2(ends[1], number), number);
  ::close(ends[1]);
  return UniqueFd(ends[0]);
}

TEST(Program, AReaderOfItsTextThatLeftIsNoError) {
  Forked child([](int) {
    replace_with_pipe(STDOUT_FILENO).reset();
    return ending_of([]() -> Result<int> {
             SL_CHECK(print_text("much to read"));
             return 7;
           })
        .status;
  });
  EXPECT_EQ(child.wait(), 7);
}

TEST(Program, AnyOtherBrokenPipeIsAnError) {
  auto ending = ending_of([]() -> Result<int> {
    return fail_errno("cannot write to --ready-fd", EPIPE);
  });
  EXPECT_EQ(ending.status, 1);
  EXPECT_EQ(ending.message,
            "sampler: cannot write to --ready-fd: Broken pipe\n");
}

TEST(Program, SaysItAllThoughStderrBelongsToAnother) {
  std::string text(200'000, 'x');
  Forked child([&](int report) {
    ::fcntl(report, F_SETFL, O_WRONLY | O_NONBLOCK);
    ::dup2(report, STDERR_FILENO);
    say(text);
    return 0;
  });
  EXPECT_EQ(child.read(text.size()), text);
  EXPECT_EQ(child.wait(), 0);
}

TEST(Program, AStderrThatTakesNothingHoldsNothingUp) {
  Forked closed([](int) {
    ::close(STDERR_FILENO);
    say("nobody hears");
    return 7;
  });
  EXPECT_EQ(closed.wait(), 7);
  Forked hung_up([](int) {
    ::signal(SIGPIPE, SIG_IGN);
    replace_with_pipe(STDERR_FILENO).reset();
    say("nobody hears");
    return 7;
  });
  EXPECT_EQ(hung_up.wait(), 7);
  Forked stuck([](int) {
    auto reader = replace_with_pipe(STDERR_FILENO);
    say(std::string(1U << 20, 'x'));
    return 7;
  });
  EXPECT_EQ(stuck.wait(), 7);
}

TEST(Program, QuietMessagesHaveNoHint) {
  FullTool tool;
  Error error{ErrorKind::usage, 0, "bad", "do good"};
  ASSERT_TRUE(tool.parse({"-q"}));
  auto message = error_message("x", error);
  set_quiet(false);
  EXPECT_EQ(message, "x: bad\nTry 'x --help' for more information.\n");
}

TEST(Program, AnExceptionEndsAtTheEdge) {
  auto ending =
      ending_of([]() -> Result<int> { throw std::runtime_error("boom"); });
  EXPECT_EQ(ending.status, 1);
  EXPECT_EQ(ending.message, "sampler: boom\n");
}

TEST(Program, MessageIsOneLineOneHintAndAPointer) {
  set_quiet(false);
  EXPECT_EQ(error_message("x", {ErrorKind::runtime, 0, "it \x1b broke\n", {}}),
            "x: it \\x1b broke\\x0a\n");
  EXPECT_EQ(error_message("x", {ErrorKind::usage, 0, "bad", "do good"}),
            "x: bad\nhint: do good\nTry 'x --help' for more information.\n");
}

TEST(Program, VersionAndFeatures) {
  FullTool tool;
  testing::internal::CaptureStdout();
  ASSERT_TRUE(answer(tool.table, *tool.parse({"-V"}), "page", "BTF: yes\n"));
  EXPECT_EQ(testing::internal::GetCapturedStdout(),
            "sampler " + std::string(version()) + "\nBTF: yes\n");
}

TEST(Program, ManPageAndGeneratedText) {
  FullTool tool;
  testing::internal::CaptureStdout();
  ASSERT_TRUE(answer(tool.table, *tool.parse({"--man"}), "page"));
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "page");
  auto unknown = answer(tool.table, *tool.parse({"--generate", "x"}), "page");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::usage);
  EXPECT_EQ(unknown.error().what,
            "--generate: expected man-options, man-exit-status, "
            "complete-bash, complete-zsh or complete-fish, got 'x'");
}

}  // namespace
}  // namespace sightline::cli
