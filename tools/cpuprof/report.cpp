// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <algorithm>

#include "output/style.h"

namespace sightline::cpuprof {
namespace {

using output::Delivery;
using output::Format;
using output::Sink;

ViewSettings settings_for(const Options& options, const Sink& sink) {
  const auto& common = options.common;
  auto width = common.wide ? std::optional<std::size_t>(0) : common.width;
  return {.rows = common.rows.value_or(10),
          .sort = common.sort,
          .width = output::terminal_width(sink.fd(), width),
          .color = output::want_color(common.color, sink.fd()),
          .whole = sink.fd() < 0 && sink.delivery() == Delivery::whole};
}

std::unique_ptr<View> view_for(const Options& options, const Sink& sink) {
  auto settings = settings_for(options, sink);
  switch (sink.format()) {
    case Format::folded:
      return make_folded_view();
    case Format::json:
      return make_json_view(settings);
    case Format::pprof:
      return make_pprof_view();
    case Format::table:
      break;
  }
  return make_table_view(settings);
}

Status check_reader(const Sink& sink) {
  if (sink.format() != Format::pprof || !sink.is_terminal()) return {};
  return fail(ErrorKind::usage, "format pprof is not for a terminal",
              "write it to a file, as with -o out.pb.gz");
}

}  // namespace

Result<Reports> Reports::open(const Options& options) {
  Reports reports;
  auto delivery = options.common.interval_ns ? Delivery::live : Delivery::whole;
  for (const auto& target : cli::output_targets(options.common)) {
    auto sink = SL_TRY(Sink::open(target.path, target.format, delivery));
    SL_CHECK(check_reader(sink));
    auto view = view_for(options, sink);
    reports.outputs_.push_back({std::move(sink), std::move(view)});
  }
  return reports;
}

Status Reports::Output::write(const Measurement& measurement, ReportKind kind) {
  SL_CHECK(sink.begin_report());
  SL_CHECK(view->show(measurement, kind, sink));
  return sink.commit();
}

// A terminal that is gone, or a full disk, must not cost the other outputs.
Status Reports::write(const Measurement& measurement, ReportKind kind) {
  Status first;
  for (auto& output : outputs_) {
    auto status = output.write(measurement, kind);
    if (first && !status) first = std::move(status);
  }
  return first;
}

int Reports::watched_fd() const {
  return outputs_.size() == 1 ? outputs_.front().sink.fd() : -1;
}

bool Reports::writes_folded() const {
  return std::ranges::any_of(outputs_, [](const Output& output) {
    return output.sink.format() == Format::folded;
  });
}

bool Reports::replaces_files() const {
  return std::ranges::any_of(
      outputs_, [](const Output& output) { return output.sink.fd() < 0; });
}

bool Reports::readers_gone() const {
  return std::ranges::all_of(
      outputs_, [](const Output& output) { return output.sink.reader_gone(); });
}

}  // namespace sightline::cpuprof
