// SPDX-License-Identifier: Apache-2.0
// Maps as the kernel half has them, smaller: needs the right to make them.
#pragma once

#include <bpf/bpf.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/handle.h"
#include "unwind/store.h"
#include "unwind_rows.h"

namespace sightline::unwind::testing {

inline constexpr std::uint64_t one_shard =
    std::uint64_t{UNWIND_SHARD_WORDS} * 4;

class RealMaps {
 public:
  // nullopt, with errno, when the kernel refuses.
  static std::optional<RealMaps> make(std::uint32_t objects = 64,
                                      std::uint32_t spaces = 2) {
    bpf_map_create_opts options{};
    options.sz = sizeof(options);
    options.map_flags = BPF_F_MMAPABLE;
    auto shard = create(BPF_MAP_TYPE_ARRAY, UNWIND_BLOCK_WORDS * 4,
                        UNWIND_SHARD_BLOCKS, &options);
    if (!shard) return std::nullopt;
    options.map_flags = 0;
    options.inner_map_fd = static_cast<__u32>(shard.get());
    RealMaps maps;
    maps.store_ =
        create(BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, UNWIND_MAX_SHARDS, &options);
    maps.objects_ = create(BPF_MAP_TYPE_ARRAY, sizeof(unwind_object), objects);
    maps.rules_ =
        create(BPF_MAP_TYPE_ARRAY, sizeof(unwind_rule), UNWIND_MAX_RULES);
    maps.spaces_ = create(BPF_MAP_TYPE_HASH, sizeof(unwind_space), spaces);
    if (!maps.store_ || !maps.objects_ || !maps.rules_ || !maps.spaces_) {
      return std::nullopt;
    }
    return maps;
  }

  static bool is_refused() { return errno == EPERM || errno == EACCES; }

  [[nodiscard]] Result<Store> open(std::uint64_t most = one_shard) const {
    return Store::open({.store = store_.get(),
                        .objects = objects_.get(),
                        .rules = rules_.get(),
                        .spaces = spaces_.get(),
                        .era = era_.get()},
                       most);
  }

  [[nodiscard]] std::uint32_t era() const { return *era_; }

  // As the kernel half reads them; all zeros, or nothing, where there is none.
  [[nodiscard]] unwind_object object(std::uint32_t id) const {
    unwind_object value{};
    (void)bpf_map_lookup_elem(objects_.get(), &id, &value);
    return value;
  }
  [[nodiscard]] std::optional<unwind_space> space(std::uint32_t pid) const {
    unwind_space value{};
    if (bpf_map_lookup_elem(spaces_.get(), &pid, &value) != 0) return {};
    return value;
  }
  [[nodiscard]] std::uint32_t word(std::uint32_t at) const {
    std::uint32_t shard = at / UNWIND_SHARD_WORDS;
    std::uint32_t block = at / UNWIND_BLOCK_WORDS % UNWIND_SHARD_BLOCKS;
    std::uint32_t id = 0;
    (void)bpf_map_lookup_elem(store_.get(), &shard, &id);
    UniqueFd inner(bpf_map_get_fd_by_id(id));
    std::vector<std::uint32_t> words(UNWIND_BLOCK_WORDS);
    (void)bpf_map_lookup_elem(inner.get(), &block, words.data());
    return words[at % UNWIND_BLOCK_WORDS];
  }
  [[nodiscard]] std::vector<unwind_mapping> mappings(
      const unwind_space& space) const {
    std::vector<unwind_mapping> found(space.count);
    auto* words = reinterpret_cast<std::uint32_t*>(found.data());
    for (std::uint32_t i = 0; i < space.count * UNWIND_MAPPING_WORDS; ++i) {
      words[i] = word(space.word + i);
    }
    return found;
  }

 private:
  static UniqueFd create(bpf_map_type type, std::uint32_t value,
                         std::uint32_t entries,
                         bpf_map_create_opts* options = nullptr) {
    return UniqueFd(bpf_map_create(type, "test", 4, value, entries, options));
  }

  UniqueFd store_, objects_, rules_, spaces_;
  std::unique_ptr<std::uint32_t> era_ = std::make_unique<std::uint32_t>(0);
};

}  // namespace sightline::unwind::testing
