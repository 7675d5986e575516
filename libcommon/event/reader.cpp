// SPDX-License-Identifier: Apache-2.0
#include "event/reader.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>

#include "base/clock.h"
#include "base/units.h"
#include "cli/priority.h"
#include "cli/privileges.h"

namespace sightline::event {
namespace {

// After a pass over the ring nobody looks at it for so long, unless it fills.
constexpr std::uint64_t pause_ns = 20 * ns_per_ms;

void post(int eventfd) {
  std::uint64_t one = 1;
  [[maybe_unused]] auto size = ::write(eventfd, &one, sizeof(one));
}

void clear(int eventfd) {
  std::uint64_t count = 0;
  [[maybe_unused]] auto size = ::read(eventfd, &count, sizeof(count));
}

}  // namespace

Result<std::unique_ptr<Reader>> Reader::open(int map_fd,
                                             Backlog::Handler handler,
                                             std::size_t bound) {
  std::unique_ptr<Reader> reader(new Reader(std::move(handler), bound));
  reader->ring_ = SL_TRY(bpf::Ring::open(
      map_fd, [self = reader.get()](std::span<const std::byte> record) {
        self->keep(record);
      }));
  reader->epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  reader->stop_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  reader->ready_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!reader->epoll_ || !reader->stop_ || !reader->ready_) {
    return fail_errno("cannot wait for the BPF ring buffer");
  }
  // Edge-triggered: each wakeup counts, and not what is there to be read.
  SL_CHECK(reader->watch(map_fd, EPOLLIN | EPOLLET, Woken::by_ring));
  SL_CHECK(reader->watch(reader->stop_.get(), EPOLLIN, Woken::to_stop));
  return reader;
}

Reader::~Reader() {
  if (!thread_.joinable()) return;
  post(stop_.get());
  thread_.join();
}

Status Reader::watch(int fd, std::uint32_t events, Woken woken) {
  epoll_event event{.events = events,
                    .data = {.u32 = static_cast<std::uint32_t>(woken)}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return {};
  return fail_errno("cannot wait for the BPF ring buffer");
}

// setpriority(2) and capset(2) are for the calling thread.
Status Reader::start() {
  try {
    thread_ = std::thread([this] {
      cli::HighestPriority priority;
      auto dropped = cli::drop_privileges({});
      if (!dropped) {
        std::scoped_lock lock(mutex_);
        failure_ = std::move(dropped);
        post(ready_.get());
        return;
      }
      run();
    });
  } catch (const std::system_error& error) {
    return fail_errno("cannot start a thread", error.code().value());
  }
  return {};
}

Reader::Woken Reader::wait(int timeout_ms) const {
  epoll_event event{};
  int count = ::epoll_wait(epoll_.get(), &event, 1, timeout_ms);
  if (count == 0) return Woken::by_time;
  // Interrupted, as by a debugger: somebody has to look.
  return count < 0 ? Woken::by_ring : static_cast<Woken>(event.data.u32);
}

// The first record after a pass wakes us, and can wait; what wakes us again is
// a ring that fills up.
Reader::Woken Reader::pause() const {
  auto until = monotonic_ns() + pause_ns;
  auto result = Woken::by_time;
  for (auto now = until - pause_ns; now < until; now = monotonic_ns()) {
    auto left_ms = (until - now + ns_per_ms - 1) / ns_per_ms;
    auto woken = wait(static_cast<int>(left_ms));
    if (woken == Woken::to_stop) return woken;
    if (woken == Woken::by_ring && result == woken) return woken;
    if (woken == Woken::by_ring) result = woken;
  }
  return result;
}

void Reader::run() {
  auto woken = wait(-1);
  while (woken != Woken::to_stop) {
    pass();
    woken = pause();
    if (woken == Woken::by_time) woken = wait(-1);
  }
}

// Without memory there may be none for a message either.
void Reader::pass() {
  std::scoped_lock lock(mutex_);
  try {
    auto consumed = consume();
    if (!consumed) failure_ = std::move(consumed);
  } catch (const std::bad_alloc&) {
    no_memory_ = true;
  }
  post(ready_.get());
}

// Under the lock, as keep() is, which runs inside.
Status Reader::consume() {
  left_some_ = incoming_.size_bytes() + current_bytes_ >= bound_;
  if (left_some_) return {};
  pass_ns_ = monotonic_ns();
  return ring_.consume();
}

void Reader::keep(std::span<const std::byte> record) {
  incoming_.add(record, pass_ns_);
  if (incoming_.size_bytes() + current_bytes_ < bound_) return;
  left_some_ = true;
  ring_.stop();
}

// The ring is read here too, as nothing wakes the thread when it is full.
Status Reader::read(std::size_t bytes) {
  {
    std::scoped_lock lock(mutex_);
    clear(ready_.get());
    if (no_memory_) {
      return fail_errno("cannot keep what the kernel has sent", ENOMEM);
    }
    SL_CHECK(std::exchange(failure_, {}));
    current_bytes_ = current_.size_bytes();
    SL_CHECK(consume());
    if (current_.empty()) {
      std::swap(current_, incoming_);
      current_bytes_ = current_.size_bytes();
    }
  }
  current_.hand_over(bytes, handler_);
  return {};
}

bool Reader::empty() {
  std::scoped_lock lock(mutex_);
  return current_.empty() && incoming_.empty() && !left_some_;
}

}  // namespace sightline::event
