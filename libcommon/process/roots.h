// SPDX-License-Identifier: Apache-2.0
// The directories that processes see as "/": a container's, a chroot's. Held
// open, they lead to its files after the process that showed them has ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <tuple>

#include "base/handle.h"

namespace sightline::process {

// For base/confined.h. Null stands for our own root.
using Root = std::shared_ptr<const UniqueFd>;

inline int descriptor(const Root& root) { return root ? root->get() : -1; }

// Not thread-safe.
class Roots {
 public:
  Roots();

  // The root of a living process; all processes that see the same directory in
  // the same mount namespace share it. Null where it is our own. Nothing where
  // it cannot be had: the process is gone, /proc says no (CAP_SYS_PTRACE), its
  // file system is served (base/served.h), or `most` are held. Costs four
  // system calls for a known one.
  std::optional<Root> of(std::uint32_t pid);

  static constexpr std::size_t most = 512;

 private:
  // Mount namespace, and device and inode of the directory: 0 where unknown.
  using Identity = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>;
  static Identity identify(const char* process);

  Identity own_;
  std::map<Identity, std::weak_ptr<const UniqueFd>> held_;
};

}  // namespace sightline::process
