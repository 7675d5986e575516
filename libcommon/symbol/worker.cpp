// SPDX-License-Identifier: Apache-2.0
#include "symbol/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <new>
#include <vector>

#include "base/clock.h"
#include "base/handle.h"
#include "base/units.h"
#include "symbol/confine.h"

namespace sightline::symbol {
namespace {

constexpr std::uint64_t tick_ns = 100 * ns_per_ms;

// In the worker: when so much cannot be had, there is no memory left.
std::size_t too_little = 0;

// Libraries go on with the null that malloc() gave them. A crash when no memory
// is left is taken for that; any other happens again, and nobody handles it.
void on_crash(int /*signal*/) {
  void* const memory = ::mmap(nullptr, too_little, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) ::_exit(worker_exit_memory);
}

// Ends without what exit() would do a second time for the caller.
[[noreturn]] void run_body(const WorkerLimits& limits, pid_t parent,
                           std::span<const int> keep, int out,
                           const std::function<void(int)>& body) {
  const auto now = monotonic_ns();
  const auto left = limits.deadline_ns > now ? limits.deadline_ns - now : 0;
  std::vector<int> kept(keep.begin(), keep.end());
  kept.push_back(out);
  too_little = limits.memory_bytes / 16;
  confine(parent, kept, limits.memory_bytes, 1 + left / ns_per_second,
          on_crash);
  try {
    body(out);
  } catch (const std::bad_alloc&) {
    ::_exit(worker_exit_memory);
  } catch (...) {
    ::_exit(1);
  }
  ::_exit(0);
}

// What ended the reading: nothing (the other side closed), or us.
enum class Reading { ended, late, refused };

class Reader {
 public:
  Reader(int fd, std::uint64_t deadline_ns) : fd_(fd), deadline_(deadline_ns) {}

  Reading read_all(const std::function<bool(std::span<const char>)>& take,
                   const std::function<void()>& tick) {
    std::vector<char> buffer(1U << 16);
    auto next_tick = monotonic_ns();
    while (true) {
      const auto now = monotonic_ns();
      if (now >= deadline_) return Reading::late;
      if (now >= next_tick) {
        tick();
        next_tick = now + tick_ns;
      }
      const auto wait_ns = std::min(tick_ns, deadline_ - now);
      pollfd pipe{.fd = fd_, .events = POLLIN, .revents = 0};
      if (::poll(&pipe, 1, static_cast<int>(wait_ns / ns_per_ms) + 1) <= 0) {
        continue;
      }
      const ssize_t got = ::read(fd_, buffer.data(), buffer.size());
      if (got == 0 || (got < 0 && errno != EINTR)) return Reading::ended;
      if (got < 0) continue;
      if (!take(std::span(buffer).first(static_cast<std::size_t>(got)))) {
        return Reading::refused;
      }
    }
  }

 private:
  int fd_;
  std::uint64_t deadline_;
};

// It may have closed its end and still run: nothing more is expected of it.
void await_exit(pid_t child) {
  constexpr int grace_ms = 1000;
  const UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  pollfd process{.fd = handle.get(), .events = POLLIN, .revents = 0};
  while (::poll(&process, 1, grace_ms) < 0 && errno == EINTR) {
  }
}

WorkerEnd end_of(int status) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
    return WorkerEnd::late;
  }
  if (!WIFEXITED(status)) return WorkerEnd::died;
  if (WEXITSTATUS(status) == worker_exit_memory) {
    return WorkerEnd::out_of_memory;
  }
  return WEXITSTATUS(status) == 0 ? WorkerEnd::finished : WorkerEnd::died;
}

}  // namespace

WorkerEnd run_worker(const WorkerLimits& limits, std::span<const int> keep,
                     const std::function<void(int out)>& body,
                     const std::function<bool(std::span<const char>)>& take,
                     const std::function<void()>& tick) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return WorkerEnd::out_of_memory;
  const UniqueFd from(ends[0]);
  UniqueFd into(ends[1]);
  const pid_t self = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return WorkerEnd::out_of_memory;
  if (child == 0) run_body(limits, self, keep, into.get(), body);
  into.reset();
  const auto reading =
      Reader(from.get(), limits.deadline_ns).read_all(take, tick);
  if (reading == Reading::ended) await_exit(child);
  ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (reading == Reading::late) return WorkerEnd::late;
  if (reading == Reading::refused) return WorkerEnd::refused;
  return end_of(status);
}

}  // namespace sightline::symbol
