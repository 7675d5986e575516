// SPDX-License-Identifier: Apache-2.0
// The loss ledger in JSON Lines (docs/schema.md).
#pragma once

#include <vector>

#include "bpf/loss_ledger.h"
#include "output/json.h"

namespace sightline::bpf {

// The object that closes every document: each entry of that scope, 0 or not.
output::Json ledger_record(const Ledger& ledger, LedgerScope scope);

// A record of type `lost` for each entry that is lost or partial and not 0.
std::vector<output::Json> loss_records(const Ledger& ledger,
                                       std::uint64_t time_ns);

}  // namespace sightline::bpf
