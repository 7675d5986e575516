// SPDX-License-Identifier: Apache-2.0
#include "event/json_report.h"

#include <nlohmann/json.hpp>

#include "bpf/ledger_json.h"

namespace sightline::event {
namespace {

void put_closing(output::Json& record, const Stretch& stretch,
                 const JsonReport::Put& counts) {
  record["from_ns"] = stretch.from_ns;
  record["to_ns"] = stretch.to_ns;
  record["duration_ns"] = stretch.length_ns();
  counts(record);
  record["ledger"] =
      bpf::ledger_record(stretch.ledger, bpf::LedgerScope::events);
}

}  // namespace

std::string JsonReport::lines(const Stretch& stretch, const Put& counts,
                              const Put& totals) {
  std::string text;
  bool told = stretch.behind_intervals;
  for (const auto& lost : bpf::loss_records(stretch.ledger, stretch.to_ns)) {
    if (!told) text += output::to_line(lost);
  }
  bool ends = stretch.kind == ReportKind::final;
  if (!told && (!ends || totals)) {
    output::Json record{{"type", "interval"}, {"index", intervals_++}};
    record["snapshot"] = stretch.kind == ReportKind::snapshot;
    put_closing(record, stretch, counts);
    if (totals) totals(record);
    text += output::to_line(record);
  }
  if (!ends) return text;
  output::Json record{{"type", "end"}};
  put_closing(record, stretch, counts);
  return text + output::to_line(record);
}

}  // namespace sightline::event
