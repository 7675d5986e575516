// SPDX-License-Identifier: Apache-2.0
// Where each frame of a flame graph lies, and which are too narrow to be drawn.
// Pure; a part of output/flame_graph.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "output/flame_graph.h"

namespace sightline::output {

// What a node and all below it come to.
struct FlameWeight {
  double drawn = 0;  // what its width is of
  std::uint64_t total = 0;
  std::uint64_t before = 0;

  FlameWeight& operator+=(const FlameWeight& more);
};

// A graph with the sums and the children of its nodes. Refers to the graph.
class FlameTree {
 public:
  FlameTree(const FlameGraph& graph, bool show_before);

  [[nodiscard]] const FlameGraph& graph() const { return graph_; }
  [[nodiscard]] const FlameWeight& weight(std::uint32_t node) const {
    return weights_[node];
  }
  // By name, so that two pictures of one program look alike.
  [[nodiscard]] std::vector<std::uint32_t> children(std::uint32_t node) const;

 private:
  void sum_up(bool show_before);
  void link_children();
  void rank_frames();

  const FlameGraph& graph_;
  std::vector<FlameWeight> weights_;
  std::vector<std::uint32_t> first_child_;  // of each node, into the next
  std::vector<std::uint32_t> children_;
  std::vector<std::uint32_t> ranks_;  // of each frame among all names
};

// A rectangle: a node, or several narrow ones with the same parent.
struct FlameBox {
  std::uint32_t parent = 0;  // index of a box in the row before
  std::uint32_t node = 0;
  std::uint32_t merged = 0;  // so many nodes; 0: the node alone
  double x = 0;              // pixels
  double width = 0;
  FlameWeight weight = {};
};

struct FlameLayout {
  std::vector<FlameBox> boxes;    // row by row from the root, left to right
  std::vector<std::size_t> rows;  // where each begins; then the end of the last
  double least_width = 0;
  std::uint64_t hidden = 0;  // of the total: merged or left out

  [[nodiscard]] std::size_t row_count() const { return rows.size() - 1; }
  [[nodiscard]] std::span<const FlameBox> row(std::size_t index) const {
    return std::span(boxes).subspan(rows[index], rows[index + 1] - rows[index]);
  }
};

// In so many pixels, without frames narrower than `least_width`. Of the narrow
// children of one frame a single box is made, if that is wide enough.
FlameLayout lay_out(const FlameTree& tree, double width, double least_width);

// How much of the total was measured in frames of each kind themselves.
std::array<std::uint64_t, flame_kinds> self_by_kind(const FlameGraph& graph);

}  // namespace sightline::output
