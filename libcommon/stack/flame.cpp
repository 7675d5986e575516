// SPDX-License-Identifier: Apache-2.0
#include "stack/flame.h"

#include <string>
#include <unordered_map>

namespace sightline::stack {
namespace {

using output::FlameFrame;
using output::FlameGraph;
using output::FlameKind;

FlameKind kind_of(const Function& function) {
  if (function.reason != symbol::Reason::none) return FlameKind::unnamed;
  if (function.kernel) return FlameKind::kernel;
  if (function.inlined) return FlameKind::inlined;
  return function.jit ? FlameKind::generated : FlameKind::user;
}

FlameFrame frame_of(const Function& function) {
  return {.name = name_with_place(function),
          .object = function.object,
          .kind = kind_of(function),
          .reason = std::string(symbol::text(function.reason))};
}

// Numbers frames as they come: labels and functions have numbers of their own.
class Builder {
 public:
  explicit Builder(const Names& names) : names_(names) {
    graph_.frames.push_back({.name = "all", .kind = FlameKind::group});
    graph_.nodes.emplace_back();
  }

  void add(const Labels& labels, const std::vector<FunctionId>& functions,
           std::uint64_t count) {
    auto node = CallTree::root;
    for (const auto& label : labels) node = child(node, label_frame(label));
    for (auto id : functions) node = child(node, function_frame(id));
    auto& self = graph_.nodes[node].self;
    self = output::add_saturated(self, count);
  }
  FlameGraph finish() { return std::move(graph_); }

 private:
  // A tree numbers its nodes as they come, and parents come first.
  CallTree::Node child(CallTree::Node parent, std::uint32_t frame) {
    auto node = tree_.child(parent, frame);
    if (node == graph_.nodes.size()) {
      graph_.nodes.push_back({.parent = parent, .frame = frame});
    }
    return node;
  }
  std::uint32_t label_frame(const std::string& label) {
    auto [at, added] = labels_.try_emplace(label, next_frame());
    if (added) {
      graph_.frames.push_back({.name = label.empty() ? "[no name]" : label,
                               .kind = FlameKind::group});
    }
    return at->second;
  }
  std::uint32_t function_frame(FunctionId id) {
    auto [at, added] = functions_.try_emplace(id, next_frame());
    if (added) graph_.frames.push_back(frame_of(names_.function(id)));
    return at->second;
  }
  [[nodiscard]] std::uint32_t next_frame() const {
    return static_cast<std::uint32_t>(graph_.frames.size());
  }

  const Names& names_;
  FlameGraph graph_;
  CallTree tree_;
  std::unordered_map<std::string, std::uint32_t> labels_;
  std::unordered_map<FunctionId, std::uint32_t> functions_;
};

}  // namespace

FlameGraph flame_graph(const Profile& profile, const Names& names,
                       const Labeller& labels) {
  Builder builder(names);
  auto stacks = rank_stacks(profile, names, labels);
  for (const auto& entry : stacks.entries) {
    builder.add(stacks.labels[entry.labels], stacks.functions(entry),
                entry.counts.count);
  }
  return builder.finish();
}

}  // namespace sightline::stack
