// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <unistd.h>

#include <string>

#include "base/clock.h"
#include "base/handle.h"
#include "base/units.h"

namespace sightline::cli {
namespace {

// A terminal of 20 columns, and what appears on it.
class Terminal {
 public:
  Terminal() {
    int ours = -1;
    int theirs = -1;
    winsize size{.ws_row = 5, .ws_col = 20, .ws_xpixel = 0, .ws_ypixel = 0};
    EXPECT_EQ(openpty(&ours, &theirs, nullptr, nullptr, &size), 0);
    screen_.reset(ours);
    program_.reset(theirs);
  }
  [[nodiscard]] int fd() const { return program_.get(); }
  std::string seen() {
    std::string text;
    pollfd screen{.fd = screen_.get(), .events = POLLIN, .revents = 0};
    char buffer[256];
    while (::poll(&screen, 1, 0) > 0) {
      auto got = ::read(screen_.get(), buffer, sizeof buffer);
      if (got <= 0) break;
      text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
  }

 private:
  UniqueFd screen_;
  UniqueFd program_;
};

// As somebody who works for a while and tells all the time.
void work_for(Progress& progress, std::uint64_t time_ns) {
  auto end = monotonic_ns() + time_ns;
  while (monotonic_ns() < end)
    progress.show("reading a very long name: 1 of 2");
}

TEST(Progress, SaysNothingInTheFirstSecond) {
  Terminal terminal;
  {
    Progress progress(terminal.fd());
    work_for(progress, 100 * ns_per_ms);
    progress.clear();
    work_for(progress, 100 * ns_per_ms);
  }
  EXPECT_EQ(terminal.seen(), "");
}

TEST(Progress, ThenALineThatFitsAndGoesAway) {
  Terminal terminal;
  Progress progress(terminal.fd());
  work_for(progress, 1100 * ns_per_ms);
  EXPECT_EQ(terminal.seen(), "\rreading a very lon…\x1b[K");
  progress.clear();
  EXPECT_EQ(terminal.seen(), "\r\x1b[K");
  progress.clear();
  EXPECT_EQ(terminal.seen(), "") << "once";
}

TEST(Progress, OffATerminalThereIsNone) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  UniqueFd from(ends[0]);
  UniqueFd into(ends[1]);
  {
    Progress progress(into.get());
    work_for(progress, 1100 * ns_per_ms);
  }
  char byte = 0;
  EXPECT_EQ(::read(from.get(), &byte, 1), -1);
}

}  // namespace
}  // namespace sightline::cli
