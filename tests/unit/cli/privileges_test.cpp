// SPDX-License-Identifier: Apache-2.0
#include "cli/privileges.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "base/file.h"
#include "base/handle.h"
#include "base/text.h"

namespace sightline::cli {
namespace {

constexpr std::array keep{CAP_BPF, CAP_SYS_PTRACE};
constexpr std::uint64_t kept = 1ULL << CAP_BPF | 1ULL << CAP_SYS_PTRACE;

std::string field(std::string_view status, std::string_view key) {
  for (auto line : split(status, '\n')) {
    if (line.starts_with(key))
      return std::string(trim(line.substr(key.size())));
  }
  return {};
}

std::uint64_t mask(std::string_view status, std::string_view key) {
  return std::stoull(field(status, key), nullptr, 16);
}

// /proc/self/status of a child after it did `action`, or the error's text.
template <typename Action>
std::string status_after(Action action) {
  int ends[2];
  if (pipe(ends) < 0) return "no pipe";
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  auto child = fork();
  if (child == 0) {
    auto done = action();
    auto text = done ? read_file("/proc/self/status").value_or("unreadable")
                     : done.error().what;
    _exit(write_all(writer.get(), text.data(), text.size()) ? 0 : 1);
  }
  writer.reset();
  auto text = read_fd(reader.get(), 1U << 16).value_or("unreadable");
  waitpid(child, nullptr, 0);
  return text;
}

TEST(DropPrivileges, LeavesOnlyWhatIsKept) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  auto before = read_file("/proc/self/status").value();
  auto after = status_after([] { return drop_privileges(keep); });
  EXPECT_EQ(mask(after, "CapEff:"), mask(before, "CapEff:") & kept) << after;
  EXPECT_EQ(mask(after, "CapPrm:"), mask(before, "CapPrm:") & kept);
  EXPECT_EQ(mask(after, "CapInh:"), 0U);
  EXPECT_EQ(mask(after, "CapAmb:"), 0U);
  EXPECT_EQ(mask(after, "CapBnd:"), mask(before, "CapBnd:"));
  EXPECT_EQ(field(after, "NoNewPrivs:"), "1");
  EXPECT_NE(mask(after, "CapEff:"), mask(before, "CapEff:"));
}

TEST(DropPrivileges, DropsAgainAndNeverAdds) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  auto after = status_after([]() -> Status {
    SL_CHECK(drop_privileges(keep));
    SL_CHECK(drop_privileges(keep));
    constexpr std::array other{CAP_SYS_PTRACE, CAP_SYS_ADMIN};
    return drop_privileges(other);
  });
  EXPECT_EQ(mask(after, "CapPrm:"), 1ULL << CAP_SYS_PTRACE) << after;
  EXPECT_EQ(mask(after, "CapEff:"), 1ULL << CAP_SYS_PTRACE);
}

TEST(DropPrivileges, SucceedsWithNothingToDrop) {
  auto after = status_after([]() -> Status {
    if (geteuid() == 0 && setuid(65534) < 0) return fail_errno("setuid");
    return drop_privileges({});
  });
  EXPECT_EQ(mask(after, "CapPrm:"), 0U) << after;
  EXPECT_EQ(field(after, "NoNewPrivs:"), "1");
}

TEST(DefaultKeep, TakesTheNarrowestThatThisProcessHas) {
  auto keeps = [](std::uint64_t capabilities, cap_value_t capability) {
    SystemFacts facts;
    facts.capabilities = capabilities;
    facts.last_capability = CAP_LAST_CAP;
    return std::ranges::count(default_keep(facts), capability) == 1;
  };
  EXPECT_TRUE(keeps(~0ULL, CAP_BPF));
  EXPECT_TRUE(keeps(~0ULL, CAP_PERFMON));
  EXPECT_TRUE(keeps(~0ULL, CAP_SYS_PTRACE));
  EXPECT_FALSE(keeps(~0ULL, CAP_SYS_ADMIN));
  EXPECT_FALSE(keeps(~0ULL, CAP_DAC_OVERRIDE));
  // An old kernel, or a binary that was given cap_sys_admin alone.
  EXPECT_TRUE(keeps(1ULL << CAP_SYS_ADMIN, CAP_SYS_ADMIN));
  EXPECT_FALSE(keeps(1ULL << CAP_SYS_ADMIN, CAP_BPF));
}

}  // namespace
}  // namespace sightline::cli
