// SPDX-License-Identifier: Apache-2.0
// What is mounted where, as /proc/PID/mountinfo tells it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sightline {

// Where the first file system of this type (`cgroup2`, `tracefs`, ...) is
// mounted whole, else where a part of it is. `mountinfo` is the text of
// /proc/PID/mountinfo; lines that make no sense are passed over. The answer is
// unescaped and so may hold any byte but NUL. Pure and thread-safe.
std::optional<std::string> find_mount(std::string_view mountinfo,
                                      std::string_view type);

}  // namespace sightline
