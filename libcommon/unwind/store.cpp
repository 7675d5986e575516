// SPDX-License-Identifier: Apache-2.0
#include "unwind/store.h"

#include <bpf/bpf.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace sightline::unwind {
namespace {

constexpr std::size_t shard_words =
    std::size_t{UNWIND_BLOCK_WORDS} * UNWIND_SHARD_BLOCKS;
constexpr std::size_t shard_bytes = shard_words * 4;

// What is mapped at a time: the kernel enters every page of it into our tables,
// touched or not. Pages are 4 to 64 KiB.
constexpr std::size_t window_bytes = 64U << 10;
static_assert(shard_bytes % window_bytes == 0);

// libLLVM has 600. Whoever makes up more of them shall not use up the numbers
// of everybody.
constexpr std::size_t most_rules_of_one = 4096;

// Pages of rows that are given a place together.
constexpr std::uint32_t group_words = UNWIND_BLOCK_WORDS / 2;

Result<UniqueFd> make_shard() {
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  options.map_flags = BPF_F_MMAPABLE;
  UniqueFd fd(::bpf_map_create(BPF_MAP_TYPE_ARRAY, "unwind_shard",
                               sizeof(std::uint32_t), UNWIND_BLOCK_WORDS * 4,
                               UNWIND_SHARD_BLOCKS, &options));
  if (!fd) return fail_errno("cannot make a map for unwind rows");
  return fd;
}

unwind_rule fixed_rule(unwind_kind kind) {
  unwind_rule rule{};
  rule.kind = static_cast<__u8>(kind);
  return rule;
}

unwind_object object_in(unwind_object_state state) {
  unwind_object object{};
  object.state = static_cast<__u32>(state);
  return object;
}

}  // namespace

Result<Store> Store::open(const StoreMaps& maps, std::uint64_t most_bytes) {
  auto shards =
      std::clamp<std::uint64_t>(most_bytes / shard_bytes, 1, UNWIND_MAX_SHARDS);
  Store store(maps, shards);
  SL_CHECK(store.put_fixed_rules());
  return store;
}

Status Store::put_fixed_rules() {
  static_assert(UNWIND_RULE_NO_ROWS == 0 && UNWIND_RULE_END == 1 &&
                UNWIND_RULE_UNSUPPORTED == 2 && UNWIND_FIRST_RULE == 3);
  for (auto kind : {UNWIND_NO_ROWS, UNWIND_END, UNWIND_UNSUPPORTED}) {
    SL_CHECK(number_of(fixed_rule(kind)));
  }
  return {};
}

// When all numbers are taken, the code of a new rule cannot be unwound.
Result<std::uint32_t> Store::number_of(const unwind_rule& rule) {
  RuleBytes bytes;
  std::memcpy(bytes.data(), &rule, sizeof(rule));
  auto at = rules_.find(bytes);
  if (at != rules_.end()) return at->second;
  auto number = static_cast<std::uint32_t>(rules_.size());
  if (number == UNWIND_MAX_RULES) return UNWIND_RULE_UNSUPPORTED;
  if (bpf_map_update_elem(maps_.rules, &number, &rule, BPF_ANY) != 0) {
    return fail_errno("cannot store an unwind rule");
  }
  rules_.emplace(bytes, number);
  return number;
}

Result<std::vector<std::uint32_t>> Store::numbers_of(
    std::span<const unwind_rule> rules) {
  std::vector<std::uint32_t> numbers;
  numbers.reserve(rules.size());
  for (const auto& rule : rules) {
    bool within = numbers.size() < most_rules_of_one;
    numbers.push_back(within ? SL_TRY(number_of(rule))
                             : std::uint32_t{UNWIND_RULE_UNSUPPORTED});
  }
  return numbers;
}

std::optional<std::uint32_t> Store::add_object(unwind_object_state state) {
  std::uint32_t id = next_id_;
  if (!free_ids_.empty()) {
    id = free_ids_.back();
    free_ids_.pop_back();
  } else if (next_id_++ == UNWIND_MAX_OBJECTS) {
    next_id_ = UNWIND_MAX_OBJECTS;
    return std::nullopt;
  }
  objects_[id] = {};
  if (put_object(id, object_in(state))) return id;
  return std::nullopt;
}

