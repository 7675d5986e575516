// SPDX-License-Identifier: Apache-2.0
#include "bpf/ring.h"

#include <cerrno>
#include <cstdint>
#include <new>

namespace sightline::bpf {

// What is below 0 ends the pass, behind this record (ringbuf_process_ring,
// tools/lib/bpf/ringbuf.c, libbpf 0.0.9 to 1.6).
int Ring::hand_over(void* state, void* data, std::size_t size) {
  auto& self = *static_cast<State*>(state);
  try {
    self.handler({static_cast<const std::byte*>(data), size});
  } catch (const std::bad_alloc&) {
    return -ENOMEM;
  }
  if (--self.left == 0) self.stopped = true;
  return self.stopped ? -ECANCELED : 0;
}

Result<Ring> Ring::open(int map_fd, RecordHandler handler) {
  Ring ring;
  ring.state_ = std::make_unique<State>(State{.handler = std::move(handler)});
  ring.ring_.reset(
      ring_buffer__new(map_fd, hand_over, ring.state_.get(), nullptr));
  if (!ring.ring_) return fail_errno("cannot map the BPF ring buffer");
  return ring;
}

int Ring::fd() const { return ring_buffer__epoll_fd(ring_.get()); }

Status Ring::consume() { return consume(SIZE_MAX); }

Status Ring::consume(std::size_t most) {
  if (most == 0) return {};
  state_->stopped = false;
  state_->left = most;
  auto result = ring_buffer__consume(ring_.get());
  if (result >= 0 || (result == -ECANCELED && state_->stopped)) return {};
  return fail_errno(result == -ENOMEM ? "cannot keep what the kernel has sent"
                                      : "cannot read the BPF ring buffer",
                    -result);
}

}  // namespace sightline::bpf
