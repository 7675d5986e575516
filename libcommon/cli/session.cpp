// SPDX-License-Identifier: Apache-2.0
#include "cli/session.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>

#include "base/clock.h"
#include "base/file.h"
#include "base/units.h"

namespace sightline::cli {
namespace {

bool is_ignored(int number) {
  struct sigaction action{};
  ::sigaction(number, nullptr, &action);
  return action.sa_handler == SIG_IGN;
}

// The signals that wait for run(). SIGHUP stays ignored when it was (nohup).
sigset_t waiting_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int number : {SIGTERM, SIGUSR1}) sigaddset(&set, number);
  if (!is_ignored(SIGHUP)) sigaddset(&set, SIGHUP);
  return set;
}

// What the handler of SIGINT shares with the session. The eventfd is never
// closed, for the handler may run at any time.
std::atomic<int> interrupt_fd = -1;
std::atomic<bool> interrupted = false;
std::atomic<bool> interrupted_from_terminal = false;

// The impatient second Ctrl-C leaves, whatever is being loaded, written or
// named meanwhile; only a handler gets through to a blocked program.
void on_interrupt(int, siginfo_t* info, void*) {
  if (interrupted) ::_exit(128 + SIGINT);
  int err = errno;
  interrupted_from_terminal = info->si_code == SI_KERNEL;
  interrupted = true;
  std::uint64_t one = 1;
  [[maybe_unused]] auto wrote = ::write(interrupt_fd, &one, sizeof(one));
  errno = err;
}

// SIGINT is heeded also where it was ignored or blocked: a shell ignores it for
// what it runs in the background, and `kill -INT` is how scripts end us.
Status heed_interrupts() {
  interrupted = false;
  if (interrupt_fd < 0) interrupt_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (interrupt_fd < 0) return fail_errno("cannot make the event loop");
  struct sigaction action{};
  action.sa_sigaction = on_interrupt;
  // epoll_wait(2) ends all the same; what libraries wait for need not.
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  if (::sigaction(SIGINT, &action, nullptr) != 0 ||
      ::sigprocmask(SIG_UNBLOCK, &set, nullptr) != 0) {
    return fail_errno("cannot handle signals");
  }
  return {};
}

itimerspec timer_for(std::uint64_t ns, bool repeats) {
  timespec time{static_cast<time_t>(ns / ns_per_second),
                static_cast<long>(ns % ns_per_second)};
  return {.it_interval = repeats ? time : timespec{}, .it_value = time};
}

// Of a timer or an eventfd.
void clear_counter(int fd) {
  std::uint64_t count = 0;
  [[maybe_unused]] auto got = ::read(fd, &count, sizeof(count));
}

}  // namespace

Result<Session> Session::open() {
  Session session;
  auto set = waiting_signals();
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) {
    return fail_errno("cannot block signals");
  }
  SL_CHECK(heed_interrupts());
  session.signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  session.epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!session.signals_ || !session.epoll_) {
    return fail_errno("cannot make the event loop");
  }
  return session;
}