Status Store::put_object(std::uint32_t id, const unwind_object& object) {
  if (bpf_map_update_elem(maps_.objects, &id, &object, BPF_ANY) == 0) return {};
  return fail_errno("cannot store an unwind object");
}

Status Store::set_state(std::uint32_t object, unwind_object_state state) {
  return put_object(object, object_in(state));
}

// Where the kernel has no memory for another shard, there is no room.
bool Store::grow() {
  if (shards_.size() == most_shards_) return false;
  auto shard = make_shard();
  if (!shard) return false;
  auto index = static_cast<std::uint32_t>(shards_.size());
  int fd = shard->get();
  if (bpf_map_update_elem(maps_.store, &index, &fd, BPF_ANY) != 0) return false;
  shards_.push_back(std::move(*shard));
  arena_.add_words(UNWIND_SHARD_WORDS);
  return true;
}

// What no number of shards can hold must not make them all.
std::optional<Extent> Store::room(std::uint32_t words, bool in_one_block) {
  const auto most = in_one_block ? std::uint64_t{UNWIND_BLOCK_WORDS}
                                 : most_shards_ * shard_words;
  if (words == 0 || words > most) return std::nullopt;
  while (true) {
    auto extent =
        in_one_block ? arena_.allocate(words) : arena_.allocate_run(words);
    if (extent || !grow()) return extent;
  }
}

std::uint64_t Store::free_words() const {
  return most_shards_ * shard_words - arena_.used();
}

// An extent that goes over several windows is written window by window. False
// where we have no memory for it.
Result<bool> Store::write(std::uint32_t word, const void* from,
                          std::size_t bytes) {
  const auto* data = static_cast<const char*>(from);
  auto at = std::size_t{word} * 4;
  while (bytes > 0) {
    if (!SL_TRY(open_window(at / window_bytes))) return false;
    const std::size_t offset = at % window_bytes;
    const auto part = std::min(bytes, window_bytes - offset);
    std::memcpy(static_cast<char*>(window_.address()) + offset, data, part);
    data += part;
    bytes -= part;
    at += part;
  }
  return true;
}

Result<bool> Store::open_window(std::size_t number) {
  if (number == window_number_) return true;
  const auto begin = number * window_bytes;
  void* at = ::mmap(nullptr, window_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                    shards_[begin / shard_bytes].get(),
                    static_cast<off_t>(begin % shard_bytes));
  if (at == MAP_FAILED && errno == ENOMEM) return false;
  if (at == MAP_FAILED) return fail_errno("cannot map unwind rows");
  window_ = UniqueMapping(at, window_bytes);
  window_number_ = number;
  return true;
}

// What is mapped counts as memory of the tool.
void Store::close_window() {
  window_ = UniqueMapping();
  window_number_ = SIZE_MAX;
}

Result<bool> Store::publish(std::uint32_t id, const Rows& rows) {
  Object object;
  std::vector<unwind_page> pages;
  bool fits = SL_TRY(write_rows(rows, object, pages));
  auto table = fits && !pages.empty()
                   ? room(static_cast<std::uint32_t>(2 * pages.size()), false)
                   : std::nullopt;
  if (table) object.extents.push_back(*table);
  bool written = table && SL_TRY(write(table->word, pages.data(),
                                       pages.size() * sizeof(pages[0])));
  close_window();
  if (!written) {
    // No program has seen them.
    for (const auto& extent : object.extents) arena_.free(extent);
    SL_CHECK(set_state(id, UNWIND_LEFT_OUT));
    return false;
  }
  // Stays at the highest, which nobody keeps anything by (unwind_cache.h).
  if (last_serial_ < UINT32_MAX) ++last_serial_;
  unwind_object published{.pages_word = table->word,
                          .page_count = static_cast<__u32>(pages.size()),
                          .first_page = rows.first_page,
                          .state = UNWIND_PENDING,
                          .serial = last_serial_,
                          .reserved = 0};
  SL_CHECK(put_object(id, published));
  published.state = rows.is_go ? UNWIND_LOADED_GO : UNWIND_LOADED;
  SL_CHECK(put_object(id, published));
  rows_ += object.rows;
  objects_[id] = std::move(object);
  return true;
}

