// SPDX-License-Identifier: Apache-2.0
// The flame graph: the stacks that the folded view writes, as a picture, and
// above it what they are of and what is missing.
#include <fmt/format.h>

#include "base/clock.h"
#include "base/units.h"
#include "output/flame_graph.h"
#include "report.h"
#include "stack/flame.h"

namespace sightline::cpuprof {
namespace {

// 2026-11-22 15:00:37 UTC
std::string start_of(const Measurement& measurement) {
  auto text = format_rfc3339(measurement.setup.start_realtime_ns +
                             measurement.span.from_ns);
  return fmt::format("{} {} UTC", text.substr(0, 10), text.substr(11, 8));
}

std::string samples_of(const Measurement& measurement) {
  const auto& setup = measurement.setup;
  auto rate = setup.frequency_hz > 0
                  ? fmt::format("at {} Hz", setup.frequency_hz)
                  : fmt::format("every {}", setup.period);
  const auto& span = measurement.span;
  return fmt::format(
      "{} samples of {} {}, {} CPUs {:.1f} % busy",
      format_count(measurement.profile.total().count),
      fmt::join(setup.events, ","), rate, setup.cpus,
      percent(span.busy_ns, span.busy_ns + span.idle_ns + span.steal_ns));
}

output::FlameTitle title_of(const Measurement& measurement) {
  const auto& setup = measurement.setup;
  const auto& ledger = measurement.span.ledger;
  output::FlameTitle title{
      .title = fmt::format("cpuprof: {}", setup.host),
      .lines = {
          fmt::format("{}, {}: {}", start_of(measurement),
                      format_duration(measurement.span.length_ns()),
                      samples_of(measurement)),
          fmt::format("lost: {}; partial: {}",
                      bpf::describe(ledger, bpf::LossClass::lost),
                      bpf::describe(ledger, bpf::LossClass::partial)),
          fmt::format("{} (by {}; kernel {})", fmt::join(setup.arguments, " "),
                      fmt::join(setup.by, ", "), setup.kernel)}};
  if (measurement.profile.total().count == 0) {
    title.lines.emplace_back("No samples: what was looked at took none.");
  }
  return title;
}

class SvgView : public View {
 public:
  explicit SvgView(const ViewSettings& settings) : settings_(settings) {}

  Status show(const Measurement& measurement, ReportKind,
              output::Sink& sink) override {
    auto graph = stack::flame_graph(measurement.profile, measurement.names,
                                    measurement.labels);
    return output::write_flame_graph(
        graph, title_of(measurement), {.icicle = settings_.icicle},
        [&](std::string_view text) { return sink.write(text); });
  }

 private:
  ViewSettings settings_;
};

}  // namespace

std::unique_ptr<View> make_svg_view(const ViewSettings& settings) {
  return std::make_unique<SvgView>(settings);
}

}  // namespace sightline::cpuprof
