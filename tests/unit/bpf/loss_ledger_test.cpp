// SPDX-License-Identifier: Apache-2.0
#include "bpf/loss_ledger.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "base/handle.h"

namespace sightline::bpf {
namespace {

TEST(LedgerEntries, HaveUniqueNamesAndASentence) {
  std::set<std::string_view> names;
  for (const auto& entry : ledger_entries()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_FALSE(entry.sentence.empty()) << entry.name;
  }
  EXPECT_EQ(ledger_entries()[LEDGER_table_full].name, "table_full");
  EXPECT_EQ(ledger_entries()[LEDGER_table_full].loss_class, LossClass::lost);
  EXPECT_EQ(ledger_entries()[LEDGER_idle].loss_class, LossClass::filtered);
  EXPECT_EQ(ledger_entries()[LEDGER_entered].loss_class, LossClass::flow);
  EXPECT_EQ(ledger_entries()[LEDGER_ring_full].loss_class, LossClass::partial);
}

// One of each: 1, 2, 4, ... so that every sum tells what is in it.
Ledger powers_of_two() {
  Ledger ledger;
  for (std::size_t i = 0; i < LEDGER_COUNT; ++i) ledger.counts[i] = 1ULL << i;
  return ledger;
}

TEST(Ledger, TotalsByClassMeetNowhereAndLeaveNothingOut) {
  auto ledger = powers_of_two();
  auto flow = ledger.total(LossClass::flow);
  auto filtered = ledger.total(LossClass::filtered);
  auto lost = ledger.total(LossClass::lost);
  auto partial = ledger.total(LossClass::partial);
  EXPECT_EQ(flow, 1ULL << LEDGER_entered | 1ULL << LEDGER_entered_idle);
  EXPECT_EQ(lost, 1ULL << LEDGER_table_full | 1ULL << LEDGER_skipped |
                      1ULL << LEDGER_recursion | 1ULL << LEDGER_unaccounted |
                      1ULL << LEDGER_event_ring_full |
                      1ULL << LEDGER_scratch_full |
                      1ULL << LEDGER_attempts_full |
                      1ULL << LEDGER_attempts_unfollowed);
  EXPECT_EQ(flow + filtered + lost + partial, (1ULL << LEDGER_COUNT) - 1);
}

TEST(Ledger, DifferenceAndSumAreByEntry) {
  auto later = powers_of_two();
  Ledger earlier;
  earlier[LEDGER_idle] = 1;
  auto difference = later - earlier;
  EXPECT_EQ(difference[LEDGER_idle], later[LEDGER_idle] - 1);
  EXPECT_EQ(difference[LEDGER_self], later[LEDGER_self]);
  EXPECT_EQ(sum({difference, earlier, {}}).counts, later.counts);
  EXPECT_EQ(sum({}).counts, Ledger{}.counts);
}

TEST(LossPercent, IsTheMissingShareOfWhatShouldBeThere) {
  Ledger ledger;
  EXPECT_EQ(loss_percent(ledger, 0), 0);
  EXPECT_EQ(loss_percent(ledger, 100), 0);
  ledger[LEDGER_skipped] = 20;
  ledger[LEDGER_table_full] = 5;
  EXPECT_DOUBLE_EQ(loss_percent(ledger, 75), 25);
  EXPECT_DOUBLE_EQ(loss_percent(ledger, 0), 100);
}

TEST(LossPercent, FilteredAndPartialRecordsAreNotMissing) {
  Ledger ledger;
  ledger[LEDGER_entered] = 1000;
  ledger[LEDGER_idle] = 900;
  ledger[LEDGER_stack_missing] = 50;
  EXPECT_EQ(loss_percent(ledger, 100), 0);
}

TEST(ReadLedgers, GivesEachCpuItsOwn) {
  UniqueFd map(bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "ledger", 4,
                              sizeof(Ledger), 1, nullptr));
  if (!map && (errno == EPERM || errno == EACCES)) {
    GTEST_SKIP() << "bpf() is not permitted: " << std::strerror(errno);
  }
  ASSERT_TRUE(map);
  auto cpus = static_cast<std::size_t>(libbpf_num_possible_cpus());
  std::vector<Ledger> written(cpus);
  for (std::size_t cpu = 0; cpu < cpus; ++cpu) {
    written[cpu][LEDGER_entered] = cpu + 1;
    written[cpu].counts[LEDGER_COUNT - 1] = 100 * cpu;
  }
  __u32 key = 0;
  ASSERT_EQ(bpf_map_update_elem(map.get(), &key, written.data(), 0), 0);
  auto read = read_ledgers(map.get());
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), cpus);
  for (std::size_t cpu = 0; cpu < cpus; ++cpu) {
    EXPECT_EQ((*read)[cpu].counts, written[cpu].counts) << cpu;
  }
  EXPECT_EQ(sum(*read)[LEDGER_entered], cpus * (cpus + 1) / 2);
}

TEST(ReadLedgers, FailsWithoutAMap) {
  auto read = read_ledgers(-1);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().err, EBADF);
}

}  // namespace
}  // namespace sightline::bpf
