// SPDX-License-Identifier: Apache-2.0
// The loss ledger, user half: what became of every sample or event, by the
// names of bpf/include/ledger.h. Every output format ends with it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "ledger.h"

namespace sightline::bpf {

enum class LossClass { flow, filtered, lost, partial };

// Which tools have an entry: those that sample, those of events.
enum class LedgerScope { any, samples, events };

struct LedgerEntry {
  std::string_view name;  // as in JSON
  LedgerScope scope;
  LossClass loss_class;
  std::string_view sentence;  // for people
};

// The list, in the order of ledger_index.
const std::array<LedgerEntry, LEDGER_COUNT>& ledger_entries();

// Counts by ledger_index. A plain value.
struct Ledger {
  std::array<std::uint64_t, LEDGER_COUNT> counts{};

  std::uint64_t& operator[](ledger_index index) { return counts[index]; }
  std::uint64_t operator[](ledger_index index) const { return counts[index]; }

  [[nodiscard]] std::uint64_t total(LossClass loss_class) const;
};

// "none", or each count of that class with its sentence: "3 ...; 1 ...".
std::string describe(const Ledger& ledger, LossClass loss_class);

Ledger operator-(const Ledger& later, const Ledger& earlier);

// What each possible CPU counted in the map `ledger` of bpf/include/count.h.
// Fails with errno.
Result<std::vector<Ledger>> read_ledgers(int map_fd);

Ledger sum(const std::vector<Ledger>& ledgers);

// Missing records as a share of all records that should be there, in percent:
// lost / (lost + delivered); 0 when there is nothing.
double loss_percent(const Ledger& ledger, std::uint64_t delivered);

}  // namespace sightline::bpf
