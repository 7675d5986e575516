// SPDX-License-Identifier: Apache-2.0
#include "json_records.h"

#include <algorithm>

#include "base/clock.h"
#include "base/text.h"
#include "cli/program.h"

namespace sightline::cpuprof {
namespace {

using output::Json;
using output::put_text;

constexpr int schema = 1;

// Where one is not UTF-8, all stand beside it in hexadecimal.
void put_arguments(Json& record, const std::vector<std::string>& arguments) {
  auto texts = Json::array();
  auto raw = Json::array();
  for (const auto& argument : arguments) {
    Json holder;
    put_text(holder, "text", argument);
    texts.push_back(holder["text"]);
    raw.push_back(to_hex(argument));
  }
  record["arguments"] = texts;
  if (!std::ranges::all_of(arguments, is_utf8)) record["arguments_hex"] = raw;
}

Json ledger_record(const bpf::Ledger& ledger) {
  Json record;
  for (std::size_t i = 0; i < ledger.counts.size(); ++i) {
    record[std::string(bpf::ledger_entries()[i].name)] = ledger.counts[i];
  }
  return record;
}

}  // namespace

Json begin_record(const Setup& setup) {
  Json record{{"type", "begin"},
              {"tool", "cpuprof"},
              {"version", cli::version()},
              {"schema", schema},
              {"start", format_rfc3339(setup.start_realtime_ns)}};
  put_text(record, "host", setup.host);
  record["kernel"] = setup.kernel;
  put_arguments(record, setup.arguments);
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
  record["ledger"] = ledger_record(span.ledger);
}

Json end_record(const Span& span) {
  Json record{{"type", "end"}};
  put_closing(record, span);
  return record;
}

}  // namespace sightline::cpuprof
