// SPDX-License-Identifier: Apache-2.0
// A ring buffer of this machine's kernel, and a program made by hand that sends
// what it is told to.
#pragma once

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/handle.h"
#include "bpf/real_maps.h"

namespace sightline::bpf {

// Not thread-safe.
class RealRing {
 public:
  static constexpr std::size_t record_bytes = 64;
  using Record = std::array<std::byte, record_bytes>;

  explicit RealRing(std::uint32_t bytes) {
    map_.reset(
        bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, bytes, nullptr));
    if (!map_) err_ = errno;
    if (map_) load();
  }

  // errno of what could not be made, else 0.
  [[nodiscard]] int err() const { return err_; }
  [[nodiscard]] int map() const { return map_.get(); }

  // Sends the record so often. Returns false when the last had no room.
  bool send(const Record& record, int count = 1) {
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.data_in = record.data();
    options.data_size_in = record.size();
    options.repeat = count;
    bool ran = bpf_prog_test_run_opts(program_.get(), &options) == 0;
    return ran && options.retval == 0;
  }

 private:
  // A packet's first bytes to the stack, and from there into the ring.
  void load() {
    constexpr int move = BPF_ALU64 | BPF_MOV | BPF_X;
    constexpr int move_value = BPF_ALU64 | BPF_MOV | BPF_K;
    constexpr int add_value = BPF_ALU64 | BPF_ADD | BPF_K;
    constexpr int call = BPF_JMP | BPF_CALL;
    const std::vector<bpf_insn> program{
        instruction(move_value, 2, 0, 0, 0),
        instruction(move, 3, 10, 0, 0),
        instruction(add_value, 3, 0, 0, -static_cast<int>(record_bytes)),
        instruction(move_value, 4, 0, 0, record_bytes),
        instruction(call, 0, 0, 0, BPF_FUNC_skb_load_bytes),
        instruction(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map()),
        instruction(0, 0, 0, 0, 0),
        instruction(move, 2, 10, 0, 0),
        instruction(add_value, 2, 0, 0, -static_cast<int>(record_bytes)),
        instruction(move_value, 3, 0, 0, record_bytes),
        instruction(move_value, 4, 0, 0, 0),
        instruction(call, 0, 0, 0, BPF_FUNC_ringbuf_output),
        instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
    };
    program_.reset(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "send", "GPL",
                                 program.data(), program.size(), nullptr));
    if (!program_) err_ = errno;
  }

  UniqueFd map_;
  UniqueFd program_;
  int err_ = 0;
};

}  // namespace sightline::bpf
