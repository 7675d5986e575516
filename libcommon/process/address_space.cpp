// SPDX-License-Identifier: Apache-2.0
#include "process/address_space.h"

#include <algorithm>

namespace sightline::process {
namespace {

using symbol::Reason;

// The same bytes at the same place: the loader maps a file more than once. Or
// memory without a file, which a JIT makes executable piece by piece.
bool is_continuation(const Mapping& old, const Mapping& fresh) {
  if (old.object != fresh.object) return false;
  return old.object < first_file_object ||
         old.start - old.file_offset == fresh.start - fresh.file_offset;
}

Mapping part_of(const Mapping& whole, std::uint64_t start, std::uint64_t end) {
  auto part = whole;
  part.start = start;
  part.end = end;
  part.file_offset += start - whole.start;
  return part;
}

}  // namespace

void AddressSpace::insert(const Mapping& mapping) {
  if (mapping.start >= mapping.end) return;
  // Found by search: a process may have 65,530 mappings (vm.max_map_count).
  auto first = std::ranges::partition_point(
      mappings_, [&](const Mapping& old) { return old.end <= mapping.start; });
  auto last = first;
  std::vector<Mapping> pieces;
  for (; last != mappings_.end() && last->start < mapping.end; ++last) {
    if (last->start < mapping.start) {
      pieces.push_back(part_of(*last, last->start, mapping.start));
    }
    if (!is_continuation(*last, mapping)) {
      auto covered = part_of(*last, std::max(last->start, mapping.start),
                             std::min(last->end, mapping.end));
      replace(covered, mapping.since_ns);
    }
  }
  pieces.push_back(mapping);
  if (last != first && mapping.end < std::prev(last)->end) {
    const auto& old = *std::prev(last);
    pieces.push_back(part_of(old, mapping.end, old.end));
  }
  auto at = mappings_.erase(first, last);
  mappings_.insert(at, pieces.begin(), pieces.end());
}

// A program that maps without end must not be remembered without end: each
// address is compared with all of these.
void AddressSpace::replace(const Mapping& mapping, std::uint64_t until_ns) {
  constexpr std::size_t most = 1024;
  if (replaced_.size() == most) {
    for (const auto& old : replaced_) {
      uncertain_until_ns_ = std::max(uncertain_until_ns_, old.until_ns);
    }
    replaced_.clear();
  }
  replaced_.push_back({mapping, until_ns});
}

const Mapping* AddressSpace::find(std::uint64_t address) const {
  auto after =
      std::ranges::upper_bound(mappings_, address, {}, &Mapping::start);
  if (after == mappings_.begin()) return nullptr;
  const auto& mapping = *std::prev(after);
  return address < mapping.end ? &mapping : nullptr;
}

bool AddressSpace::was_another(std::uint64_t address,
                               std::uint64_t from_ns) const {
  if (uncertain_until_ns_ > from_ns) return true;
  return std::ranges::any_of(replaced_, [&](const Replaced& old) {
    return old.until_ns > from_ns && address >= old.mapping.start &&
           address < old.mapping.end;
  });
}

Location AddressSpace::locate(std::uint64_t address,
                              std::uint64_t from_ns) const {
  if (was_another(address, from_ns)) {
    return {.offset = address, .reason = Reason::mapping_changed};
  }
  const auto* mapping = find(address);
  if (mapping == nullptr) {
    return {.offset = address, .reason = Reason::not_mapped};
  }
  if (mapping->object == anonymous_object) {
    return {anonymous_object, address, mapping, Reason::anonymous};
  }
  // Only a 32-bit process has it that low, and not the one that we can read.
  constexpr std::uint64_t highest_32bit = 1ULL << 32;
  if (mapping->object == vdso_object && mapping->end <= highest_32bit) {
    return {vdso_object, address, mapping, Reason::no_covering_symbol};
  }
  auto offset = address - mapping->start + mapping->file_offset;
  return {mapping->object, offset, mapping, Reason::none};
}

void AddressSpace::forget_replaced(std::uint64_t before_ns) {
  std::erase_if(replaced_,
                [&](const Replaced& old) { return old.until_ns <= before_ns; });
}

}  // namespace sightline::process
