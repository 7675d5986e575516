// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <expected>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "cli/exit_status.h"

namespace sightline::cli {
namespace {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0)
    return fail_errno("cannot make a pipe");
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// Ours, and what whoever started us left ignored, which exec keeps: a program
// runs under the tool as it does from a shell. Asked of the kernel itself,
// because sigaction(3) refuses 32 and 33, which glibc takes for its threads and
// some starters leave ignored all the same. All zeros is SIG_DFL without flags
// (struct sigaction, include/linux/signal_types.h); it is refused for SIGKILL
// and SIGSTOP, which are default always.
void restore_signals() {
  constexpr std::array<unsigned long, 4> by_default{};
  constexpr std::size_t set_bytes = 8;
  for (int number = 1; number <= SIGRTMAX; ++number) {
    ::syscall(SYS_rt_sigaction, number, by_default.data(), nullptr, set_bytes);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// While this lives, a SIGINT waits: in the held child, whose handler is still
// the tool's, it must reach the command.
class InterruptsBlocked {
 public:
  InterruptsBlocked() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    ::sigprocmask(SIG_BLOCK, &set, &before_);
  }
  InterruptsBlocked(const InterruptsBlocked&) = delete;
  InterruptsBlocked& operator=(const InterruptsBlocked&) = delete;
  ~InterruptsBlocked() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

// In the child between fork and exec: only async-signal-safe calls.
[[noreturn]] void run_child(int gate, int verdict, char* const* arguments) {
  char go = 0;
  // End of file: the tool died or gave up before it let us go.
  if (::read(gate, &go, 1) != 1) ::_exit(125);
  restore_signals();
  ::execvp(arguments[0], arguments);
  int err = errno;
  [[maybe_unused]] auto wrote = ::write(verdict, &err, sizeof(err));
  ::_exit(exec_failure(err));
}

bool may(const std::string& path, int mode) {
  return ::faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) == 0;
}

// What execvp takes without PATH (confstr(3), _CS_PATH).
std::string search_path() {
  const char* path = std::getenv("PATH");
  return path != nullptr ? path : "/bin:/usr/bin";
}

// The file, or an errno. A directory that may not be searched has nothing for
// us, as shells see it; execvp would call that EACCES.
std::expected<std::string, int> search(const std::string& name) {
  if (name.empty()) return std::unexpected(ENOENT);
  if (name.find('/') != std::string::npos) {
    if (may(name, X_OK)) return name;
    return std::unexpected(errno);
  }
  int err = ENOENT;
  auto path = search_path();
  for (auto directory : split(path, ':')) {
    auto place = directory.empty() ? "." : std::string(directory);
    auto file = place + "/" + name;
    if (may(file, X_OK)) return file;
    if (may(file, F_OK)) err = EACCES;
  }
  return std::unexpected(err);
}

}  // namespace

int exec_failure(int err) {
  return err == ENOENT ? status_not_found : status_not_executable;
}

Error cannot_run(const std::string& name, int err) {
  auto what = fmt::format("cannot run '{}'", printable(name));
  return fail_errno(std::move(what), err).error();
}

Result<std::string> find_command(const std::string& name) {
  auto found = search(name);
  if (found) return *std::move(found);
  return std::unexpected(cannot_run(name, found.error()));
}

Result<Command> Command::spawn(const std::vector<std::string>& arguments) {
  auto gate = SL_TRY(make_pipe());
  auto verdict = SL_TRY(make_pipe());
  std::vector<char*> argv;
  for (const auto& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  // Ignored, as whoever started us may have left it, the kernel would reap the
  // child and keep its status from us (waitpid(2), NOTES).
  ::signal(SIGCHLD, SIG_DFL);
  Command command;
  InterruptsBlocked blocked;
  command.pid_ = ::fork();
  if (command.pid_ < 0) return fail_errno("cannot start the command");
  if (command.pid_ == 0) {
    // The child's own copy of the far end would keep the gate open.
    gate.write.reset();
    run_child(gate.read.get(), verdict.write.get(), argv.data());
  }
  command.gate_ = std::move(gate.write);
  command.verdict_ = std::move(verdict.read);
  command.pidfd_.reset(
      static_cast<int>(::syscall(SYS_pidfd_open, command.pid_, 0)));
  if (!command.pidfd_) return fail_errno("cannot watch the command");
  return command;
}

Command::Command(Command&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      gate_(std::move(other.gate_)),
      verdict_(std::move(other.verdict_)) {}

Command::~Command() {
  gate_.reset();
  // Held at the gate it leaves by itself; a running command is not ours to end.
  if (pid_ > 0 && verdict_) ::waitpid(pid_, nullptr, 0);
}

Result<int> Command::release() {
  SL_CHECK(write_all(gate_.get(), "g", 1));
  gate_.reset();
  auto said = SL_TRY(read_fd(verdict_.get(), sizeof(int)));
  verdict_.reset();
  if (said.size() < sizeof(int)) return 0;
  int err = 0;
  said.copy(reinterpret_cast<char*>(&err), sizeof(err));
  return err;
}

void Command::signal(int number) const {
  if (pid_ > 0)
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
}

Result<int> Command::wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0) {
    if (errno != EINTR) return fail_errno("cannot wait for the command");
  }
  pid_ = -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace sightline::cli
