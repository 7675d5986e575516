// SPDX-License-Identifier: Apache-2.0
// The stacks that crossed the ring, by their hash. The kernel half sends each
// once, so what it has sent must be kept for as long as it is remembered there.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "sample.h"
#include "stack/call_tree.h"

namespace sightline::stack {

class Dictionary {
 public:
  struct Stack {
    std::vector<std::uint64_t> addresses;  // leaf first, as walked
    stack_reason reason;
  };

  // A stack that arrived; one that is known already is left as it is.
  void add(std::uint64_t hash, stack_reason reason,
           std::span<const std::uint64_t> leaf_first);

  [[nodiscard]] std::optional<Stack> find(std::uint64_t hash) const;

  // Stacks that are held.
  [[nodiscard]] std::size_t size() const {
    return current_.entries.size() + previous_.entries.size();
  }

  // Starts afresh but still answers for what came since the last call but one:
  // whoever calls this also makes the kernel half forget what it has sent.
  void rotate();

 private:
  struct Entry {
    CallTree::Node node;
    stack_reason reason;
  };
  struct Generation {
    CallTree tree;
    std::unordered_map<std::uint64_t, Entry> entries;

    [[nodiscard]] std::optional<Stack> find(std::uint64_t hash) const;
  };
  Generation current_;
  Generation previous_;
};

}  // namespace sightline::stack
