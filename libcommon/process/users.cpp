// SPDX-License-Identifier: Apache-2.0
#include "process/users.h"

#include <fmt/format.h>
#include <pwd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>

#include "base/text.h"
#include "base/units.h"

namespace sightline::process {
namespace {

// (uid_t)-1 means "no user" to the kernel (uid_valid, include/linux/uidgid.h).
constexpr std::uint64_t highest_user = UINT32_MAX - 1;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

struct User {
  std::string name;
  uid_t id;
};

// The first entry that `matches`; a line over 64 KiB ends the search.
template <typename Matches>
std::optional<User> find_entry(std::FILE* file, Matches matches) {
  auto buffer = std::make_unique<std::array<char, 65536>>();
  passwd entry{};
  passwd* found = nullptr;
  while (fgetpwent_r(file, &entry, buffer->data(), buffer->size(), &found) ==
         0) {
    if (matches(entry)) return User{entry.pw_name, entry.pw_uid};
  }
  return std::nullopt;
}

}  // namespace

Result<uid_t> find_user(std::string_view name_or_number,
                        const std::string& passwd) {
  if (auto number = parse_number(name_or_number, 0, highest_user)) {
    return static_cast<uid_t>(*number);
  }
  File file(std::fopen(passwd.c_str(), "re"));
  if (!file) {
    return fail_errno(fmt::format("cannot open '{}'", printable(passwd)));
  }
  auto user = find_entry(file.get(), [&](const struct passwd& entry) {
    return entry.pw_name == name_or_number;
  });
  if (user) return user->id;
  return fail(ErrorKind::usage,
              fmt::format("expected a user name or number, got '{}'",
                          printable(name_or_number)));
}

std::string user_name(uid_t user, const std::string& passwd) {
  if (File file{std::fopen(passwd.c_str(), "re")}) {
    auto found = find_entry(file.get(), [user](const struct passwd& entry) {
      return entry.pw_uid == user;
    });
    if (found) return found->name;
  }
  return fmt::format("{}", user);
}

const std::string& UserNames::of(uid_t user) {
  auto known = names_.find(user);
  if (known != names_.end()) return known->second;
  return names_.emplace(user, user_name(user)).first->second;
}

}  // namespace sightline::process
