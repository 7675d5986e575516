// SPDX-License-Identifier: Apache-2.0
#include "dns/library_slots.h"

namespace sightline::dns {
namespace {

template <typename Key>
std::size_t count_of(const std::map<Key, std::size_t>& counts, const Key& key) {
  auto known = counts.find(key);
  return known == counts.end() ? 0 : known->second;
}

}  // namespace

bool LibrarySlots::has_room(const Claim& claim) const {
  if (of_root_ == most - most_foreign) return false;
  if (claim.device != own_ &&
      count_of(of_devices_, claim.device) == most_of_device) {
    return false;
  }
  return claim.space.empty() ||
         (elsewhere_ < most_elsewhere &&
          count_of(of_spaces_, claim.space) < most_of_space);
}

bool LibrarySlots::take_for_root(const Claim& claim) {
  if (!has_room(claim)) return false;
  ++of_root_;
  if (claim.device != own_) ++of_devices_[claim.device];
  if (claim.space.empty()) return true;
  ++elsewhere_;
  ++of_spaces_[claim.space];
  return true;
}

bool LibrarySlots::take(const Claim& claim) {
  if (claim.owner == 0) return take_for_root(claim);
  if (foreign_ == most_foreign) return false;
  auto& of_user = of_users_[claim.owner];
  if (of_user == most_of_user) return false;
  ++of_user;
  ++foreign_;
  return true;
}

}  // namespace sightline::dns
