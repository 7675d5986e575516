// SPDX-License-Identifier: Apache-2.0
#include "cli/program.h"

#include <gtest/gtest.h>

#include <stdexcept>

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
    return fail(ErrorKind::permission, "no CAP_BPF", "run with sudo");
  });
  EXPECT_EQ(ending.status, 3);
  EXPECT_EQ(ending.message, "sampler: no CAP_BPF\nhint: run with sudo\n");
}

TEST(Program, AReaderThatLeftIsNoError) {
  auto ending = ending_of(
      []() -> Result<int> { return fail_errno("cannot write", EPIPE); });
  EXPECT_EQ(ending.status, 0);
  EXPECT_EQ(ending.message, "");
}

TEST(Program, AnExceptionEndsAtTheEdge) {
  auto ending =
      ending_of([]() -> Result<int> { throw std::runtime_error("boom"); });
  EXPECT_EQ(ending.status, 1);
  EXPECT_EQ(ending.message, "sampler: boom\n");
}

TEST(Program, MessageIsOneLineOneHintAndAPointer) {
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
