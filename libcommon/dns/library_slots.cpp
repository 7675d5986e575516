// SPDX-License-Identifier: Apache-2.0
#include "dns/library_slots.h"

namespace sightline::dns {

bool LibrarySlots::take_for_root(dev_t device) {
  if (of_root_ == most - most_foreign) return false;
  if (device != own_) {
    auto& here = of_devices_[device];
    if (here == most_of_device) return false;
    ++here;
  }
  ++of_root_;
  return true;
}

bool LibrarySlots::take(uid_t owner, dev_t device) {
  if (owner == 0) return take_for_root(device);
  if (foreign_ == most_foreign) return false;
  auto& of_user = of_users_[owner];
  if (of_user == most_of_user) return false;
  ++of_user;
  ++foreign_;
  return true;
}

}  // namespace sightline::dns
