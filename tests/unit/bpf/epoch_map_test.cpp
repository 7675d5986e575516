// SPDX-License-Identifier: Apache-2.0
// On real maps. Each test says why it is skipped where bpf() is not permitted.
#include "bpf/epoch_map.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <map>
#include <thread>

#include "bpf/real_maps.h"

namespace sightline::bpf {
namespace {

#define SKIP_IF_NOT_PERMITTED(err)                                    \
  if ((err) == EPERM || (err) == EACCES) {                            \
    GTEST_SKIP() << "bpf() is not permitted: " << std::strerror(err); \
  }                                                                   \
  ASSERT_EQ(err, 0)

std::uint64_t word(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  EXPECT_EQ(bytes.size(), sizeof(value));
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

std::uint64_t value_of(std::uint64_t key) { return key * 7 + 3; }

void fill(int map_fd, std::uint64_t count) {
  for (std::uint64_t key = 0; key < count; ++key) {
    auto value = value_of(key);
    ASSERT_EQ(bpf_map_update_elem(map_fd, &key, &value, BPF_NOEXIST), 0);
  }
}

class Drain : public testing::TestWithParam<DrainMode> {
 protected:
  // Every entry that one drain() hands over; each key once.
  static std::map<std::uint64_t, std::uint64_t> drain(EpochMap& epochs) {
    std::map<std::uint64_t, std::uint64_t> entries;
    auto status = epochs.drain(
        [&](std::span<const std::byte> key, std::span<const std::byte> value) {
          auto added = entries.emplace(word(key), word(value)).second;
          EXPECT_TRUE(added) << word(key) << " came twice";
        });
    EXPECT_TRUE(status) << status.error().what;
    return entries;
  }
};

TEST_P(Drain, HandsOverEveryEntryExactlyOnce) {
  constexpr std::uint64_t count = 20'011;
  TwoMaps maps(32768);
  SKIP_IF_NOT_PERMITTED(maps.err());
  auto epochs = maps.epoch_map();
  epochs.set_mode(GetParam());
  fill(maps.map(0), count);
  ASSERT_TRUE(epochs.swap());
  auto entries = drain(epochs);
  ASSERT_EQ(entries.size(), count);
  for (const auto& [key, value] : entries) ASSERT_EQ(value, value_of(key));
  EXPECT_TRUE(drain(epochs).empty()) << "it is empty now";
  EXPECT_EQ(epochs.mode(), GetParam()) << "this kernel has both";
}

TEST_P(Drain, EmptiesAMapThatIsFull) {
  constexpr std::uint64_t count = 4096;
  TwoMaps maps(count);
  SKIP_IF_NOT_PERMITTED(maps.err());
  auto epochs = maps.epoch_map();
  epochs.set_mode(GetParam());
  fill(maps.map(0), count);
  ASSERT_TRUE(epochs.swap());
  EXPECT_EQ(drain(epochs).size(), count);
  fill(maps.map(0), count);  // all its room is back
}

TEST_P(Drain, LeavesTheMapInTheSlotAlone) {
  TwoMaps maps(64);
  SKIP_IF_NOT_PERMITTED(maps.err());
  auto epochs = maps.epoch_map();
  epochs.set_mode(GetParam());
  fill(maps.map(0), 5);
  EXPECT_TRUE(drain(epochs).empty());
  ASSERT_TRUE(epochs.swap());
  fill(maps.map(1), 3);
  EXPECT_EQ(drain(epochs).size(), 5U);
  ASSERT_TRUE(epochs.swap());
  EXPECT_EQ(drain(epochs).size(), 3U);
}

TEST_P(Drain, FailsWithoutAMap) {
  EpochMap epochs({-1, {-1, -1}, 8, 8});
  epochs.set_mode(GetParam());
  EXPECT_FALSE(epochs.swap());
  EXPECT_FALSE(epochs.drain([](auto, auto) { FAIL(); }));
}

// Two CPUs count as fast as they can while the maps are swapped beneath them.
TEST_P(Drain, LosesNoCountThatIsInFlight) {
  TwoMaps maps(2048);
  SKIP_IF_NOT_PERMITTED(maps.err());
  auto instructions = counting_program(maps.outer());
  UniqueFd program(bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "count", "GPL",
                                 instructions.data(), instructions.size(),
                                 nullptr));
  SKIP_IF_NOT_PERMITTED(program ? 0 : errno);
  constexpr int swaps = 23;
  constexpr int repeat = 1'000;
  std::atomic<bool> enough = false;
  std::atomic<std::uint64_t> counted = 0;
  auto count = [&] {
    std::array<char, 64> packet{};
    while (!enough) {
      bpf_test_run_opts options{};
      options.sz = sizeof(options);
      options.data_in = packet.data();
      options.data_size_in = packet.size();
      options.repeat = repeat;
      ASSERT_EQ(bpf_prog_test_run_opts(program.get(), &options), 0);
      counted += repeat;
    }
  };
  std::thread first(count);
  std::thread second(count);
  auto epochs = maps.epoch_map();
  epochs.set_mode(GetParam());
  std::uint64_t total = 0;
  auto take_over = [&] {
    EXPECT_TRUE(epochs.swap());
    for (const auto& [key, value] : drain(epochs)) total += value;
  };
  while (counted == 0) continue;
  for (int i = 0; i < swaps; ++i) take_over();
  enough = true;
  first.join();
  second.join();
  take_over();
  EXPECT_EQ(total, counted);
}

INSTANTIATE_TEST_SUITE_P(
    EpochMap, Drain, testing::Values(DrainMode::batches, DrainMode::one_by_one),
    [](const auto& mode) {
      return mode.param == DrainMode::batches ? "batches" : "one_by_one";
    });

}  // namespace
}  // namespace sightline::bpf
