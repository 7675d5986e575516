// SPDX-License-Identifier: Apache-2.0
// JSON Lines, schema 1: the totals, one `wait` for each process, kind and
// reason, and the ledger.
#include <nlohmann/json.hpp>
#include <utility>

#include "bpf/ledger_json.h"
#include "cli/document.h"
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

Json begin_record(const Measurement& measurement) {
  auto record = cli::begin_record("offcpu", measurement.origin);
  record["by"] = measurement.by;
  return record;
}

// All reports are of everything since the start.
void put_closing(Json& record, const Measurement& measurement) {
  record["from_ns"] = 0;
  record["to_ns"] = measurement.length_ns;
  record["duration_ns"] = measurement.length_ns;
  record["waits"] = measurement.waits.delivered();
  record["ledger"] =
      bpf::ledger_record(measurement.ledger, bpf::LedgerScope::samples);
}

class JsonView : public View {
 public:
  explicit JsonView(bool whole) : whole_(whole) {}

  Status show(const Measurement& measurement, ReportKind kind,
              output::Sink& sink) override {
    // A file that is replaced holds one whole document each time.
    if (whole_ || !std::exchange(begun_, true)) {
      SL_CHECK(sink.write(to_line(begin_record(measurement))));
    }
    for (const auto& [row, sum] : measurement.waits.rows()) {
      SL_CHECK(sink.write(to_line(wait_record(row, sum))));
    }
    for (const auto& record :
         bpf::loss_records(measurement.ledger, measurement.length_ns)) {
      SL_CHECK(sink.write(to_line(record)));
    }
    bool ends = kind == ReportKind::final;
    Json closing{{"type", ends ? "end" : "interval"}};
    if (!ends) {
      closing["index"] = snapshots_++;
      closing["snapshot"] = true;
    }
    put_closing(closing, measurement);
    return sink.write(to_line(closing));
  }

 private:
  bool whole_;
  bool begun_ = false;
  std::uint64_t snapshots_ = 0;
};

}  // namespace

std::unique_ptr<View> make_json_view(const ViewSettings& settings) {
  return std::make_unique<JsonView>(settings.whole);
}

}  // namespace sightline::offcpu
