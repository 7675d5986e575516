// SPDX-License-Identifier: Apache-2.0
// Records that were taken out of a ring and wait for their turn.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace sightline::event {

// A plain value; pure; not thread-safe.
class Backlog {
 public:
  using Handler = std::function<void(std::span<const std::byte>)>;

  void add(std::span<const std::byte> record);

  // Gives the oldest records to the handler, until it were about so many bytes.
  void hand_over(std::size_t bytes, const Handler& handler);

  [[nodiscard]] bool empty() const { return at_ == records_.size(); }
  // Of all that was added since it was empty.
  [[nodiscard]] std::size_t size_bytes() const { return records_.size(); }

 private:
  std::vector<std::byte> records_;  // each behind its size
  std::size_t at_ = 0;              // the oldest
};

}  // namespace sightline::event
