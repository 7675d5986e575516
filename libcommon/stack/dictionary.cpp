// SPDX-License-Identifier: Apache-2.0
#include "stack/dictionary.h"

#include <algorithm>
#include <utility>

namespace sightline::stack {

void Dictionary::add(std::uint64_t hash, stack_reason reason,
                     std::span<const std::uint64_t> leaf_first) {
  if (current_.entries.contains(hash)) return;
  CallTree::Node node = CallTree::root;
  for (auto at = leaf_first.rbegin(); at != leaf_first.rend(); ++at) {
    node = current_.tree.child(node, *at);
  }
  current_.entries.emplace(hash, Entry{node, reason});
}

std::optional<Dictionary::Stack> Dictionary::Generation::find(
    std::uint64_t hash) const {
  auto at = entries.find(hash);
  if (at == entries.end()) return std::nullopt;
  auto addresses = tree.path(at->second.node);
  std::ranges::reverse(addresses);
  return Stack{std::move(addresses), at->second.reason};
}

std::optional<Dictionary::Stack> Dictionary::find(std::uint64_t hash) const {
  auto found = current_.find(hash);
  return found ? found : previous_.find(hash);
}

void Dictionary::rotate() { previous_ = std::exchange(current_, {}); }

}  // namespace sightline::stack
