// SPDX-License-Identifier: Apache-2.0
// Stacks that share their beginnings: each node is one frame below its parent,
// a stack is the node of its leaf. Twenty bytes a node, so that 100,000 stacks
// of a compiler stay small. Not thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sightline::stack {

class CallTree {
 public:
  using Node = std::uint32_t;
  static constexpr Node root = 0;

  CallTree();

  // The node of `value` below `parent`, made if there is none.
  Node child(Node parent, std::uint64_t value);

  // The node of a whole stack.
  Node add(std::span<const std::uint64_t> root_first);

  // The stack of a node, root first.
  [[nodiscard]] std::vector<std::uint64_t> path(Node node) const;

  [[nodiscard]] Node parent(Node node) const { return nodes_[node].parent; }
  [[nodiscard]] std::uint64_t value(Node node) const {
    return nodes_[node].value;
  }
  // Nodes, the root among them.
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }

 private:
  struct Entry {
    std::uint64_t value;
    Node parent;
  };
  [[nodiscard]] std::size_t slot_of(Node parent, std::uint64_t value) const;
  void grow();

  std::vector<Entry> nodes_;
  std::vector<Node>
      slots_;  // open addressing; 0 is free, as the root is no child
};

}  // namespace sightline::stack
