// SPDX-License-Identifier: Apache-2.0
// Which C libraries are attached to where there are more than can be. Anybody
// may map a file that he calls one: he takes no place from others.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <map>
#include <utility>

namespace sightline::dns {

// Pure; not thread-safe.
class LibrarySlots {
 public:
  // Of files that root owns all but `most_foreign` slots, as long as they are
  // on the device of the host's own root. A container's root may own files as
  // well: of each other device, as a container has it, there are fewer. Of
  // files of other users there are few of each, and few at all.
  static constexpr std::size_t most = 128;
  static constexpr std::size_t most_foreign = 32;
  static constexpr std::size_t most_of_user = 16;
  static constexpr std::size_t most_of_device = 16;

  // `own` is the device of the root directory (stat(2), st_dev).
  explicit LibrarySlots(dev_t own) : own_(own) {}

  // Takes one for a file of this owner on this device; false when there is none
  // for it.
  bool take(uid_t owner, dev_t device);

 private:
  bool take_for_root(dev_t device);

  dev_t own_;
  std::size_t of_root_ = 0;
  std::size_t foreign_ = 0;
  std::map<uid_t, std::size_t> of_users_;
  std::map<dev_t, std::size_t> of_devices_;  // root's, elsewhere
};

}  // namespace sightline::dns
