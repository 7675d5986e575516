// SPDX-License-Identifier: Apache-2.0
#include "perf/event_tables.h"

#include <linux/perf_event.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

namespace sightline::perf {
namespace {

struct NamedEvent {
  std::string_view name;
  EventCode code;
};

constexpr EventCode software(std::uint64_t config) {
  return {PERF_TYPE_SOFTWARE, config};
}
constexpr EventCode hardware(std::uint64_t config) {
  return {PERF_TYPE_HARDWARE, config};
}

constexpr std::array named_events{
    NamedEvent{"cpu-clock", software(PERF_COUNT_SW_CPU_CLOCK)},
    NamedEvent{"task-clock", software(PERF_COUNT_SW_TASK_CLOCK)},
    NamedEvent{"page-faults", software(PERF_COUNT_SW_PAGE_FAULTS)},
    NamedEvent{"faults", software(PERF_COUNT_SW_PAGE_FAULTS)},
    NamedEvent{"minor-faults", software(PERF_COUNT_SW_PAGE_FAULTS_MIN)},
    NamedEvent{"major-faults", software(PERF_COUNT_SW_PAGE_FAULTS_MAJ)},
    NamedEvent{"context-switches", software(PERF_COUNT_SW_CONTEXT_SWITCHES)},
    NamedEvent{"cs", software(PERF_COUNT_SW_CONTEXT_SWITCHES)},
    NamedEvent{"cpu-migrations", software(PERF_COUNT_SW_CPU_MIGRATIONS)},
    NamedEvent{"migrations", software(PERF_COUNT_SW_CPU_MIGRATIONS)},
    NamedEvent{"alignment-faults", software(PERF_COUNT_SW_ALIGNMENT_FAULTS)},
    NamedEvent{"emulation-faults", software(PERF_COUNT_SW_EMULATION_FAULTS)},
    NamedEvent{"bpf-output", software(PERF_COUNT_SW_BPF_OUTPUT)},
    NamedEvent{"cgroup-switches", software(PERF_COUNT_SW_CGROUP_SWITCHES)},
    NamedEvent{"cycles", hardware(PERF_COUNT_HW_CPU_CYCLES)},
    NamedEvent{"cpu-cycles", hardware(PERF_COUNT_HW_CPU_CYCLES)},
    NamedEvent{"instructions", hardware(PERF_COUNT_HW_INSTRUCTIONS)},
    NamedEvent{"cache-references", hardware(PERF_COUNT_HW_CACHE_REFERENCES)},
    NamedEvent{"cache-misses", hardware(PERF_COUNT_HW_CACHE_MISSES)},
    NamedEvent{"branches", hardware(PERF_COUNT_HW_BRANCH_INSTRUCTIONS)},
    NamedEvent{"branch-instructions",
               hardware(PERF_COUNT_HW_BRANCH_INSTRUCTIONS)},
    NamedEvent{"branch-misses", hardware(PERF_COUNT_HW_BRANCH_MISSES)},
    NamedEvent{"bus-cycles", hardware(PERF_COUNT_HW_BUS_CYCLES)},
    NamedEvent{"stalled-cycles-frontend",
               hardware(PERF_COUNT_HW_STALLED_CYCLES_FRONTEND)},
    NamedEvent{"idle-cycles-frontend",
               hardware(PERF_COUNT_HW_STALLED_CYCLES_FRONTEND)},
    NamedEvent{"stalled-cycles-backend",
               hardware(PERF_COUNT_HW_STALLED_CYCLES_BACKEND)},
    NamedEvent{"idle-cycles-backend",
               hardware(PERF_COUNT_HW_STALLED_CYCLES_BACKEND)},
    NamedEvent{"ref-cycles", hardware(PERF_COUNT_HW_REF_CPU_CYCLES)},
};

// One word of a cache event: its number in the ABI and its spellings, the one
// that `perf list` shows first.
struct CacheWord {
  std::uint64_t id;
  std::array<std::string_view, 5> spellings;
};

constexpr std::array caches{
    CacheWord{PERF_COUNT_HW_CACHE_L1D, {"L1-dcache", "l1-d", "l1d", "L1-data"}},
    CacheWord{PERF_COUNT_HW_CACHE_L1I,
              {"L1-icache", "l1-i", "l1i", "L1-instruction"}},
    CacheWord{PERF_COUNT_HW_CACHE_LL, {"LLC", "L2"}},
    CacheWord{PERF_COUNT_HW_CACHE_DTLB, {"dTLB", "d-tlb", "Data-TLB"}},
    CacheWord{PERF_COUNT_HW_CACHE_ITLB, {"iTLB", "i-tlb", "Instruction-TLB"}},
    CacheWord{PERF_COUNT_HW_CACHE_BPU,
              {"branch", "branches", "bpu", "btb", "bpc"}},
    CacheWord{PERF_COUNT_HW_CACHE_NODE, {"node"}},
};
constexpr std::array operations{
    CacheWord{PERF_COUNT_HW_CACHE_OP_READ, {"load", "loads", "read"}},
    CacheWord{PERF_COUNT_HW_CACHE_OP_WRITE, {"store", "stores", "write"}},
    CacheWord{
        PERF_COUNT_HW_CACHE_OP_PREFETCH,
        {"prefetch", "prefetches", "speculative-read", "speculative-load"}},
};
constexpr std::array results{
    CacheWord{PERF_COUNT_HW_CACHE_RESULT_ACCESS,
              {"refs", "Reference", "ops", "access"}},
    CacheWord{PERF_COUNT_HW_CACHE_RESULT_MISS, {"misses", "miss"}},
};

// Which operations a cache has at all, as perf knows them: one bit an
// operation (tools/perf/util/evsel.c, Linux 6.1).
constexpr std::array<unsigned, PERF_COUNT_HW_CACHE_MAX> cache_operations{
    0b111, 0b101, 0b111, 0b111, 0b001, 0b001, 0b111};

bool has_operation(std::uint64_t cache, std::uint64_t operation) {
  return (cache_operations[cache] >> operation & 1) != 0;
}

// Takes the longest of the words' spellings, and the dash behind it, off the
// front of `text`.
std::optional<std::uint64_t> take_word(std::string_view& text,
                                       std::span<const CacheWord> words) {
  std::optional<std::uint64_t> id;
  std::size_t taken = 0;
  for (const auto& word : words) {
    for (auto spelling : word.spellings) {
      if (spelling.size() <= taken || !text.starts_with(spelling)) continue;
      auto rest = text.substr(spelling.size());
      if (!rest.empty() && !rest.starts_with('-')) continue;
      id = word.id;
      taken = spelling.size();
    }
  }
  text.remove_prefix(std::min(text.size(), taken + (id ? 1 : 0)));
  return id;
}

// CACHE[-OPERATION][-RESULT], the last two in either order; reads and accesses
// unless said otherwise.
std::optional<EventCode> find_cache_event(std::string_view name) {
  if (name.ends_with('-')) return std::nullopt;
  auto cache = take_word(name, caches);
  if (!cache) return std::nullopt;
  std::optional<std::uint64_t> operation;
  std::optional<std::uint64_t> result;
  while (!name.empty()) {
    auto before = name.size();
    if (!operation) operation = take_word(name, operations);
    if (!result) result = take_word(name, results);
    if (name.size() == before) return std::nullopt;
  }
  auto chosen = operation.value_or(PERF_COUNT_HW_CACHE_OP_READ);
  if (!has_operation(*cache, chosen)) return std::nullopt;
  auto outcome = result.value_or(PERF_COUNT_HW_CACHE_RESULT_ACCESS);
  return EventCode{PERF_TYPE_HW_CACHE, *cache | chosen << 8 | outcome << 16};
}

std::optional<EventCode> find_raw_event(std::string_view name) {
  if (!name.starts_with('r')) return std::nullopt;
  name.remove_prefix(1);
  if (name.starts_with("0x")) name.remove_prefix(2);
  EventCode code{PERF_TYPE_RAW, 0};
  const auto* end = name.data() + name.size();
  auto [next, error] = std::from_chars(name.data(), end, code.config, 16);
  if (name.empty() || error != std::errc{} || next != end) return std::nullopt;
  return code;
}

void add_cache_names(const CacheWord& cache, std::vector<std::string>& names) {
  for (const auto& operation : operations) {
    if (!has_operation(cache.id, operation.id)) continue;
    auto name = std::string(cache.spellings[0]) + "-";
    names.push_back(name + std::string(operation.spellings[1]));
    names.push_back(name + std::string(operation.spellings[0]) + "-misses");
  }
}

}  // namespace

std::optional<EventCode> find_event_code(std::string_view name) {
  auto named = std::ranges::find(named_events, name, &NamedEvent::name);
  if (named != named_events.end()) return named->code;
  if (auto cache = find_cache_event(name)) return cache;
  return find_raw_event(name);
}

std::vector<std::string> listed_event_names() {
  std::vector<std::string> names;
  for (const auto& event : named_events) names.emplace_back(event.name);
  for (const auto& cache : caches) add_cache_names(cache, names);
  return names;
}

}  // namespace sightline::perf
