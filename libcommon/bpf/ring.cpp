// SPDX-License-Identifier: Apache-2.0
#include "bpf/ring.h"

#include <cerrno>
#include <cstdint>
#include <utility>

namespace sightline::bpf {

// An error ends the reading behind the record that it is returned for, which
// counts as read (libbpf 1.1, ringbuf_process_ring(), src/ringbuf.c).
int Ring::hand_over(void* context, void* data, std::size_t size) {
  auto& consumer = *static_cast<Consumer*>(context);
  consumer.handler({static_cast<const std::byte*>(data), size});
  return --consumer.left == 0 ? -ECANCELED : 0;
}

Result<Ring> Ring::open(int map_fd, RecordHandler handler) {
  Ring ring;
  ring.consumer_ =
      std::make_unique<Consumer>(Consumer{.handler = std::move(handler)});
  ring.ring_.reset(
      ring_buffer__new(map_fd, hand_over, ring.consumer_.get(), nullptr));
  if (!ring.ring_) return fail_errno("cannot map the BPF ring buffer");
  return ring;
}

int Ring::fd() const { return ring_buffer__epoll_fd(ring_.get()); }

Status Ring::consume() { return consume(SIZE_MAX); }

Status Ring::consume(std::size_t most) {
  if (most == 0) return {};
  consumer_->left = most;
  auto result = ring_buffer__consume(ring_.get());
  if (result < 0 && result != -ECANCELED) {
    return fail_errno("cannot read the BPF ring buffer", -result);
  }
  return {};
}

}  // namespace sightline::bpf
