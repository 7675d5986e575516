// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/program.h"
#include "output/style.h"

namespace sightline::offcpu {
namespace {

using output::Delivery;
using output::Format;
using output::Sink;

ViewSettings settings_for(const Options& options, const Sink& sink) {
  const auto& common = options.common;
  auto width = common.wide ? std::optional<std::size_t>(0) : common.width;
  return {.rows = common.rows.value_or(20),
          .sort = common.sort,
          .width = output::terminal_width(sink.fd(), width),
          .color = output::want_color(common.color, sink.fd()),
          .whole = sink.fd() < 0};
}

std::unique_ptr<View> view_for(const Options& options, const Sink& sink) {
  auto settings = settings_for(options, sink);
  if (sink.format() == Format::folded) return make_folded_view();
  if (sink.format() == Format::json) return make_json_view(settings);
  return make_table_view(settings);
}

}  // namespace

Result<Reports> Reports::open(const Options& options) {
  Reports reports;
  for (const auto& target : cli::output_targets(options.common)) {
    auto sink = SL_TRY(Sink::open(target.path, target.format, Delivery::whole));
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

Status Reports::write(const Measurement& measurement, ReportKind kind) {
  Status first;
  for (auto& output : outputs_) {
    auto status = output.write(measurement, kind);
    if (status) continue;
    if (!first) cli::say(cli::error_message("offcpu", status.error()));
    if (first) first = std::move(status);
  }
  return first;
}

int Reports::watched_fd() const {
  return outputs_.size() == 1 ? outputs_.front().sink.fd() : -1;
}

bool Reports::replaces_files() const {
  return std::ranges::any_of(
      outputs_, [](const Output& output) { return output.sink.fd() < 0; });
}

bool Reports::readers_gone() const {
  return std::ranges::all_of(
      outputs_, [](const Output& output) { return output.sink.reader_gone(); });
}

void Reports::say_losses(const bpf::Ledger& ledger, bool quiet) const {
  bool folded = std::ranges::any_of(outputs_, [](const Output& output) {
    return output.sink.format() == Format::folded;
  });
  auto lost = bpf::describe(ledger, bpf::LossClass::lost);
  auto partial = bpf::describe(ledger, bpf::LossClass::partial);
  bool whole = lost == "none" && partial == "none";
  if (!folded || (whole && quiet)) return;
  cli::say(fmt::format("offcpu: lost: {}; partial: {}\n", lost, partial));
}

}  // namespace sightline::offcpu
