// SPDX-License-Identifier: Apache-2.0
#include "stack/flame.h"

#include <string>
#include <unordered_map>

#include "stack/flame_builder.h"

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

FlameFrame frame_from(const Function& function) {
  return {.name = name_with_place(function),
          .object = function.object,
          .kind = kind_of(function),
          .reason = std::string(symbol::text(function.reason))};
}

// Labels and functions have numbers of their own.
class Builder {
 public:
  explicit Builder(const Names& names) : names_(names) {}

  void add(const Labels& labels, const std::vector<FunctionId>& functions,
           std::uint64_t count) {
    auto node = CallTree::root;
    for (const auto& label : labels) node = tree_.child(node, frame_of(label));
    for (auto id : functions) node = tree_.child(node, frame_of(id));
    auto& self = tree_.at(node).self;
    self = output::add_saturated(self, count);
  }
  FlameGraph finish() { return tree_.finish(); }

 private:
  std::uint32_t frame_of(const std::string& label) {
    auto [at, added] = labels_.try_emplace(label, 0);
    if (added) {
      at->second = tree_.add_frame({.name = label.empty() ? "[no name]" : label,
                                    .kind = FlameKind::group});
    }
    return at->second;
  }
  std::uint32_t frame_of(FunctionId id) {
    auto [at, added] = functions_.try_emplace(id, 0);
    if (added) at->second = tree_.add_frame(frame_from(names_.function(id)));
    return at->second;
  }

  const Names& names_;
  FlameBuilder tree_;
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
