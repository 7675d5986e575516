// SPDX-License-Identifier: Apache-2.0
// Which C libraries are attached to where there are more than can be. Anybody
// may map a file that he calls one: he takes no place from others.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <map>
#include <string>

namespace sightline::dns {

// A file that is to have a slot, and who maps it.
struct Claim {
  uid_t owner = 0;
  dev_t device = 0;   // stat(2), st_dev
  std::string space;  // his mount namespace; empty: the host's
};

// Pure; not thread-safe.
class LibrarySlots {
 public:
  // Of files that root owns, those that are mapped in the host's own mount
  // namespace have all but `most_foreign` slots, and `most` less `most_foreign`
  // and `most_elsewhere` for themselves. A container's root may own files as
  // well, and bind mounts show the host's device in it: of each other namespace
  // there are fewer, and of each device but that of the host's root. Of files
  // of other users there are few of each, and few at all.
  static constexpr std::size_t most = 128;
  static constexpr std::size_t most_foreign = 32;
  static constexpr std::size_t most_elsewhere = 64;
  static constexpr std::size_t most_of_user = 16;
  static constexpr std::size_t most_of_space = 16;
  static constexpr std::size_t most_of_device = 16;

  // `own` is the device of the root directory (stat(2), st_dev).
  explicit LibrarySlots(dev_t own) : own_(own) {}

  // Takes one; false when there is none for it.
  bool take(const Claim& claim);

 private:
  bool take_for_root(const Claim& claim);
  [[nodiscard]] bool has_room(const Claim& claim) const;

  dev_t own_;
  std::size_t of_root_ = 0;
  std::size_t elsewhere_ = 0;  // of these
  std::size_t foreign_ = 0;
  std::map<uid_t, std::size_t> of_users_;
  // Root's, elsewhere.
  std::map<std::string, std::size_t> of_spaces_;
  std::map<dev_t, std::size_t> of_devices_;
};

}  // namespace sightline::dns
