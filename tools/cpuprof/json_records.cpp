// SPDX-License-Identifier: Apache-2.0
#include "json_records.h"

#include "bpf/ledger_json.h"
#include "cli/document.h"

namespace sightline::cpuprof {

using output::Json;

Json begin_record(const Setup& setup) {
  auto record = cli::begin_record(
      "cpuprof", {.host = setup.host,
                  .kernel = setup.kernel,
                  .arguments = setup.arguments,
                  .start_realtime_ns = setup.start_realtime_ns});
  record["events"] = setup.events;
  if (setup.frequency_hz > 0) {
    record["frequency_hz"] = setup.frequency_hz;
  } else {
    record["period"] = setup.period;
  }
  record["cpus"] = setup.cpus;
  record["by"] = setup.by;
  return record;
}

void put_closing(Json& record, const Span& span) {
  record["from_ns"] = span.from_ns;
  record["to_ns"] = span.to_ns;
  record["duration_ns"] = span.length_ns();
  record["samples"] = span.samples;
  record["busy_ns"] = span.busy_ns;
  record["idle_ns"] = span.idle_ns;
  record["steal_ns"] = span.steal_ns;
  record["ledger"] = bpf::ledger_record(span.ledger, bpf::LedgerScope::samples);
}

Json end_record(const Span& span) {
  Json record{{"type", "end"}};
  put_closing(record, span);
  return record;
}

}  // namespace sightline::cpuprof
