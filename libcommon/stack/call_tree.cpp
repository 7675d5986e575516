// SPDX-License-Identifier: Apache-2.0
#include "stack/call_tree.h"

#include <algorithm>

namespace sightline::stack {
namespace {

constexpr std::size_t first_slots = 1024;

std::size_t hash_of(CallTree::Node parent, std::uint64_t value) {
  auto hash = (value ^ (std::uint64_t{parent} << 32)) * 0x9e3779b97f4a7c15ULL;
  hash = (hash ^ parent) * 0xd6e8feb86659fd93ULL;
  return hash ^ (hash >> 32);
}

}  // namespace

CallTree::CallTree() : nodes_{{0, root}}, slots_(first_slots, root) {}

// Where the node is, or the free slot where it belongs.
std::size_t CallTree::slot_of(Node parent, std::uint64_t value) const {
  auto mask = slots_.size() - 1;
  auto slot = hash_of(parent, value) & mask;
  while (slots_[slot] != root) {
    const auto& entry = nodes_[slots_[slot]];
    if (entry.parent == parent && entry.value == value) break;
    slot = (slot + 1) & mask;
  }
  return slot;
}

void CallTree::grow() {
  slots_.assign(slots_.size() * 2, root);
  for (Node node = 1; node < nodes_.size(); ++node) {
    slots_[slot_of(nodes_[node].parent, nodes_[node].value)] = node;
  }
}

CallTree::Node CallTree::child(Node parent, std::uint64_t value) {
  auto slot = slot_of(parent, value);
  if (slots_[slot] != root) return slots_[slot];
  auto node = static_cast<Node>(nodes_.size());
  nodes_.push_back({value, parent});
  slots_[slot] = node;
  if (nodes_.size() * 4 > slots_.size() * 3) grow();
  return node;
}

CallTree::Node CallTree::add(std::span<const std::uint64_t> root_first) {
  Node node = root;
  for (auto value : root_first) node = child(node, value);
  return node;
}

std::vector<std::uint64_t> CallTree::path(Node node) const {
  std::vector<std::uint64_t> values;
  for (; node != root; node = nodes_[node].parent) {
    values.push_back(nodes_[node].value);
  }
  std::ranges::reverse(values);
  return values;
}

}  // namespace sightline::stack
