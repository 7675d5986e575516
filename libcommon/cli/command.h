// SPDX-License-Identifier: Apache-2.0
// A traced command: -- CMD [ARG...]. It is started at once but held before its
// first instruction, so that everything can be attached to its PID first.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "base/handle.h"

namespace sightline::cli {

// The path of the file that the command would be, looked for along PATH as
// shells do. Fails with errno; exec_failure() is the status for it. For the
// checks before anything is opened: the exec itself may still be refused.
Result<std::string> find_command(const std::string& name);

// 127 when a command is not there, 126 when it is not executable (`err` is
// what exec gave), as shells have it.
int exec_failure(int err);

// The message for it: "cannot run 'name': No such file or directory".
Error cannot_run(const std::string& name, int err);

// Owns the child: a command that was never released is ended. Not thread-safe.
class Command {
 public:
  // Forks. Fails with errno.
  static Result<Command> spawn(const std::vector<std::string>& arguments);

  Command(Command&& other) noexcept;
  Command& operator=(Command&&) = delete;
  ~Command();

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Readable once the command has ended.
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }

  // Lets it execute, with default signals and the tool's own environment.
  // Returns errno of the failed exec, 0 when it runs. Fails with errno.
  Result<int> release();

  // It was let go, and nobody has waited for it yet.
  [[nodiscard]] bool runs() const { return pid_ > 0 && !gate_; }

  // Passes a signal on to a command that still runs.
  void signal(int number) const;

  // Waits for the end: its exit status, 128 + n for signal n. Fails with errno.
  Result<int> wait();

 private:
  Command() = default;

  pid_t pid_ = -1;
  UniqueFd pidfd_;
  UniqueFd gate_;     // a byte here lets the child go
  UniqueFd verdict_;  // the child's errno, or end of file when it runs
};

}  // namespace sightline::cli
