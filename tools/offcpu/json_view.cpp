// SPDX-License-Identifier: Apache-2.0
// JSON Lines, schema 1: the totals, one `wait` for each process, kind and
// reason, and the ledger.
#include <nlohmann/json.hpp>

#include "bpf/ledger_json.h"
#include "output/json.h"
#include "reason.h"
#include "report.h"

namespace sightline::offcpu {
namespace {

using output::Json;
using output::to_line;

Json wait_record(const WaitRow& row, const WaitSum& sum) {
  Json record{{"type", "wait"}, {"pid", row.waiter.pid}};
  if (row.waiter.tid != 0) record["tid"] = row.waiter.tid;
  output::put_text(record, "comm", row.waiter.comm);
  record["kernel_thread"] = row.waiter.kernel_thread;
  if (row.waiter.cgroup != 0) {
    record["cgroup_id"] = output::hex_string(row.waiter.cgroup);
  }
  record["kind"] = kind_name(row.kind);
  record["reason"] = row.reason;
  record["count"] = sum.count;
  record["total_ns"] = sum.total_ns;
  record["longest_ns"] = sum.longest_ns;
  record["open"] = sum.open;
  return record;
}

class JsonView : public View {
 public:
  Status show(const Measurement& measurement, output::Sink& sink) override {
    Json begin{{"type", "begin"}, {"tool", "offcpu"}, {"schema", 1}};
    SL_CHECK(sink.write(to_line(begin)));
    for (const auto& [row, sum] : measurement.waits.rows()) {
      SL_CHECK(sink.write(to_line(wait_record(row, sum))));
    }
    for (const auto& record :
         bpf::loss_records(measurement.ledger, measurement.length_ns)) {
      SL_CHECK(sink.write(to_line(record)));
    }
    Json end{{"type", "end"},
             {"duration_ns", measurement.length_ns},
             {"waits", measurement.waits.delivered()},
             {"ledger", bpf::ledger_record(measurement.ledger,
                                           bpf::LedgerScope::samples)}};
    return sink.write(to_line(end));
  }
};

}  // namespace

std::unique_ptr<View> make_json_view() { return std::make_unique<JsonView>(); }

}  // namespace sightline::offcpu
