// SPDX-License-Identifier: Apache-2.0
// Who root becomes to talk to strangers.
#pragma once

#include <sys/types.h>

#include <optional>

namespace sightline::symbol {

struct Identity {
  uid_t uid;
  gid_t gid;

  bool operator==(const Identity&) const = default;
};

// For root the user of SUDO_UID and SUDO_GID (sudo(8)), or without both of
// them, or when either is root's, nobody (65534). In a set-user-ID program the
// real user. For whoever is not root nothing.
std::optional<Identity> unprivileged_identity();

// Makes the calling process, real, effective and saved, that user, who is in no
// other group. For a process that was just forked, with one thread. Returns 0
// or an errno: EPERM without CAP_SETUID and CAP_SETGID, EINVAL where the user
// namespace has no such user.
int become(const Identity& identity);

}  // namespace sightline::symbol
