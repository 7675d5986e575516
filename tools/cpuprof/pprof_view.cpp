// SPDX-License-Identifier: Apache-2.0
// pprof's profile.proto: a sample for each row, with labels that say whose it
// is. docs/schema.md lists them, the sample types and the comments.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/program.h"
#include "json_records.h"
#include "output/pprof_writer.h"
#include "report.h"
#include "stack/pprof_frames.h"

namespace sightline::cpuprof {
namespace {

using output::PprofWriter;
using output::pprof::Label;
using output::pprof::ValueType;

// Several events have a column each, for their sum means nothing.
std::vector<ValueType> weights(const Setup& setup) {
  bool timed = setup.period_ns > 0;
  std::string_view unit = timed ? "nanoseconds" : "count";
  if (setup.events.size() == 1) return {{timed ? "cpu" : "events", unit}};
  std::vector<ValueType> types;
  for (const auto& event : setup.events) types.push_back({event, unit});
  return types;
}

output::pprof::Header header_of(const Measurement& measurement) {
  const auto& setup = measurement.setup;
  const auto& span = measurement.span;
  auto types = weights(setup);
  output::pprof::Header header{
      .sample_types = {{"samples", "count"}},
      .default_sample_type = types.front().type,
      .period_type = types.front(),
      .period = setup.period_ns > 0 ? setup.period_ns : setup.period,
      .time_ns = setup.start_realtime_ns + span.from_ns,
      .duration_ns = span.length_ns()};
  header.sample_types.insert(header.sample_types.end(), types.begin(),
                             types.end());
  return header;
}

// The labels of one row, and the texts that are made for them.
class RowLabels {
 public:
  RowLabels(const Measurement& measurement, const stack::RowKey& row) {
    const auto& profile = measurement.profile;
    const auto& setup = measurement.setup;
    const auto& process = profile.process_at(row.process);
    number("pid", process.pid);
    if (process.known) {
      text("process", process.comm);
      number("uid", process.uid);
    }
    text("comm", profile.name_at(row.comm));
    if (setup.groups_by("tid")) number("tid", row.tid);
    if (setup.groups_by("cpu")) number("cpu", row.cpu);
    if (setup.groups_by("cgroup")) {
      cgroup_ = measurement.cgroup_path(row.cgroup);
      cgroup_id_ = output::hex_string(row.cgroup);
      text("cgroup", cgroup_);
      text("cgroup_id", cgroup_id_);
    }
    text("event", setup.events[row.event]);
  }
  RowLabels(const RowLabels&) = delete;
  RowLabels& operator=(const RowLabels&) = delete;

  [[nodiscard]] const std::vector<Label>& all() const { return labels_; }

 private:
  // pprof takes an empty text for no label.
  void text(std::string_view key, std::string_view value) {
    labels_.push_back(Label::of_text(key, value.empty() ? "[no name]" : value));
  }
  // And 0 without a unit, in place of which it shows the key.
  void number(std::string_view key, std::int64_t value) {
    labels_.push_back(Label::of_number(key, value, key));
  }

  std::vector<Label> labels_;
  std::string cgroup_;
  std::string cgroup_id_;
};

using Row = std::pair<const stack::RowKey, stack::Counts>;

// The heaviest first: what is hot comes first in whatever lists samples in
// their order, and its program among the mappings.
std::vector<const Row*> by_weight(const stack::Profile& profile) {
  std::vector<const Row*> rows;
  for (const auto& row : profile.rows()) rows.push_back(&row);
  std::ranges::stable_sort(rows, std::ranges::greater{},
                           [](const Row* row) { return row->second.sum; });
  return rows;
}

Status add_samples(const Measurement& measurement, stack::PprofFrames& frames,
                   PprofWriter& writer) {
  bool one_event = measurement.setup.events.size() == 1;
  std::vector<std::uint64_t> values(1 + measurement.setup.events.size());
  for (const auto* entry : by_weight(measurement.profile)) {
    const auto& [row, counts] = *entry;
    std::ranges::fill(values, 0);
    values[0] = counts.count;
    values[one_event ? 1 : 1 + row.event] = counts.sum;
    const RowLabels labels(measurement, row);
    SL_CHECK(writer.add_sample(frames.stack(row.stack), values, labels.all()));
  }
  return {};
}

// pprof's reports begin with the comments, but for those with a `#`.
void add_comments(const Measurement& measurement, PprofWriter& writer) {
  const auto& setup = measurement.setup;
  const auto& ledger = measurement.span.ledger;
  writer.add_comment(fmt::format("cpuprof {} on {}, Linux {}: {}",
                                 cli::version(), setup.host, setup.kernel,
                                 fmt::join(setup.arguments, " ")));
  writer.add_comment(fmt::format(
      "lost: {}; partial: {}", bpf::describe(ledger, bpf::LossClass::lost),
      bpf::describe(ledger, bpf::LossClass::partial)));
  for (const auto& record :
       {begin_record(setup), end_record(measurement.span)}) {
    writer.add_comment("#" + std::string(trim(output::to_line(record))));
  }
}

class PprofView : public View {
 public:
  Status show(const Measurement& measurement, ReportKind,
              output::Sink& sink) override {
    auto writer = SL_TRY(PprofWriter::open(
        header_of(measurement),
        [&](std::string_view bytes) { return sink.write(bytes); }));
    stack::PprofFrames frames(measurement.profile, measurement.names, writer);
    SL_CHECK(add_samples(measurement, frames, writer));
    frames.finish();
    add_comments(measurement, writer);
    return writer.finish();
  }
};

}  // namespace

std::unique_ptr<View> make_pprof_view() {
  return std::make_unique<PprofView>();
}

}  // namespace sightline::cpuprof
