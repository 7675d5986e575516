// SPDX-License-Identifier: Apache-2.0
#include "bpf/loss_ledger.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "base/units.h"

namespace sightline::bpf {
namespace {

constexpr auto ANY = LedgerScope::any;
constexpr auto SAMPLES = LedgerScope::samples;
constexpr auto EVENTS = LedgerScope::events;
constexpr auto FLOW = LossClass::flow;
constexpr auto FILTERED = LossClass::filtered;
constexpr auto LOST = LossClass::lost;
constexpr auto PARTIAL = LossClass::partial;

}  // namespace

const std::array<LedgerEntry, LEDGER_COUNT>& ledger_entries() {
#define LEDGER_ENTRY(name, scope, class, sentence) \
  LedgerEntry{#name, scope, class, sentence},
  static constexpr std::array<LedgerEntry, LEDGER_COUNT> entries{
      {LEDGER_LIST(LEDGER_ENTRY)}};
#undef LEDGER_ENTRY
  return entries;
}

std::uint64_t Ledger::total(LossClass loss_class) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (ledger_entries()[i].loss_class == loss_class) sum += counts[i];
  }
  return sum;
}

std::string describe(const Ledger& ledger, LossClass loss_class) {
  std::string text;
  for (std::size_t i = 0; i < ledger.counts.size(); ++i) {
    const auto& entry = ledger_entries()[i];
    if (entry.loss_class != loss_class || ledger.counts[i] == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : "; ",
                        format_count(ledger.counts[i]), entry.sentence);
  }
  return text.empty() ? "none" : text;
}

Ledger operator-(const Ledger& later, const Ledger& earlier) {
  Ledger difference;
  for (std::size_t i = 0; i < later.counts.size(); ++i) {
    difference.counts[i] = later.counts[i] - earlier.counts[i];
  }
  return difference;
}

Result<std::vector<Ledger>> read_ledgers(int map_fd) {
  auto cpus = libbpf_num_possible_cpus();
  if (cpus < 0) return fail_errno("cannot count the CPUs", -cpus);
  std::vector<Ledger> ledgers(static_cast<std::size_t>(cpus));
  static_assert(sizeof(Ledger) % 8 == 0, "as the kernel pads per-CPU values");
  __u32 key = 0;
  if (bpf_map_lookup_elem(map_fd, &key, ledgers.data()) != 0) {
    return fail_errno("cannot read the loss ledger");
  }
  return ledgers;
}

Ledger sum(const std::vector<Ledger>& ledgers) {
  Ledger total;
  for (const auto& ledger : ledgers) {
    for (std::size_t i = 0; i < total.counts.size(); ++i) {
      total.counts[i] += ledger.counts[i];
    }
  }
  return total;
}

double loss_percent(const Ledger& ledger, std::uint64_t delivered) {
  auto lost = ledger.total(LossClass::lost);
  if (lost == 0) return 0;
  return 100.0 * static_cast<double>(lost) /
         static_cast<double>(lost + delivered);
}

}  // namespace sightline::bpf
