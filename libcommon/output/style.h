// SPDX-License-Identifier: Apache-2.0
// What a terminal is given beyond plain text, and how wide it is. These read
// the environment: not to be called while another thread changes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sightline::output {

enum class ColorMode : std::uint8_t { automatic, always, never };

// --color, then NO_COLOR (not empty), then TERM (unset or "dumb"), then whether
// `fd` is a terminal. `fd` may be -1.
bool want_color(ColorMode mode, int fd);

// Columns a row may take on `fd`, 0 for as many as it needs. --width (0 for
// --wide) always holds; otherwise nothing is cut off a terminal, and on one
// COLUMNS holds, then its own width, then 80.
std::size_t terminal_width(int fd, std::optional<std::size_t> flag);

// Emphasis, or nothing when it is off.
class Style {
 public:
  explicit Style(bool color = false) : color_(color) {}
  [[nodiscard]] std::string bold(std::string_view text) const;
  [[nodiscard]] std::string dim(std::string_view text) const;

 private:
  bool color_;
};

}  // namespace sightline::output
