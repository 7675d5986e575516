// SPDX-License-Identifier: Apache-2.0
#include "command_line.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>

namespace sightline::execsnoop {
namespace {

Exec program(const std::string& exe, std::vector<std::string> args) {
  Exec exec{.exe = exe, .args = std::move(args)};
  exec.args_count = static_cast<std::uint32_t>(exec.args.size());
  return exec;
}

TEST(CommandLine, IsForAShell) {
  auto exec = program("/bin/sh", {"sh", "-c", "echo 'a'"});
  exec.env = {"A=x y", "EMPTY="};
  EXPECT_EQ(command_line(exec), "A='x y' EMPTY='' sh -c 'echo '\\''a'\\'''");
  Exec nothing{.error = EFAULT, .file = "/bin/x y"};
  EXPECT_EQ(command_line(nothing), "'/bin/x y'");
}

TEST(Remarks, NothingWhereNothingIsSpecial) {
  EXPECT_EQ(remarks(program("/bin/sh", {"sh"}), false), "");
  EXPECT_EQ(remarks(program("/bin/bash", {"-bash"}), false), "");
}

TEST(Remarks, TheRealExecutable) {
  EXPECT_EQ(remarks(program("/usr/bin/dash", {"sh"}), false),
            " [/usr/bin/dash]");
  auto gone = program("/tmp/x", {"x"});
  gone.exe_deleted = true;
  EXPECT_EQ(remarks(gone, false), " [/tmp/x (deleted)]");
}

TEST(Remarks, WhatWasCut) {
  auto exec = program("/bin/x", {"x"});
  exec.args_count = 38;
  exec.args_bytes = 4300;
  exec.args_read = 100;
  EXPECT_EQ(remarks(exec, false), " [+37 args, 4.1 KiB]");
}

TEST(Remarks, WhereASearchHasLooked) {
  Exec exec{.error = ENOENT, .file = "/b/x", .args = {"x"}};
  exec.args_count = 1;
  exec.probes.push_back({"/a/x", ENOENT});
  EXPECT_EQ(remarks(exec, false), " [/b/x] [in 2 places]");
}

TEST(Remarks, ParentsNearestFirst) {
  auto exec = program("/bin/x", {"x"});
  exec.ancestors = {{7, "make"}, {1, "init"}};
  EXPECT_EQ(remarks(exec, true), " [< make(7) < init(1)]");
}

TEST(OutcomeText, IsAStatusASignalOrAWord) {
  EXPECT_EQ(outcome_text({.outcome = Outcome::exited, .exit_code = 3}), "3");
  EXPECT_EQ(outcome_text({.outcome = Outcome::killed, .signal = SIGKILL}),
            "SIGKILL");
  EXPECT_EQ(outcome_text({.outcome = Outcome::killed, .signal = 40}), "SIG40");
  EXPECT_EQ(outcome_text({.outcome = Outcome::replaced}), "exec");
}

}  // namespace
}  // namespace sightline::execsnoop
