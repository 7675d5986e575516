// SPDX-License-Identifier: Apache-2.0
// Copies of user stacks that the kernel half could not walk yet, or was told not
// to: kept until the process table knows what was mapped, and walked then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "process/table.h"
#include "sample.h"
#include "unwind/full_walk.h"

namespace sightline::stack {

// Not thread-safe. `table` and `objects` must outlive it.
class CopiedStacks {
 public:
  CopiedStacks(process::Table& table, process::Objects& objects)
      : table_(table), walk_(objects) {}

  // Takes a RECORD_COPY over, and tells whose stack it is; nothing when it is
  // malformed or there are too many.
  std::optional<std::uint32_t> add(std::span<const std::byte> record);

  [[nodiscard]] bool empty() const { return copies_.empty(); }

  // Walks all there are, for which the process table must know what had
  // happened up to now, and forgets them.
  using Deliver = std::function<void(std::uint64_t hash,
                                     const unwind::WalkedStack& stack)>;
  void walk(const Deliver& deliver);

 private:
  static constexpr std::size_t most_bytes = 16U << 20;

  struct Copy {
    process::ImageKey image;
    std::uint64_t hash = 0;
    unwind::Registers registers = {};
    std::uint64_t stack_pointer = 0;
    bool in_syscall = false;
    std::vector<std::byte> bytes = {};
  };
  unwind::WalkedStack walk(const Copy& copy);

  process::Table& table_;
  unwind::FullWalk walk_;
  std::vector<Copy> copies_;
  std::size_t bytes_ = 0;
};

}  // namespace sightline::stack
