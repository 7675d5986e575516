// SPDX-License-Identifier: Apache-2.0
#include "symbol/unprivileged.h"

#include <grp.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace sightline::symbol {
namespace {

constexpr Identity nobody{.uid = 65534, .gid = 65534};

// Neither root nor the -1 that setresuid(2) takes for "as it is".
std::optional<std::uint32_t> id_in(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr) return {};
  const std::string_view text = value;
  std::uint32_t id = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), id);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || id == 0 || id == UINT32_MAX) return {};
  return id;
}

}  // namespace

std::optional<Identity> unprivileged_identity() {
  if (::geteuid() != 0) return {};
  // A set-user-ID program's environment is its user's to choose.
  if (::getuid() != 0) return Identity{.uid = ::getuid(), .gid = ::getgid()};
  const auto uid = id_in("SUDO_UID");
  const auto gid = id_in("SUDO_GID");
  if (!uid || !gid) return nobody;
  return Identity{.uid = *uid, .gid = *gid};
}

int become(const Identity& identity) {
  const auto [uid, gid] = identity;
  if (::setgroups(0, nullptr) != 0 || ::setresgid(gid, gid, gid) != 0 ||
      ::setresuid(uid, uid, uid) != 0) {
    return errno;
  }
  return 0;
}

}  // namespace sightline::symbol
