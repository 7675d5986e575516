// SPDX-License-Identifier: Apache-2.0
#include "output/style.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

#include "base/units.h"

namespace sightline::output {
namespace {

constexpr std::size_t usual_width = 80;
constexpr std::size_t widest = 65535;  // winsize counts in 16 bits

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view{} : std::string_view(value);
}

}  // namespace

bool want_color(ColorMode mode, int fd) {
  if (mode != ColorMode::automatic) return mode == ColorMode::always;
  if (!environment("NO_COLOR").empty()) return false;
  auto term = environment("TERM");
  return !term.empty() && term != "dumb" && ::isatty(fd) == 1;
}

std::size_t terminal_width(int fd, std::optional<std::size_t> flag) {
  if (flag) return *flag;
  if (::isatty(fd) != 1) return 0;
  auto columns = parse_number(environment("COLUMNS"), 1, widest);
  if (columns) return *columns;
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return size.ws_col;
  }
  return usual_width;
}

std::string Style::bold(std::string_view text) const {
  return color_ ? fmt::format("\x1b[1m{}\x1b[0m", text) : std::string(text);
}

std::string Style::dim(std::string_view text) const {
  return color_ ? fmt::format("\x1b[2m{}\x1b[0m", text) : std::string(text);
}

}  // namespace sightline::output
