// SPDX-License-Identifier: Apache-2.0
#include "bpf/ledger_json.h"

#include <nlohmann/json.hpp>
#include <string>

namespace sightline::bpf {

using output::Json;

Json ledger_record(const Ledger& ledger, LedgerScope scope) {
  Json record;
  for (std::size_t i = 0; i < ledger.counts.size(); ++i) {
    const auto& entry = ledger_entries()[i];
    if (entry.scope != LedgerScope::any && entry.scope != scope) continue;
    record[std::string(entry.name)] = ledger.counts[i];
  }
  return record;
}

std::vector<Json> loss_records(const Ledger& ledger, std::uint64_t time_ns) {
  std::vector<Json> records;
  for (std::size_t i = 0; i < ledger.counts.size(); ++i) {
    const auto& entry = ledger_entries()[i];
    bool partial = entry.loss_class == LossClass::partial;
    bool missing = partial || entry.loss_class == LossClass::lost;
    if (!missing || ledger.counts[i] == 0) continue;
    records.push_back({{"type", "lost"},
                       {"time_ns", time_ns},
                       {"reason", entry.name},
                       {"count", ledger.counts[i]},
                       {"partial", partial},
                       {"text", entry.sentence}});
  }
  return records;
}

}  // namespace sightline::bpf
