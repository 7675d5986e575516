// SPDX-License-Identifier: Apache-2.0
// Records that were taken out of a ring and wait for their turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <span>

namespace sightline::event {

// A queue in blocks of memory, which are given back as they are read: it never
// moves what it has, and never takes more than a block beyond it. Move-only;
// pure; not thread-safe.
class Backlog {
 public:
  // A record, and when it left the ring.
  using Handler = std::function<void(std::span<const std::byte> record,
                                     std::uint64_t read_ns)>;

  static constexpr std::size_t block_bytes = 1U << 20;

  // Throws std::bad_alloc, and is then as it was before.
  void add(std::span<const std::byte> record, std::uint64_t read_ns);

  // Gives the oldest records to the handler, until it were about so many bytes.
  void hand_over(std::size_t bytes, const Handler& handler);

  [[nodiscard]] bool empty() const { return bytes_ == 0; }
  // Of the records that wait, with what is kept beside them.
  [[nodiscard]] std::size_t size_bytes() const { return bytes_; }

 private:
  struct Block {
    std::unique_ptr<std::byte[]> memory;
    std::size_t capacity;
    std::size_t begin = 0;  // the oldest record
    std::size_t end = 0;
  };
  Block& block_for(std::size_t bytes);
  void drop_read_block();

  std::list<Block> blocks_;
  std::size_t bytes_ = 0;
};

}  // namespace sightline::event
