// SPDX-License-Identifier: Apache-2.0
#include "bpf/ring.h"

namespace sightline::bpf {
namespace {

int hand_over(void* context, void* data, std::size_t size) {
  auto& handler = *static_cast<RecordHandler*>(context);
  handler({static_cast<const std::byte*>(data), size});
  return 0;
}

}  // namespace

Result<Ring> Ring::open(int map_fd, RecordHandler handler) {
  Ring ring;
  ring.handler_ = std::make_unique<RecordHandler>(std::move(handler));
  ring.ring_.reset(
      ring_buffer__new(map_fd, hand_over, ring.handler_.get(), nullptr));
  if (!ring.ring_) return fail_errno("cannot map the BPF ring buffer");
  return ring;
}

int Ring::fd() const { return ring_buffer__epoll_fd(ring_.get()); }

Status Ring::consume() {
  auto result = ring_buffer__consume(ring_.get());
  if (result < 0) return fail_errno("cannot read the BPF ring buffer", -result);
  return {};
}

}  // namespace sightline::bpf
