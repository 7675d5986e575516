// SPDX-License-Identifier: Apache-2.0
// The one event loop of a tool: what it reads, its timers, signals, the end of
// a traced command or of its targets, and a reader that goes away.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/handle.h"

namespace sightline::cli {

enum class EndReason {
  duration,     // time is over
  interrupted,  // SIGINT, SIGTERM or SIGHUP
  reader_gone,  // nobody reads our output any more
  command_ended,
  targets_gone,  // every process of -p has ended
};

struct End {
  EndReason reason;
  int signal = 0;              // for `interrupted`
  bool from_terminal = false;  // sent by the kernel to the foreground group
};

struct SessionSettings {
  std::optional<std::uint64_t> duration_ns = {};
  std::optional<std::uint64_t> interval_ns = {};
  std::uint64_t tick_ns = 0;
  std::optional<int> ready_fd = {};  // gets one byte when the session starts
  int output_fd = -1;                // watched for its reader's hang-up
  int command_fd = -1;               // a pidfd
  // Pidfds; the session ends with the last one.
  std::vector<int> target_fds = {};
};

// What a tool does at each event. A failure ends the session with it.
struct SessionHooks {
  std::function<Status()> tick;
  std::function<Status()> interval;
  std::function<Status()> snapshot;  // SIGUSR1
};

// Make it first of all: from open() on the signals wait for run(), but a second
// SIGINT, or one after another signal has ended run(), ends the process at once
// with status 130, whatever blocks it. Not thread-safe; one per process.
class Session {
 public:
  // Fails with errno.
  static Result<Session> open();

  // Calls `ready` whenever `fd` is readable. Fails with errno.
  Status watch(int fd, std::function<Status()> ready);

  // Gives every signal its default effect again, for a wait after run().
  static void restore_signals();

  // Ends run(), from within a hook.
  void end(EndReason reason) { end_ = end_ ? end_ : End{reason}; }

  // Runs until something ends it. Fails with errno or as a hook does.
  Result<End> run(const SessionSettings& settings, const SessionHooks& hooks);

 private:
  using Handler = std::function<Status()>;

  Session() = default;
  Status add(int fd, std::uint32_t events, Handler handler);
  Status add_timer(std::uint64_t ns, bool repeats, Handler handler);
  Status add_ends(const SessionSettings& settings);
  Status add_timers(const SessionSettings& settings, const SessionHooks& hooks);
  Status on_signal(const SessionHooks& hooks);
  Status watch_interrupts();
  Status poll_once();

  UniqueFd epoll_;
  UniqueFd signals_;
  std::vector<UniqueFd> timers_;
  std::vector<Handler> handlers_;
  std::optional<End> end_;
  std::size_t living_targets_ = 0;
};

// A descriptor that is readable once the process has ended. Fails as runtime
// with "no such process" when there is none, or only a thread of that number.
Result<UniqueFd> watch_process(pid_t pid);

// The same; one that has ended and was not waited for (a zombie) is none
// either.
Result<UniqueFd> watch_living_process(pid_t pid);

}  // namespace sightline::cli
