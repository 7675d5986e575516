// SPDX-License-Identifier: Apache-2.0
#include "process/address_space.h"

#include <algorithm>

namespace sightline::process {
namespace {

using symbol::Reason;

// The same bytes at the same place: the loader maps a file more than once.
bool is_continuation(const Mapping& old, const Mapping& fresh) {
  return old.object == fresh.object && old.object >= first_file_object &&
         old.start - old.file_offset == fresh.start - fresh.file_offset;
}

bool overlap(const Mapping& a, const Mapping& b) {
  return a.start < b.end && b.start < a.end;
}

Mapping part_of(const Mapping& whole, std::uint64_t start, std::uint64_t end) {
  auto part = whole;
  part.start = start;
  part.end = end;
  part.file_offset += start - whole.start;
  return part;
}

}  // namespace

void AddressSpace::cut_out(const Mapping& by) {
  std::vector<Mapping> rest;
  std::erase_if(mappings_, [&](const Mapping& old) {
    if (!overlap(old, by)) return false;
    if (old.start < by.start) rest.push_back(part_of(old, old.start, by.start));
    if (by.end < old.end) rest.push_back(part_of(old, by.end, old.end));
    if (!is_continuation(old, by)) replaced_.push_back({old, by.since_ns});
    return true;
  });
  mappings_.insert(mappings_.end(), rest.begin(), rest.end());
}

void AddressSpace::insert(const Mapping& mapping) {
  if (mapping.start >= mapping.end) return;
  cut_out(mapping);
  mappings_.push_back(mapping);
  std::ranges::sort(mappings_, {}, &Mapping::start);
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
  auto offset = address - mapping->start + mapping->file_offset;
  return {mapping->object, offset, mapping, Reason::none};
}

void AddressSpace::forget_replaced(std::uint64_t before_ns) {
  std::erase_if(replaced_,
                [&](const Replaced& old) { return old.until_ns <= before_ns; });
}

}  // namespace sightline::process
