// SPDX-License-Identifier: Apache-2.0
#include "symbol/code_history.h"

#include <algorithm>
#include <tuple>

namespace sightline::symbol {
namespace {

constexpr unsigned max_steps = 1U << 14;

std::uint64_t end_of(const CodeHistory::Version& version) {
  return version.start + version.size;
}

}  // namespace

struct CodeHistory::Search {
  std::uint64_t address;
  std::uint64_t from_ns;
  std::uint64_t to_ns;
  const Entry* first = nullptr;  // what was there already
  std::vector<const Entry*> later = {};
  unsigned steps = 0;

  static auto when(const Entry* entry) {
    return std::tuple(entry->version.time_ns, entry->order);
  }

  void look_at(const Entry& entry) {
    const Version& version = entry.version;
    if (end_of(version) <= address) return;
    ++steps;
    if (version.time_ns > to_ns) return;
    if (version.time_ns > from_ns) {
      later.push_back(&entry);
    } else if (first == nullptr || when(first) < when(&entry)) {
      first = &entry;
    }
  }

  std::vector<Version> versions() && {
    std::ranges::sort(later, {}, when);
    std::vector<Version> all;
    if (first != nullptr) all.push_back(first->version);
    for (const Entry* entry : later) {
      // Of two with the same time the earlier one never was there.
      if (!all.empty() && all.back().time_ns == entry->version.time_ns) {
        all.pop_back();
      }
      all.push_back(entry->version);
    }
    return all;
  }
};

void CodeHistory::add(const Version& version) {
  entries_.push_back(
      {.version = version, .order = next_order_++, .max_end = 0});
}

void CodeHistory::settle() {
  if (settled_ == entries_.size()) return;
  const auto start = [](const Entry& entry) { return entry.version.start; };
  const auto middle = entries_.begin() + static_cast<std::ptrdiff_t>(settled_);
  std::ranges::sort(middle, entries_.end(), {}, start);
  std::ranges::inplace_merge(entries_, middle, {}, start);
  settled_ = entries_.size();
  build(0, settled_);
}

// The depth is that of a balanced tree: at most 32.
std::uint64_t CodeHistory::build(std::size_t first, std::size_t last) {
  if (first == last) return 0;
  const std::size_t root = first + (last - first) / 2;
  entries_[root].max_end =
      std::max({end_of(entries_[root].version), build(first, root),
                build(root + 1, last)});
  return entries_[root].max_end;
}

void CodeHistory::visit(std::size_t first, std::size_t last,
                        Search& search) const {
  if (first == last || search.steps > max_steps) return;
  const std::size_t root = first + (last - first) / 2;
  const Entry& entry = entries_[root];
  if (entry.max_end <= search.address) return;
  visit(first, root, search);
  if (entry.version.start > search.address) return;
  search.look_at(entry);
  visit(root + 1, last, search);
}

std::vector<CodeHistory::Version> CodeHistory::find(std::uint64_t address,
                                                    std::uint64_t from_ns,
                                                    std::uint64_t to_ns) const {
  Search search{.address = address, .from_ns = from_ns, .to_ns = to_ns};
  visit(0, settled_, search);
  if (search.steps > max_steps) return {};
  return std::move(search).versions();
}

void CodeHistory::keep_newest(std::size_t count) {
  settle();
  const std::size_t forget = entries_.size() - std::min(count, entries_.size());
  std::vector<std::uint32_t> orders;
  orders.reserve(entries_.size());
  for (const Entry& entry : entries_) orders.push_back(entry.order);
  if (forget == 0) return;
  const auto last = orders.begin() + static_cast<std::ptrdiff_t>(forget - 1);
  std::ranges::nth_element(orders, last);
  std::erase_if(entries_,
                [&](const Entry& entry) { return entry.order <= *last; });
  settled_ = entries_.size();
  build(0, settled_);
}

void CodeHistory::clear() { *this = {}; }

std::size_t CodeHistory::memory() const {
  return entries_.capacity() * sizeof(Entry);
}

}  // namespace sightline::symbol
