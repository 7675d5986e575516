// SPDX-License-Identifier: Apache-2.0
// Maps and a counting program like those of bpf/include/samples.h, made by hand
// on this machine's kernel.
#pragma once

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <array>
#include <cstdint>
#include <vector>

#include "base/handle.h"
#include "bpf/epoch_map.h"

namespace sightline::bpf {

// Two hash maps from u64 to u64, one of them in the slot.
class TwoMaps {
 public:
  explicit TwoMaps(std::uint32_t entries) {
    for (auto& map : maps_) {
      map.reset(
          bpf_map_create(BPF_MAP_TYPE_HASH, "counts", 8, 8, entries, nullptr));
      if (!map) err_ = errno;
    }
    bpf_map_create_opts options{};
    options.sz = sizeof(options);
    options.inner_map_fd = static_cast<__u32>(maps_[0].get());
    outer_.reset(bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "live_counts", 4, 4,
                                1, &options));
    if (!outer_ && err_ == 0) err_ = errno;
    __u32 slot = 0;
    int first = maps_[0].get();
    if (outer_ && bpf_map_update_elem(outer(), &slot, &first, 0) != 0) {
      err_ = errno;
    }
  }

  // errno of what could not be made, else 0.
  [[nodiscard]] int err() const { return err_; }
  [[nodiscard]] int outer() const { return outer_.get(); }
  [[nodiscard]] int map(int index) const {
    return maps_[static_cast<std::size_t>(index)].get();
  }
  [[nodiscard]] EpochMap epoch_map() const {
    return EpochMap({outer(), {map(0), map(1)}, 8, 8});
  }

 private:
  std::array<UniqueFd, 2> maps_;
  UniqueFd outer_;
  int err_ = 0;
};

inline bpf_insn instruction(int code, int to, int from, int offset, int value) {
  bpf_insn made{};
  made.code = static_cast<__u8>(code);
  made.dst_reg = static_cast<__u8>(to & 0xf);
  made.src_reg = static_cast<__u8>(from & 0xf);
  made.off = static_cast<__s16>(offset);
  made.imm = value;
  return made;
}

// Adds one to the count of a random key below 1,024 in the map that it finds in
// the slot: insert, or else add to what is there.
inline std::vector<bpf_insn> counting_program(int outer_fd) {
  constexpr int move = BPF_ALU64 | BPF_MOV | BPF_X;
  constexpr int move_value = BPF_ALU64 | BPF_MOV | BPF_K;
  constexpr int add_value = BPF_ALU64 | BPF_ADD | BPF_K;
  constexpr int store = BPF_STX | BPF_MEM | BPF_DW;
  constexpr int call = BPF_JMP | BPF_CALL;
  constexpr int jump_if_zero = BPF_JMP | BPF_JEQ | BPF_K;
  return {
      instruction(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
      instruction(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, outer_fd),
      instruction(0, 0, 0, 0, 0),
      instruction(move, 2, 10, 0, 0),
      instruction(add_value, 2, 0, 0, -4),
      instruction(call, 0, 0, 0, BPF_FUNC_map_lookup_elem),
      instruction(jump_if_zero, 0, 0, 20, 0),  // to the end
      instruction(move, 7, 0, 0, 0),
      instruction(call, 0, 0, 0, BPF_FUNC_get_prandom_u32),
      instruction(BPF_ALU64 | BPF_AND | BPF_K, 0, 0, 0, 1023),
      instruction(store, 10, 0, -16, 0),
      instruction(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -24, 1),
      instruction(move, 1, 7, 0, 0),
      instruction(move, 2, 10, 0, 0),
      instruction(add_value, 2, 0, 0, -16),
      instruction(move, 3, 10, 0, 0),
      instruction(add_value, 3, 0, 0, -24),
      instruction(move_value, 4, 0, 0, BPF_NOEXIST),
      instruction(call, 0, 0, 0, BPF_FUNC_map_update_elem),
      instruction(jump_if_zero, 0, 0, 7, 0),
      instruction(move, 1, 7, 0, 0),
      instruction(move, 2, 10, 0, 0),
      instruction(add_value, 2, 0, 0, -16),
      instruction(call, 0, 0, 0, BPF_FUNC_map_lookup_elem),
      instruction(jump_if_zero, 0, 0, 2, 0),
      instruction(move_value, 1, 0, 0, 1),
      instruction(BPF_STX | BPF_ATOMIC | BPF_DW, 0, 1, 0, BPF_ADD),
      instruction(move_value, 0, 0, 0, 0),
      instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  };
}

}  // namespace sightline::bpf
