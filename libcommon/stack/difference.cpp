// SPDX-License-Identifier: Apache-2.0
#include "stack/difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/text.h"
#include "base/units.h"
#include "stack/flame_builder.h"

namespace sightline::stack {
namespace {

using output::FlameFrame;
using output::FlameGraph;
using output::FlameKind;

// What the folded view adds to names.
struct Suffix {
  std::string_view text;
  FlameKind kind;
};
constexpr Suffix suffixes[] = {{"_[k]", FlameKind::kernel},
                               {"_[i]", FlameKind::inlined},
                               {"_[j]", FlameKind::generated},
                               {"_[w]", FlameKind::user}};

FlameFrame frame_from(std::string_view name, bool is_group) {
  FlameFrame frame{.name = std::string(name),
                   .kind = is_group ? FlameKind::group : FlameKind::user};
  for (const auto& suffix : suffixes) {
    if (!name.ends_with(suffix.text)) continue;
    name.remove_suffix(suffix.text.size());
    frame.name = name;
    frame.kind = suffix.kind;
  }
  if (name.starts_with('[') && name.ends_with(']') &&
      name.find(": ") != name.npos) {
    frame.kind = FlameKind::unnamed;
  }
  return frame;
}

// Counts one side of all functions.
class FunctionCounter {
 public:
  FunctionCounter(std::map<std::string, FunctionChange, std::less<>>& into,
                  std::uint64_t FunctionChange::* self,
                  std::uint64_t FunctionChange::* total)
      : into_(into), self_(self), total_(total) {}

  void add(std::string_view stack, std::uint64_t count) {
    auto frames = split(stack, ';');
    if (frames.size() < 2) return;
    at(frames.back()).*self_ += count;
    std::set<std::string_view> once(frames.begin() + 1, frames.end());
    for (auto name : once) at(name).*total_ += count;
  }

 private:
  FunctionChange& at(std::string_view name) {
    auto known = into_.find(name);
    if (known == into_.end()) {
      known =
          into_.emplace(name, FunctionChange{.name = std::string(name)}).first;
    }
    return known->second;
  }

  std::map<std::string, FunctionChange, std::less<>>& into_;
  std::uint64_t FunctionChange::* self_;
  std::uint64_t FunctionChange::* total_;
};

// Merges stacks into the tree of a flame graph.
class GraphBuilder {
 public:
  void add(const StackChange& change) {
    auto node = CallTree::root;
    bool is_group = true;
    for (auto name : split(change.stack, ';')) {
      node = tree_.child(node, frame(name, std::exchange(is_group, false)));
    }
    tree_.at(node).self += change.after;
    tree_.at(node).before += change.before;
  }

  FlameGraph finish() {
    auto graph = tree_.finish();
    graph.difference = true;
    return graph;
  }

 private:
  std::uint32_t frame(std::string_view name, bool is_group) {
    auto [known, added] = frames_.try_emplace({std::string(name), is_group}, 0);
    if (added) known->second = tree_.add_frame(frame_from(name, is_group));
    return known->second;
  }

  FlameBuilder tree_;
  std::map<std::pair<std::string, bool>, std::uint32_t> frames_;
};

std::uint64_t count_in(const FoldedProfile& profile, const std::string& stack) {
  auto at = profile.stacks.find(stack);
  return at == profile.stacks.end() ? 0 : at->second;
}

// Of one cell of the table: observed, and expected if both shares are one.
double likelihood(double observed, double expected) {
  return observed > 0 ? observed * std::log(observed / expected) : 0;
}

// Of a stack with two counts, as --diff writes it, the first one is left.
bool ends_like_a_count(std::string_view stack) {
  auto blank = stack.rfind(' ');
  return blank != stack.npos &&
         parse_number(stack.substr(blank + 1), 0, UINT64_MAX).has_value();
}

}  // namespace

Status FoldedProfile::add(std::string_view line) {
  auto blank = line.rfind(' ');
  auto count = blank == line.npos || blank == 0
                   ? fail(ErrorKind::runtime, "")
                   : parse_number(line.substr(blank + 1), 0, UINT64_MAX);
  if (!count) {
    return fail(ErrorKind::runtime, "no collapsed stack: FRAME;FRAME COUNT");
  }
  if (ends_like_a_count(line.substr(0, blank))) {
    return fail(ErrorKind::runtime,
                "a stack with two counts is a difference already");
  }
  if (*count > UINT64_MAX - total) {
    return fail(ErrorKind::runtime, "more samples than can be counted");
  }
  total += *count;
  stacks[std::string(line.substr(0, blank))] += *count;
  return {};
}

Difference difference(const FoldedProfile& before, const FoldedProfile& after) {
  std::map<std::string, FunctionChange, std::less<>> functions;
  FunctionCounter earlier(functions, &FunctionChange::self_before,
                          &FunctionChange::total_before);
  FunctionCounter later(functions, &FunctionChange::self_after,
                        &FunctionChange::total_after);
  for (const auto& [stack, count] : before.stacks) earlier.add(stack, count);
  for (const auto& [stack, count] : after.stacks) later.add(stack, count);
  Difference found{.before = before.total, .after = after.total};
  for (auto& [name, change] : functions) {
    found.functions.push_back(std::move(change));
  }
  return found;
}

double deviations(std::uint64_t before, std::uint64_t of_before,
                  std::uint64_t after, std::uint64_t of_after) {
  if (of_before == 0 || of_after == 0) return 0;
  const auto a = static_cast<double>(before);
  const auto b = static_cast<double>(after);
  const auto all_a = static_cast<double>(of_before);
  const auto all_b = static_cast<double>(of_after);
  const double pooled = (a + b) / (all_a + all_b);
  const double sum = likelihood(a, pooled * all_a) +
                     likelihood(all_a - a, (1 - pooled) * all_a) +
                     likelihood(b, pooled * all_b) +
                     likelihood(all_b - b, (1 - pooled) * all_b);
  const double away = std::sqrt(std::max(0.0, 2 * sum));
  return b / all_b < a / all_a ? -away : away;
}

std::uint64_t scaled(std::uint64_t count, std::uint64_t before,
                     std::uint64_t after) {
  if (before == 0) return 0;
  constexpr double most = 9e18;
  const auto ratio = static_cast<double>(after) / static_cast<double>(before);
  return static_cast<std::uint64_t>(
      std::llround(std::min(static_cast<double>(count) * ratio, most)));
}

std::vector<StackChange> stack_changes(const FoldedProfile& before,
                                       const FoldedProfile& after) {
  std::set<std::string_view> stacks;
  for (const auto* side : {&before, &after}) {
    for (const auto& [stack, count] : side->stacks) stacks.insert(stack);
  }
  std::vector<StackChange> changes;
  std::uint64_t so_far = 0;
  std::uint64_t given = 0;
  for (auto stack : stacks) {
    const std::string key(stack);
    so_far += count_in(before, key);
    auto at_length = scaled(so_far, before.total, after.total);
    changes.push_back({stack, at_length - given, count_in(after, key)});
    given = at_length;
  }
  return changes;
}

FlameGraph difference_graph(const FoldedProfile& before,
                            const FoldedProfile& after) {
  GraphBuilder builder;
  for (const auto& change : stack_changes(before, after)) builder.add(change);
  return builder.finish();
}

}  // namespace sightline::stack
