// SPDX-License-Identifier: Apache-2.0
// User names and numbers, from the password file alone: a static program must
// not load the name service switch of whatever host it was copied to.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.h"

namespace sightline::process {

// The user called `name_or_number`. A decimal number below 2^32-1 is taken as
// it is, whether or not such a user exists; anything else must be a name in
// `passwd`. Fails with `usage` when it is neither, with errno when `passwd`
// cannot be read. Thread-safe.
Result<uid_t> find_user(std::string_view name_or_number,
                        const std::string& passwd = "/etc/passwd");

// The first name that `passwd` gives the user, else the number in decimal. The
// file is read at each call: keep the answer. Thread-safe, cannot fail.
std::string user_name(uid_t user, const std::string& passwd = "/etc/passwd");

// The same, which reads the file once for each user. Not thread-safe.
class UserNames {
 public:
  const std::string& of(uid_t user);

 private:
  std::unordered_map<uid_t, std::string> names_;
};

}  // namespace sightline::process
