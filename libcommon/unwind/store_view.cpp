// SPDX-License-Identifier: Apache-2.0
#include "unwind/store_view.h"

#include <bpf/bpf.h>
#include <sys/mman.h>

#include <utility>

namespace sightline::unwind {
namespace {

constexpr std::uint64_t window_words = StoreView::window_bytes / 4;
constexpr std::uint64_t shard_words =
    std::uint64_t{UNWIND_BLOCK_WORDS} * UNWIND_SHARD_BLOCKS;

template <typename Value>
std::optional<Value> element(std::unordered_map<std::uint32_t, Value>& known,
                             int map, std::uint32_t key) {
  auto at = known.find(key);
  if (at != known.end()) return at->second;
  Value value{};
  if (bpf_map_lookup_elem(map, &key, &value) != 0) return std::nullopt;
  known.emplace(key, value);
  return value;
}

}  // namespace

const std::uint32_t* StoreView::block_of(std::uint64_t word) {
  const auto window = word / window_words;
  auto known = windows_.find(window);
  if (known == windows_.end()) {
    int shard = store_.shard(word / shard_words);
    if (shard < 0) return nullptr;
    auto offset = window * window_bytes % (shard_words * 4);
    void* at = ::mmap(nullptr, window_bytes, PROT_READ, MAP_SHARED, shard,
                      static_cast<off_t>(offset));
    if (at == MAP_FAILED) return nullptr;
    if (mapped_bytes() >= most_bytes) windows_.clear();
    known = windows_.emplace(window, UniqueMapping(at, window_bytes)).first;
  }
  const auto* words =
      static_cast<const std::uint32_t*>(known->second.address());
  return words + (word / UNWIND_BLOCK_WORDS % 2) * UNWIND_BLOCK_WORDS;
}

std::optional<unwind_object> StoreView::object(std::uint32_t id) {
  return element(objects_, store_.maps().objects, id);
}

std::optional<unwind_rule> StoreView::rule(std::uint32_t number) {
  return element(rules_, store_.maps().rules, number);
}

}  // namespace sightline::unwind
