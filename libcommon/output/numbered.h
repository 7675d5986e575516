// SPDX-License-Identifier: Apache-2.0
// Names of files that get one report each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sightline::output {

// Whether a path asks for a number: it has `%n` in it.
bool has_number(std::string_view path);

// The path with the number for each `%n`. Pure.
std::string numbered(std::string_view path, std::uint64_t number);

}  // namespace sightline::output
