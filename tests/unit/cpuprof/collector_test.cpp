// SPDX-License-Identifier: Apache-2.0
// The samples core with both its halves, on this machine's kernel. Says why it
// is skipped where that is not permitted.
#include "stack/collector.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/clock.h"
#include "bpf/log.h"
#include "sampling.h"
#include "stack/names.h"
#include "stack/rank.h"

// Outside any namespace, so that its name is plain.
extern "C" [[gnu::noinline]] void collector_test_spin() {
  for (;;) __asm__ volatile("" ::: "memory");
}

namespace sightline::cpuprof {
namespace {

// A child that does nothing but spin, ended with the test.
class Spinner {
 public:
  Spinner() : pid_(::fork()) {
    if (pid_ == 0) collector_test_spin();
  }
  Spinner(const Spinner&) = delete;
  Spinner& operator=(const Spinner&) = delete;
  ~Spinner() { end(); }

  [[nodiscard]] pid_t pid() const { return pid_; }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, -1), nullptr, 0);
  }

 private:
  pid_t pid_;
};

struct Core {
  Sampling sampling;
  std::unique_ptr<stack::Collector> collector;
};

Result<Core> open_core(const Options& options) {
  bpf::capture_log();
  auto sampling = SL_TRY(Sampling::open(options, 0));
  auto sideband = SL_TRY(perf::Sideband::open());
  SL_CHECK(sideband.enable());
  auto maps = sampling.maps();
  auto collector = SL_TRY(stack::Collector::open(maps, std::move(sideband)));
  return Core{std::move(sampling), std::move(collector)};
}

// Pumps and drains until so many samples are in the profile.
void collect(Core& core, std::uint64_t samples) {
  constexpr std::uint64_t too_long = 60'000'000'000;
  auto start = monotonic_ns();
  while (core.collector->delivered() < samples) {
    ASSERT_LT(monotonic_ns() - start, too_long);
    ASSERT_TRUE(core.collector->pump());
    ASSERT_TRUE(core.collector->drain());
  }
}

std::uint64_t accounted(const Core& core, const bpf::Ledger& ledger) {
  return core.collector->delivered() + ledger[LEDGER_table_full] +
         ledger.total(bpf::LossClass::filtered);
}

#define SKIP_IF_NOT_PERMITTED(core)                                 \
  if (!(core) && ((core).error().kind == ErrorKind::permission ||   \
                  (core).error().kind == ErrorKind::unsupported)) { \
    GTEST_SKIP() << (core).error().what;                            \
  }                                                                 \
  ASSERT_TRUE(core) << (core).error().what

TEST(Collector, FindsWhereAProcessSpinsAndAccountsForEverySample) {
  Spinner spinner;
  Options options;
  options.common.pids = {spinner.pid()};
  options.common.events = {"cpu-clock"};
  options.common.frequency_hz = 997;
  auto core = open_core(options);
  SKIP_IF_NOT_PERMITTED(core);
  ASSERT_TRUE(core->sampling.start());
  collect(*core, 211);
  ASSERT_TRUE(core->sampling.stop());
  ASSERT_TRUE(core->collector->drain());
  auto ledger = core->collector->ledger();
  ASSERT_TRUE(ledger);
  EXPECT_EQ((*ledger)[LEDGER_entered], accounted(*core, *ledger));

  auto& profile = core->collector->profile();
  EXPECT_EQ(profile.total().count, core->collector->delivered());
  for (const auto& [key, counts] : profile.rows()) {
    EXPECT_EQ(profile.process_at(key.process).pid,
              static_cast<std::uint32_t>(spinner.pid()));
    EXPECT_TRUE(profile.process_at(key.process).known);
  }
  stack::Names names(symbol::Symbolizer(symbol::KernelSymbols::open()),
                     core->collector->objects());
  names.resolve(profile.frames());
  std::uint64_t spinning = 0;
  for (const auto& entry : stack::rank_functions(profile, names)) {
    if (names.function(entry.function).name != "collector_test_spin") continue;
    spinning += entry.total.count;
  }
  // All but what interrupts on its CPU took from it outside its user stack.
  EXPECT_GE(spinning * 10, profile.total().count * 9);
}

TEST(Collector, ADeadProcessIsStillNamed) {
  Spinner spinner;
  Options options;
  options.common.pids = {spinner.pid()};
  options.common.events = {"cpu-clock"};
  options.common.frequency_hz = 997;
  auto core = open_core(options);
  SKIP_IF_NOT_PERMITTED(core);
  ASSERT_TRUE(core->sampling.start());
  collect(*core, 11);
  spinner.end();
  ASSERT_TRUE(core->sampling.stop());
  ASSERT_TRUE(core->collector->drain());
  auto& profile = core->collector->profile();
  stack::Names names(symbol::Symbolizer(symbol::KernelSymbols::open()),
                     core->collector->objects());
  names.resolve(profile.frames());
  auto hottest = stack::rank_functions(profile, names);
  ASSERT_FALSE(hottest.empty());
  EXPECT_EQ(names.function(hottest[0].function).name, "collector_test_spin");
}

TEST(Collector, RowsOfOtherCommandsAreLeftOutAndCounted) {
  Spinner spinner;
  Options options;
  options.common.pids = {spinner.pid()};
  options.common.events = {"cpu-clock"};
  options.common.frequency_hz = 997;
  auto core = open_core(options);
  SKIP_IF_NOT_PERMITTED(core);
  std::uint64_t asked = 0;
  core->collector->keep_only([&](std::string_view comm) {
    EXPECT_EQ(comm, "unit_cpuprof");
    return asked++ > 0;
  });
  ASSERT_TRUE(core->sampling.start());
  collect(*core, 11);
  ASSERT_TRUE(core->sampling.stop());
  ASSERT_TRUE(core->collector->drain());
  auto ledger = core->collector->ledger();
  ASSERT_TRUE(ledger);
  EXPECT_GT((*ledger)[LEDGER_not_matching], 0U);
  EXPECT_EQ((*ledger)[LEDGER_entered], accounted(*core, *ledger));
}

}  // namespace
}  // namespace sightline::cpuprof
