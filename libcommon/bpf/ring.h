// SPDX-License-Identifier: Apache-2.0
// Reads a BPF ring buffer.
#pragma once

#include <bpf/libbpf.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "base/error.h"

namespace sightline::bpf {

using RecordHandler = std::function<void(std::span<const std::byte>)>;

// One ring buffer map; not thread-safe. The handler runs inside consume(). It
// may throw std::bad_alloc, which does not go through libbpf: consume() fails.
class Ring {
 public:
  // Fails with errno (mmap of the ring, epoll).
  static Result<Ring> open(int map_fd, RecordHandler handler);

  // To be watched for EPOLLIN.
  [[nodiscard]] int fd() const;

  // Hands over all records that are complete by now. Fails with errno: ENOMEM
  // when the handler had no memory, whose record is then lost.
  Status consume();
  // The same, but no more than `most`: those who write cannot keep us here.
  Status consume(std::size_t most);

  // From within the handler: this record is the last that consume() hands over,
  // which succeeds. The others stay in the ring.
  void stop() { state_->stopped = true; }

 private:
  struct Closer {
    void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
  };
  // On the heap, because libbpf keeps its address.
  struct State {
    RecordHandler handler;
    bool stopped = false;
    std::size_t left = 0;  // of what may still be handed over
  };
  static int hand_over(void* state, void* data, std::size_t size);

  std::unique_ptr<State> state_;
  std::unique_ptr<ring_buffer, Closer> ring_;
};

}  // namespace sightline::bpf
