// SPDX-License-Identifier: Apache-2.0
// Empties the ring of an event tool (bpf/include/event_ring.h) in time, however
// long it takes to make rows of what was in there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/handle.h"
#include "bpf/ring.h"
#include "event/backlog.h"

namespace sightline::event {

// A thread copies what comes into memory: at the highest priority that we may
// have, as whoever fills the ring may have all CPUs busy, and for the length of
// a copy only. It reads at most some fifty times a second as long as the ring
// does not fill up. All calls are for one thread.
class Reader {
 public:
  // What is kept in memory before the ring is left to fill, where the kernel
  // half counts what it cannot send.
  static constexpr std::size_t most_bytes = 64U << 20;

  // Maps the ring. The bound may be passed by one record. Fails with errno.
  static Result<std::unique_ptr<Reader>> open(int map_fd,
                                              Backlog::Handler handler,
                                              std::size_t bound = most_bytes);

  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader();

  // Starts the thread, which inherits the signal mask and gives up all
  // privileges: call it before we drop ours, and once signals are blocked.
  // Without the right to a higher priority it runs at ours. Fails with errno.
  Status start();

  // Is readable when records wait.
  [[nodiscard]] int fd() const { return ready_.get(); }

  // Gives the oldest records to the handler, inside the call, until it were
  // about so many bytes. Fails with errno, also of the thread: ENOMEM when
  // there was no memory for a record.
  Status read(std::size_t bytes);

  // Nothing is left of what had come by the last read().
  [[nodiscard]] bool empty();

 private:
  enum class Woken { by_ring, by_time, to_stop };

  Reader(Backlog::Handler handler, std::size_t bound)
      : bound_(bound), handler_(std::move(handler)) {}
  Status watch(int fd, std::uint32_t events, Woken woken);
  void run();
  Woken wait(int timeout_ms) const;
  Woken pause() const;
  void keep(std::span<const std::byte> record);
  Status consume();
  void pass();

  const std::size_t bound_;
  Backlog::Handler handler_;
  Backlog current_;  // what is being handed over

  std::mutex mutex_;  // of what both threads use:
  bpf::Ring ring_;
  Backlog incoming_;
  std::size_t current_bytes_ = 0;
  std::uint64_t pass_ns_ = 0;  // when the last pass over the ring began
  bool left_some_ = false;     // in the ring, as there was no room
  Status failure_;
  bool no_memory_ = false;  // of the thread, not even for that

  UniqueFd epoll_;
  UniqueFd stop_;
  UniqueFd ready_;
  std::thread thread_;
};

}  // namespace sightline::event
