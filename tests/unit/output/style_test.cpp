// SPDX-License-Identifier: Apache-2.0
#include "output/style.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/handle.h"

namespace sightline::output {
namespace {

// A pseudo-terminal and an environment without opinions.
class StyleTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"NO_COLOR", "COLUMNS"}) ::unsetenv(name);
    ::setenv("TERM", "xterm", 1);
    master_ = UniqueFd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    std::array<char, 64> name{};
    if (!master_ || ::grantpt(master_.get()) != 0 ||
        ::unlockpt(master_.get()) != 0 ||
        ::ptsname_r(master_.get(), name.data(), name.size()) != 0) {
      GTEST_SKIP() << "no pseudo-terminals here";
    }
    terminal_ = UniqueFd(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    file_ = UniqueFd(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    ASSERT_TRUE(terminal_);
  }

  void resize(unsigned short columns) const {
    winsize size{};
    size.ws_col = columns;
    ASSERT_EQ(::ioctl(terminal_.get(), TIOCSWINSZ, &size), 0);
  }

  [[nodiscard]] bool colored(ColorMode mode = ColorMode::automatic) const {
    return want_color(mode, terminal_.get());
  }

  UniqueFd master_;
  UniqueFd terminal_;
  UniqueFd file_;
};

TEST_F(StyleTest, ColoursATerminalOnly) {
  EXPECT_TRUE(colored());
  EXPECT_FALSE(want_color(ColorMode::automatic, file_.get()));
  EXPECT_FALSE(want_color(ColorMode::automatic, -1));
}

TEST_F(StyleTest, HonoursNoColorUnlessEmpty) {
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(colored());
  ::setenv("NO_COLOR", "", 1);
  EXPECT_TRUE(colored());
}

TEST_F(StyleTest, SparesADumbTerminal) {
  ::setenv("TERM", "dumb", 1);
  EXPECT_FALSE(colored());
  ::unsetenv("TERM");
  EXPECT_FALSE(colored());
}

TEST_F(StyleTest, LetsTheFlagDecide) {
  EXPECT_FALSE(colored(ColorMode::never));
  ::setenv("NO_COLOR", "1", 1);
  ::setenv("TERM", "dumb", 1);
  EXPECT_TRUE(colored(ColorMode::always));
  EXPECT_TRUE(want_color(ColorMode::always, file_.get()));
}

TEST_F(StyleTest, AsksFlagThenColumnsThenTerminalThenEighty) {
  int fd = terminal_.get();
  EXPECT_EQ(terminal_width(fd, {}), 80u);
  resize(132);
  EXPECT_EQ(terminal_width(fd, {}), 132u);
  ::setenv("COLUMNS", "100", 1);
  EXPECT_EQ(terminal_width(fd, {}), 100u);
  EXPECT_EQ(terminal_width(fd, 60), 60u);
  EXPECT_EQ(terminal_width(fd, 0), 0u);  // --wide
}

TEST_F(StyleTest, IgnoresColumnsThatAreNoWidth) {
  resize(132);
  for (const char* bad : {"", "0", "-5", "wide", "99999999999999999999"}) {
    ::setenv("COLUMNS", bad, 1);
    EXPECT_EQ(terminal_width(terminal_.get(), {}), 132u) << bad;
  }
}

TEST_F(StyleTest, CutsNothingOffATerminalUnlessAsked) {
  ::setenv("COLUMNS", "100", 1);
  EXPECT_EQ(terminal_width(file_.get(), {}), 0u);
  EXPECT_EQ(terminal_width(file_.get(), 60), 60u);
}

TEST(Style, AddsNothingWhenOff) {
  EXPECT_EQ(Style(false).bold("x") + Style(false).dim("y"), "xy");
  EXPECT_EQ(Style(true).dim("y"), "\x1b[2my\x1b[0m");
}

}  // namespace
}  // namespace sightline::output
