// SPDX-License-Identifier: Apache-2.0
// Counts that are taken out of the kernel without losing one: two hash maps
// behind an array of maps with one slot. Programs count into the map that they
// find there; swap() puts the empty one in its place and returns only when no
// program works on the old one any more, drain() empties the old one at
// leisure.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "base/error.h"

namespace sightline::bpf {

// How the retired map is emptied. Batches are a system call for thousands of
// entries (hash maps, since 5.6); one by one is what remains without.
enum class DrainMode { batches, one_by_one };

// Not thread-safe. Does not own the descriptors.
class EpochMap {
 public:
  struct Shape {
    int outer_fd;
    int map_fds[2];  // map_fds[0] is the one in the slot now
    std::size_t key_size;
    std::size_t value_size;
  };
  using Handler = std::function<void(std::span<const std::byte> key,
                                     std::span<const std::byte> value)>;

  explicit EpochMap(const Shape& shape) : shape_(shape) {}

  // Fails with errno. Costs an RCU grace period: the update of an array of maps
  // waits for running programs (maybe_wait_bpf_programs, kernel/bpf/syscall.c,
  // since 5.0).
  Status swap();

  // Hands over and removes every entry of the map that the last swap() retired.
  Status drain(const Handler& handler);

  [[nodiscard]] DrainMode mode() const { return mode_; }
  void set_mode(DrainMode mode) { mode_ = mode; }

 private:
  Status drain_batches(int map_fd, const Handler& handler);
  Status drain_one_by_one(int map_fd, const Handler& handler);

  Shape shape_;
  int active_ = 0;
  DrainMode mode_ = DrainMode::batches;
  std::vector<std::byte> keys_;
  std::vector<std::byte> values_;
};

}  // namespace sightline::bpf