void Session::restore_signals() {
  auto set = waiting_signals();
  for (int number : {SIGINT, SIGTERM, SIGUSR1}) ::signal(number, SIG_DFL);
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

Status Session::add(int fd, std::uint32_t events, Handler handler) {
  epoll_event event{.events = events, .data = {.u64 = handlers_.size()}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return fail_errno("cannot watch a descriptor");
  }
  handlers_.push_back(std::move(handler));
  return {};
}

Status Session::watch(int fd, std::function<Status()> ready) {
  return add(fd, EPOLLIN, std::move(ready));
}

Status Session::add_timer(std::uint64_t ns, bool repeats, Handler handler) {
  UniqueFd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  auto time = timer_for(ns, repeats);
  if (!timer || ::timerfd_settime(timer.get(), 0, &time, nullptr) != 0) {
    return fail_errno("cannot set a timer");
  }
  SL_CHECK(add(timer.get(), EPOLLIN,
               [fd = timer.get(), handler = std::move(handler)] {
                 clear_counter(fd);
                 return handler();
               }));
  timers_.push_back(std::move(timer));
  return {};
}

Status Session::add_ends(const SessionSettings& settings) {
  if (settings.output_fd >= 0) {
    // EPOLLERR always reports; a regular file cannot be watched and need not.
    auto watched = add(settings.output_fd, 0, [this] {
      end(EndReason::reader_gone);
      return Status();
    });
    if (!watched && watched.error().err != EPERM) return watched;
  }
  if (settings.command_fd >= 0) {
    SL_CHECK(add(settings.command_fd, EPOLLIN, [this] {
      end(EndReason::command_ended);
      return Status();
    }));
  }
  living_targets_ = settings.target_fds.size();
  for (int fd : settings.target_fds) {
    SL_CHECK(add(fd, EPOLLIN | EPOLLONESHOT, [this] {
      if (--living_targets_ == 0) end(EndReason::targets_gone);
      return Status();
    }));
  }
  return {};
}

Status Session::add_timers(const SessionSettings& settings,
                           const SessionHooks& hooks) {
  auto start = monotonic_ns();
  if (settings.duration_ns) {
    SL_CHECK(add_timer(*settings.duration_ns, false, [this] {
      end(EndReason::duration);
      return Status();
    }));
  }
  if (settings.interval_ns) {
    SL_CHECK(add_timer(*settings.interval_ns, true, [=, &hooks]() -> Status {
      // The last interval ends with the duration; its report is the final one.
      auto soon = monotonic_ns() + *settings.interval_ns / 100;
      bool last = settings.duration_ns && soon >= start + *settings.duration_ns;
      return last ? Status() : hooks.interval();
    }));
  }
  if (settings.tick_ns > 0) {
    SL_CHECK(
        add_timer(settings.tick_ns, true, [&hooks] { return hooks.tick(); }));
  }
  return {};
}

Status Session::on_signal(const SessionHooks& hooks) {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    auto number = static_cast<int>(info.ssi_signo);
    if (number == SIGUSR1) {
      SL_CHECK(hooks.snapshot());
      continue;
    }
    // A first SIGINT after this is the second request to end.
    interrupted = true;
    if (!end_) {
      end_ = End{EndReason::interrupted, number, info.ssi_code == SI_KERNEL};
    }
  }
  return {};
}

Status Session::watch_interrupts() {
  return add(interrupt_fd, EPOLLIN, [this]() -> Status {
    clear_counter(interrupt_fd);
    // A command that is still held has the handler too, and this descriptor.
    if (interrupted && !end_) {
      end_ = End{EndReason::interrupted, SIGINT, interrupted_from_terminal};
    }
    return {};
  });
}

Status Session::poll_once() {
  std::array<epoll_event, 16> events{};
  auto count = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
  if (count < 0 && errno != EINTR) return fail_errno("cannot wait for events");
  for (int i = 0; i < count && !end_; ++i) {
    SL_CHECK(handlers_[events[static_cast<std::size_t>(i)].data.u64]());
  }
  return {};
}

Result<End> Session::run(const SessionSettings& settings,
                         const SessionHooks& hooks) {
  SL_CHECK(add(signals_.get(), EPOLLIN, [&] { return on_signal(hooks); }));
  SL_CHECK(watch_interrupts());
  SL_CHECK(add_ends(settings));
  SL_CHECK(add_timers(settings, hooks));
  if (settings.ready_fd) {
    auto told = write_all(*settings.ready_fd, "\n", 1);
    if (!told)
      return fail_errno("cannot write to --ready-fd", told.error().err);
  }
  while (!end_) SL_CHECK(poll_once());
  return *end_;
}

Result<UniqueFd> watch_process(pid_t pid) {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (fd) return fd;
  // What the kernel calls a thread other than the first changed from EINVAL to
  // ENOENT (pidfd_prepare, kernel/fork.c, Linux 6.9 to 6.18).
  int err = errno;
  if (err != ESRCH && err != EINVAL && err != ENOENT) {
    return fail_errno(fmt::format("cannot watch process {}", pid), err);
  }
  bool thread = ::access(fmt::format("/proc/{}", pid).c_str(), F_OK) == 0;
  return fail(ErrorKind::runtime, fmt::format("no such process: {}", pid),
              thread ? fmt::format("{} is a thread: use -L", pid) : "");
}

// A pidfd is readable once the whole process has ended, also unreaped.
Result<UniqueFd> watch_living_process(pid_t pid) {
  auto fd = SL_TRY(watch_process(pid));
  pollfd process{.fd = fd.get(), .events = POLLIN, .revents = 0};
  if (::poll(&process, 1, 0) == 0) return fd;
  return fail(ErrorKind::runtime,
              fmt::format("process {} has ended already (zombie)", pid));
}

}  // namespace sightline::cli
