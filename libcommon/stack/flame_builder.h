// SPDX-License-Identifier: Apache-2.0
// Grows the tree of a flame graph stack by stack.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "output/flame_graph.h"
#include "stack/call_tree.h"

namespace sightline::stack {

// Begins with a root called "all". Not thread-safe.
class FlameBuilder {
 public:
  FlameBuilder() {
    add_frame({.name = "all", .kind = output::FlameKind::group});
    graph_.nodes.emplace_back();
  }

  std::uint32_t add_frame(output::FlameFrame frame) {
    graph_.frames.push_back(std::move(frame));
    return static_cast<std::uint32_t>(graph_.frames.size() - 1);
  }

  // A tree numbers its nodes as they come, and parents come first.
  CallTree::Node child(CallTree::Node parent, std::uint32_t frame) {
    auto node = tree_.child(parent, frame);
    if (node == graph_.nodes.size()) {
      graph_.nodes.push_back({.parent = parent, .frame = frame});
    }
    return node;
  }

  output::FlameNode& at(CallTree::Node node) { return graph_.nodes[node]; }
  output::FlameGraph finish() { return std::move(graph_); }

 private:
  output::FlameGraph graph_;
  CallTree tree_;
};

}  // namespace sightline::stack
