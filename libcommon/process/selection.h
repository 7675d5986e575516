// SPDX-License-Identifier: Apache-2.0
// Which running processes a filter means: what has to be in place before they
// are looked at needs their numbers, where the kernel half needs only the rule.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sightline::process {

// A process is meant when it is all that is given.
struct Selection {
  std::optional<std::uint32_t> uid = {};   // its real user
  std::optional<std::string> cgroup = {};  // it is in this one or below: a path
                                           // as in /proc/PID/cgroup
  std::function<bool(std::string_view comm)> comm =
      {};  // of one of its threads

  [[nodiscard]] bool is_everything() const {
    return !uid && !cgroup && comm == nullptr;
  }
};

// The real user in the text of /proc/PID/status (`Uid:`), and the cgroup of
// version 2 in that of /proc/PID/cgroup (`0::`, Documentation/admin-guide/
// cgroup-v2.rst). Fail where there is no such line.
Result<std::uint32_t> parse_uid(std::string_view status);
Result<std::string> parse_cgroup(std::string_view cgroup);

// Every process that is meant and runs now, ascending; kernel threads never
// are. Fails with errno (no /proc).
Result<std::vector<std::uint32_t>> select_processes(const Selection& selection);

}  // namespace sightline::process
