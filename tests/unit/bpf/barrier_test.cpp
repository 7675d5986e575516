// SPDX-License-Identifier: Apache-2.0
// With a real program, which takes some milliseconds.
#include "bpf/barrier.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "base/handle.h"
#include "bpf/real_maps.h"

namespace sightline::bpf {
namespace {

enum State : std::uint64_t { idle, running, ended };

// Writes `running` to the first entry of the map when it begins, and `ended` in
// the end.
std::vector<bpf_insn> long_program(int map_fd) {
  constexpr int move = BPF_ALU64 | BPF_MOV | BPF_X;
  constexpr int move_value = BPF_ALU64 | BPF_MOV | BPF_K;
  constexpr int add_value = BPF_ALU64 | BPF_ADD | BPF_K;
  constexpr int call = BPF_JMP | BPF_CALL;
  constexpr int set = BPF_ST | BPF_MEM | BPF_DW;
  constexpr int calls = 20;
  std::vector<bpf_insn> program{
      instruction(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
      instruction(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map_fd),
      instruction(0, 0, 0, 0, 0),
      instruction(move, 2, 10, 0, 0),
      instruction(add_value, 2, 0, 0, -4),
      instruction(call, 0, 0, 0, BPF_FUNC_map_lookup_elem),
      instruction(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 1, 0),
      instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
      instruction(move, 7, 0, 0, 0),
      instruction(set, 7, 0, 0, running),
      instruction(move_value, 8, 0, 0, 10'000)};
  program.insert(program.end(), calls,
                 instruction(call, 0, 0, 0, BPF_FUNC_ktime_get_ns));
  program.push_back(instruction(add_value, 8, 0, 0, -1));
  program.push_back(
      instruction(BPF_JMP | BPF_JNE | BPF_K, 8, 0, -calls - 2, 0));
  program.push_back(instruction(set, 7, 0, 0, ended));
  program.push_back(instruction(move_value, 0, 0, 0, 0));
  program.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
  return program;
}

class BarrierTest : public testing::Test {
 protected:
  void SetUp() override {
    map_.reset(bpf_map_create(BPF_MAP_TYPE_ARRAY, "state", 4, 8, 1, nullptr));
    if (!map_ && (errno == EPERM || errno == EACCES)) {
      GTEST_SKIP() << "bpf() is not permitted: " << std::strerror(errno);
    }
    ASSERT_TRUE(map_) << std::strerror(errno);
    auto code = long_program(map_.get());
    program_.reset(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "long", "GPL",
                                 code.data(), code.size(), nullptr));
    ASSERT_TRUE(program_) << std::strerror(errno);
  }

  [[nodiscard]] std::uint64_t state() const {
    __u32 first = 0;
    std::uint64_t value = idle;
    EXPECT_EQ(bpf_map_lookup_elem(map_.get(), &first, &value), 0);
    return value;
  }

  void reset() {
    __u32 first = 0;
    std::uint64_t value = idle;
    ASSERT_EQ(bpf_map_update_elem(map_.get(), &first, &value, BPF_ANY), 0);
  }

  void run() const {
    std::array<std::byte, 64> packet{};
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.data_in = packet.data();
    options.data_size_in = packet.size();
    EXPECT_EQ(bpf_prog_test_run_opts(program_.get(), &options), 0);
  }

  UniqueFd map_;
  UniqueFd program_;
};

TEST_F(BarrierTest, WaitsForAProgramThatRuns) {
  bool seen_running = false;
  for (int attempt = 0; attempt < 1000 && !seen_running; ++attempt) {
    reset();
    std::thread runner([this] { run(); });
    while (state() == idle) continue;
    seen_running = state() == running;
    if (seen_running) {
      EXPECT_TRUE(wait_for_programs());
      EXPECT_EQ(state(), ended);
    }
    runner.join();
  }
  EXPECT_TRUE(seen_running);
}

}  // namespace
}  // namespace sightline::bpf
