// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/program.h"
#include "output/numbered.h"
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
          .whole = sink.fd() < 0 && sink.delivery() == Delivery::whole,
          .icicle = common.icicle};
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
    case Format::svg:
      return make_svg_view(settings);
    case Format::table:
      break;
  }
  return make_table_view(settings);
}

// Whatever it is called: /dev/tty.
Status check_reader(const Sink& sink) {
  if (!output::is_document(sink.format()) || !sink.is_terminal()) return {};
  return fail(ErrorKind::usage,
              fmt::format("format {} is not for a terminal",
                          cli::format_name(sink.format())),
              "write it to a file");
}

}  // namespace

Result<Reports> Reports::open(const Options& options) {
  Reports reports;
  bool many = options.common.interval_ns.has_value();
  for (const auto& target : cli::output_targets(options.common)) {
    bool apart = output::has_number(target.path);
    auto sink = SL_TRY(Sink::open(
        apart ? output::numbered(target.path, 1) : target.path, target.format,
        many && !apart ? Delivery::live : Delivery::whole));
    SL_CHECK(check_reader(sink));
    auto view = view_for(options, sink);
    reports.outputs_.push_back(
        {.sink = std::move(sink),
         .view = std::move(view),
         .pattern = apart ? target.path : std::string()});
  }
  return reports;
}

// A document that has left cannot be taken back for a newer one.
bool Reports::Output::skips(ReportKind kind) const {
  return kind == ReportKind::snapshot && output::is_document(sink.format()) &&
         sink.fd() >= 0;
}

Status Reports::Output::open_next() {
  if (pattern.empty() || !std::exchange(used, false)) return {};
  sink = SL_TRY(Sink::open(output::numbered(pattern, ++number), sink.format(),
                           sink.delivery()));
  return {};
}

// A snapshot's file is that of the interval which it is from.
Status Reports::Output::write(const Measurement& measurement, ReportKind kind) {
  if (skips(kind)) return {};
  SL_CHECK(open_next());
  SL_CHECK(sink.begin_report());
  SL_CHECK(view->show(measurement, kind, sink));
  used = kind != ReportKind::snapshot;
  return sink.commit();
}

// A terminal that is gone, or a full disk, must not cost the other outputs.
Status Reports::write(const Measurement& measurement, ReportKind kind) {
  Status first;
  for (auto& output : outputs_) {
    auto status = output.write(measurement, kind);
    if (status) continue;
    if (!first) cli::say(cli::error_message("cpuprof", status.error()));
    if (first) first = std::move(status);
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

void Reports::say_losses(const bpf::Ledger& ledger, bool quiet) const {
  auto lost = bpf::describe(ledger, bpf::LossClass::lost);
  auto partial = bpf::describe(ledger, bpf::LossClass::partial);
  bool whole = lost == "none" && partial == "none";
  if (!writes_folded() || (whole && quiet)) return;
  cli::say(fmt::format("cpuprof: lost: {}; partial: {}\n", lost, partial));
}

}  // namespace sightline::cpuprof
