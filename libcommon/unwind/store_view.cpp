// SPDX-License-Identifier: Apache-2.0
#include "unwind/store_view.h"

#include <bpf/bpf.h>
#include <sys/mman.h>

#include <utility>

namespace sightline::unwind {
namespace {

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
  const auto number = word / UNWIND_BLOCK_WORDS;
  auto known = windows_.find(number);
  if (known == windows_.end()) {
    int shard = store_.shard(number / UNWIND_SHARD_BLOCKS);
    if (shard < 0) return nullptr;
    auto offset = static_cast<off_t>(number % UNWIND_SHARD_BLOCKS *
                                     std::uint64_t{block_bytes});
    void* at =
        ::mmap(nullptr, block_bytes, PROT_READ, MAP_SHARED, shard, offset);
    if (at == MAP_FAILED) return nullptr;
    if (mapped_bytes() >= most_bytes) windows_.clear();
    known = windows_.emplace(number, UniqueMapping(at, block_bytes)).first;
  }
  return static_cast<const std::uint32_t*>(known->second.address());
}

std::optional<unwind_object> StoreView::object(std::uint32_t id) {
  return element(objects_, store_.maps().objects, id);
}

std::optional<unwind_rule> StoreView::rule(std::uint32_t number) {
  return element(rules_, store_.maps().rules, number);
}

}  // namespace sightline::unwind
