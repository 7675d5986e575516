// SPDX-License-Identifier: Apache-2.0
// What the setters of the common options are made of.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/units.h"

namespace sightline::cli {

using Setter = std::function<Status(std::string_view)>;

inline std::unexpected<Error> usage_error(std::string what) {
  return fail(ErrorKind::usage, std::move(what));
}

inline Setter set_flag(bool& flag) {
  return [&flag](std::string_view) -> Status {
    flag = true;
    return {};
  };
}

inline Setter set_text(std::string& text) {
  return [&text](std::string_view value) -> Status {
    text = value;
    return {};
  };
}

// A whole number into an optional of any integer type.
template <typename T>
Setter set_number(std::optional<T>& number, std::uint64_t low,
                  std::uint64_t high) {
  return [&number, low, high](std::string_view value) -> Status {
    number = static_cast<T>(SL_TRY(parse_number(value, low, high)));
    return {};
  };
}

template <typename T>
void add_unique(std::vector<T>& values, T value) {
  if (std::ranges::find(values, value) == values.end()) {
    values.push_back(std::move(value));
  }
}

}  // namespace sightline::cli
