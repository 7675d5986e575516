// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstddef>

#include "base/clock.h"
#include "base/text.h"
#include "base/units.h"

namespace sightline::cli {
namespace {

constexpr std::uint64_t patience_ns = ns_per_second;
constexpr std::uint64_t every_ns = 200 * ns_per_ms;
constexpr std::string_view to_line_end = "\x1b[K";

// A line that wraps could not be taken back.
std::size_t columns_of(int fd) {
  winsize size{};
  bool known = ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col - 1U : 79U;
}

void put(int fd, std::string_view text) {
  // Nothing is lost when it fails.
  [[maybe_unused]] auto put = ::write(fd, text.data(), text.size());
}

}  // namespace

Progress::Progress(int fd) : fd_(fd), on_terminal_(::isatty(fd) == 1) {}

void Progress::show(std::string_view text) {
  if (!on_terminal_) return;
  auto now = monotonic_ns();
  if (begun_ns_ == 0) {
    begun_ns_ = now;
    next_ns_ = now + patience_ns;
  }
  if (now < next_ns_) return;
  next_ns_ = now + every_ns;
  put(fd_, fmt::format("\r{}{}", truncate(text, columns_of(fd_)), to_line_end));
  shown_ = true;
}

void Progress::clear() {
  if (shown_) put(fd_, fmt::format("\r{}", to_line_end));
  shown_ = false;
  begun_ns_ = 0;
}

}  // namespace sightline::cli
