// SPDX-License-Identifier: Apache-2.0
// A function in a process of its own, because it changes signals for good or
// is to be ended by one.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <string>

#include "base/handle.h"

namespace sightline::cli {

// The function's argument is a pipe to its parent, its result the exit status.
class Forked {
 public:
  explicit Forked(const std::function<int(int report)>& function) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    report_.reset(ends[0]);
    UniqueFd write_end(ends[1]);
    pid_ = ::fork();
    if (pid_ == 0) {
      report_.reset();
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // no test outlives its program
      ::_exit(function(write_end.get()));
    }
  }
  Forked(const Forked&) = delete;
  Forked& operator=(const Forked&) = delete;
  ~Forked() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  [[nodiscard]] pid_t pid() const { return pid_; }
  void send(int signal) const { EXPECT_EQ(::kill(pid_, signal), 0); }

  // What it reports next, as far as `size` bytes; less at its end.
  std::string read(std::size_t size) {
    std::string text(size, '\0');
    std::size_t got = 0;
    while (got < size) {
      auto more = ::read(report_.get(), text.data() + got, size - got);
      if (more <= 0) break;
      got += static_cast<std::size_t>(more);
    }
    text.resize(got);
    return text;
  }

  // Its exit status, 128 + n for signal n.
  int wait() {
    int status = 0;
    EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
    pid_ = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  pid_t pid_ = -1;
  UniqueFd report_;
};

}  // namespace sightline::cli
