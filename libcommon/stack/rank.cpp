// SPDX-License-Identifier: Apache-2.0
#include "stack/rank.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

namespace sightline::stack {
namespace {

std::vector<FunctionId> functions_on(const Profile& profile, const Names& names,
                                     CallTree::Node stack) {
  std::vector<FunctionId> functions;
  for (auto frame : profile.stack(stack)) {
    auto of_frame = names.functions_of(frame);
    functions.insert(functions.end(), of_frame.begin(), of_frame.end());
  }
  return functions;
}

}  // namespace

std::vector<RankedGroup> rank_groups(const Profile& profile,
                                     const Labeller& labels) {
  std::map<Labels, Counts> groups;
  for (const auto& [key, counts] : profile.rows())
    groups[labels(key)] += counts;
  std::vector<RankedGroup> ranked;
  for (const auto& [label, counts] : groups) ranked.push_back({label, counts});
  std::ranges::stable_sort(ranked, std::ranges::greater{},
                           [](const auto& group) { return group.counts.sum; });
  return ranked;
}

std::vector<RankedFunction> rank_functions(const Profile& profile,
                                           const Names& names) {
  std::unordered_map<FunctionId, RankedFunction> functions;
  for (const auto& [key, counts] : profile.rows()) {
    auto on_stack = functions_on(profile, names, key.stack);
    if (on_stack.empty()) continue;
    for (auto& id : on_stack) id = names.group_of(id);
    functions[on_stack.back()].self += counts;
    std::ranges::sort(on_stack);
    auto repeated = std::ranges::unique(on_stack);
    on_stack.erase(repeated.begin(), repeated.end());
    for (auto id : on_stack) functions[id].total += counts;
  }
  std::vector<RankedFunction> ranked;
  for (auto& [id, function] : functions) {
    function.function = id;
    ranked.push_back(function);
  }
  std::ranges::sort(ranked, {}, [&](const RankedFunction& entry) {
    const auto& function = names.function(entry.function);
    return std::tuple(~entry.self.sum, ~entry.total.sum,
                      std::cref(function.name).get(),
                      std::cref(function.object).get());
  });
  return ranked;
}

std::vector<FunctionId> RankedStacks::functions(const Entry& entry) const {
  std::vector<FunctionId> ids;
  for (auto value : tree.path(entry.stack)) {
    ids.push_back(static_cast<FunctionId>(value));
  }
  return ids;
}

RankedStacks rank_stacks(const Profile& profile, const Names& names,
                         const Labeller& labels) {
  RankedStacks ranked;
  std::map<Labels, std::uint32_t> label_ids;
  std::unordered_map<std::uint64_t, Counts> merged;
  for (const auto& [key, counts] : profile.rows()) {
    auto next = static_cast<std::uint32_t>(label_ids.size());
    auto [label, added] = label_ids.try_emplace(labels(key), next);
    if (added) ranked.labels.push_back(label->first);
    auto stack = CallTree::root;
    for (auto id : functions_on(profile, names, key.stack)) {
      stack = ranked.tree.child(stack, id);
    }
    merged[std::uint64_t{label->second} << 32 | stack] += counts;
  }
  for (const auto& [key, counts] : merged) {
    ranked.entries.push_back({static_cast<std::uint32_t>(key >> 32),
                              static_cast<CallTree::Node>(key), counts});
  }
  std::ranges::sort(ranked.entries, {}, [](const RankedStacks::Entry& entry) {
    return std::tuple(~entry.counts.sum, entry.labels, entry.stack);
  });
  return ranked;
}

RankedStacks merge_lines(RankedStacks ranked, const Names& names) {
  CallTree groups;
  std::map<std::pair<std::uint32_t, CallTree::Node>, std::size_t> places;
  std::vector<RankedStacks::Entry> merged;
  // The heaviest comes first, so its lines are those that stay.
  for (const auto& entry : ranked.entries) {
    auto group = CallTree::root;
    for (auto id : ranked.functions(entry)) {
      group = groups.child(group, names.group_of(id));
    }
    auto [at, added] = places.try_emplace({entry.labels, group}, merged.size());
    if (added) {
      merged.push_back(entry);
    } else {
      merged[at->second].counts += entry.counts;
    }
  }
  std::ranges::stable_sort(
      merged, std::ranges::greater{},
      [](const RankedStacks::Entry& entry) { return entry.counts.sum; });
  ranked.entries = std::move(merged);
  return ranked;
}

}  // namespace sightline::stack