Result<bool> Store::write_rows(const Rows& rows, Object& object,
                               std::vector<unwind_page>& pages) {
  auto numbers = SL_TRY(numbers_of(rows.rules));
  const std::span all(rows.pages);
  for (std::size_t begin = 0; begin < all.size();) {
    std::uint32_t words = all[begin].count;
    auto end = begin + 1;
    while (end < all.size() && words + all[end].count <= group_words) {
      words += all[end++].count;
    }
    auto group = all.subspan(begin, end - begin);
    if (!SL_TRY(write_group(rows, group, numbers, object, pages))) return false;
    begin = end;
  }
  return true;
}

// Pages whose rows lie one behind the other.
Result<bool> Store::write_group(const Rows& rows, std::span<const Page> group,
                                std::span<const std::uint32_t> numbers,
                                Object& object,
                                std::vector<unwind_page>& pages) {
  std::vector<unwind_row> words;
  for (const auto& page : group) {
    for (std::uint32_t i = 0; i < page.count; ++i) {
      auto row = rows.rows[page.first + i];
      words.push_back(unwind_make_row(unwind_row_offset(row),
                                      numbers[unwind_row_rule(row)]));
    }
  }
  Extent extent;
  if (!words.empty()) {
    auto found = room(static_cast<std::uint32_t>(words.size()), true);
    if (!found) return false;
    extent = *found;
    object.extents.push_back(extent);
    if (!SL_TRY(write(extent.word, words.data(),
                      words.size() * sizeof(words[0])))) {
      return false;
    }
  }
  object.rows += words.size();
  auto at = extent.word;
  for (const auto& page : group) {
    pages.push_back({page.count == 0 ? 0 : at, page.count});
    at += page.count;
  }
  return true;
}

void Store::give_back(Object& object) {
  fresh_.extents.insert(fresh_.extents.end(), object.extents.begin(),
                        object.extents.end());
  object.extents.clear();
}

Status Store::remove_object(std::uint32_t id) {
  auto at = objects_.find(id);
  if (at == objects_.end()) return {};
  rows_ -= at->second.rows;
  give_back(at->second);
  objects_.erase(at);
  fresh_.objects.push_back(id);
  return set_state(id, UNWIND_PENDING);
}

Result<std::optional<Extent>> Store::add_mappings(
    std::span<const unwind_mapping> mappings) {
  auto words =
      static_cast<std::uint32_t>(mappings.size() * UNWIND_MAPPING_WORDS);
  auto extent = room(words, true);
  if (!extent) return std::nullopt;
  bool written =
      SL_TRY(write(extent->word, mappings.data(), mappings.size_bytes()));
  close_window();
  if (written) return extent;
  arena_.free(*extent);
  return std::nullopt;
}

void Store::release(const Extent& mappings) {
  fresh_.extents.push_back(mappings);
}

Status Store::put_space(std::uint32_t pid, unwind_space space) {
  space.era = *maps_.era;
  space.pid = pid;
  if (bpf_map_update_elem(maps_.spaces, &pid, &space, BPF_ANY) == 0) return {};
  if (errno != E2BIG) return fail_errno("cannot store a process's mappings");
  ++spaces_refused_;
  return {};
}

void Store::erase_space(std::uint32_t pid) {
  bpf_map_delete_elem(maps_.spaces, &pid);
}

void Store::grace_period_passed() {
  for (const auto& extent : settling_.extents) arena_.free(extent);
  free_ids_.insert(free_ids_.end(), settling_.objects.begin(),
                   settling_.objects.end());
  settling_ = std::exchange(fresh_, {});
}

Store::Use Store::use() const {
  return {.shard_bytes = shards_.size() * shard_bytes,
          .used_bytes = arena_.used() * 4,
          .objects = objects_.size(),
          .rows = rows_,
          .rules = rules_.size(),
          .spaces_refused = spaces_refused_};
}

}  // namespace sightline::unwind
