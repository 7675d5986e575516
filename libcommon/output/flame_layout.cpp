// SPDX-License-Identifier: Apache-2.0
#include "output/flame_layout.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

namespace sightline::output {
namespace {

// Fills one row after the other.
class Placement {
 public:
  Placement(const FlameTree& tree, FlameLayout& layout, double width)
      : tree_(tree), layout_(layout) {
    const auto& all = tree.weight(0);
    scale_ = all.drawn > 0 ? width / all.drawn : 0;
    layout_.boxes.push_back({.width = width, .weight = all});
  }

  void run() {
    std::size_t begin = 0;
    while (begin < layout_.boxes.size()) {
      const auto end = layout_.boxes.size();
      layout_.rows.push_back(begin);
      for (auto at = begin; at < end; ++at) place_children(at);
      begin = end;
    }
    layout_.rows.push_back(begin);
  }

 private:
  void place_children(std::size_t at) {
    const auto parent = layout_.boxes[at];
    if (parent.merged > 0) return;
    const auto right = parent.x + parent.width;
    FlameBox narrow{.parent = static_cast<std::uint32_t>(at), .x = parent.x};
    auto box = narrow;
    for (auto child : tree_.children(parent.node)) {
      box.node = child;
      box.weight = tree_.weight(child);
      if (box.weight.drawn * scale_ < layout_.least_width) {
        narrow.weight += box.weight;
        narrow.node = child;
        ++narrow.merged;
      } else {
        put(box, right);
      }
    }
    narrow.x = box.x;
    layout_.hidden = add_saturated(layout_.hidden, narrow.weight.total);
    bool seen = narrow.weight.drawn * scale_ >= layout_.least_width;
    if (narrow.merged > 0 && seen) put(narrow, right);
  }

  // Sums of rounded numbers must not reach beyond the parent.
  void put(FlameBox& box, double right) {
    box.width = std::min(box.weight.drawn * scale_, right - box.x);
    layout_.boxes.push_back(box);
    box.x += box.width;
  }

  const FlameTree& tree_;
  FlameLayout& layout_;
  double scale_ = 0;
};

}  // namespace

std::uint64_t add_saturated(std::uint64_t a, std::uint64_t b) {
  return a + std::min(b, std::numeric_limits<std::uint64_t>::max() - a);
}

FlameWeight& FlameWeight::operator+=(const FlameWeight& more) {
  drawn += more.drawn;
  total = add_saturated(total, more.total);
  before = add_saturated(before, more.before);
  return *this;
}

FlameTree::FlameTree(const FlameGraph& graph, bool show_before)
    : graph_(graph) {
  sum_up(show_before);
  link_children();
  rank_frames();
}

void FlameTree::sum_up(bool show_before) {
  weights_.reserve(graph_.nodes.size());
  for (const auto& node : graph_.nodes) {
    weights_.push_back(
        {.drawn = static_cast<double>(show_before ? node.before : node.self),
         .total = node.self,
         .before = node.before});
  }
  for (auto node = weights_.size(); node-- > 1;) {
    weights_[graph_.nodes[node].parent] += weights_[node];
  }
}

// A counting sort by parent.
void FlameTree::link_children() {
  const auto& nodes = graph_.nodes;
  first_child_.assign(nodes.size() + 1, 0);
  for (std::size_t node = 1; node < nodes.size(); ++node) {
    ++first_child_[nodes[node].parent + 1];
  }
  std::partial_sum(first_child_.begin(), first_child_.end(),
                   first_child_.begin());
  auto next = first_child_;
  children_.resize(nodes.empty() ? 0 : nodes.size() - 1);
  for (std::size_t node = 1; node < nodes.size(); ++node) {
    children_[next[nodes[node].parent]++] = static_cast<std::uint32_t>(node);
  }
}

void FlameTree::rank_frames() {
  const auto& frames = graph_.frames;
  std::vector<std::uint32_t> order(frames.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {}, [&](std::uint32_t frame) {
    return std::tie(frames[frame].name, frames[frame].object,
                    frames[frame].kind);
  });
  ranks_.resize(frames.size());
  for (std::uint32_t rank = 0; rank < order.size(); ++rank) {
    ranks_[order[rank]] = rank;
  }
}

std::vector<std::uint32_t> FlameTree::children(std::uint32_t node) const {
  auto all = std::span(children_).subspan(
      first_child_[node], first_child_[node + 1] - first_child_[node]);
  std::vector<std::uint32_t> sorted(all.begin(), all.end());
  std::ranges::stable_sort(sorted, {}, [&](std::uint32_t child) {
    return ranks_[graph_.nodes[child].frame];
  });
  return sorted;
}

FlameLayout lay_out(const FlameTree& tree, double width, double least_width) {
  FlameLayout layout{
      .boxes = {}, .rows = {}, .least_width = least_width, .hidden = 0};
  Placement(tree, layout, width).run();
  return layout;
}

std::array<std::uint64_t, flame_kinds> self_by_kind(const FlameGraph& graph) {
  std::array<std::uint64_t, flame_kinds> sums{};
  for (const auto& node : graph.nodes) {
    auto& sum = sums[static_cast<std::size_t>(graph.frames[node.frame].kind)];
    sum = add_saturated(sum, node.self);
  }
  return sums;
}

}  // namespace sightline::output
