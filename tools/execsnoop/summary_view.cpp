// SPDX-License-Identifier: Apache-2.0
// The table of --summary: who starts how many, and how long they run.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "base/units.h"
#include "event/time_columns.h"
#include "output/table.h"
#include "report.h"

namespace sightline::execsnoop {
namespace {

using output::Align;

class SummaryView : public View {
 public:
  SummaryView(const Setup& setup, const event::ViewSettings& settings)
      : setup_(setup), style_(settings.color), width_(settings.width) {}

  // Of a document that is replaced, each time.
  std::string begin() override {
    shown_ = false;
    return {};
  }
  std::string row(const Exec&) override { return {}; }

  std::string report(const Report& report) override {
    std::string text = std::exchange(shown_, true) ? "\n" : "";
    text += headline(report);
    const auto& summary = *report.summary;
    if (summary.all.count > 0 && !report.behind_intervals) {
      text += part("BY COMMAND", "COMMAND", summary.by_command, report);
      text += part("BY PARENT", "PARENT", summary.by_parent, report);
      text += part("BY CGROUP", "CGROUP", summary.by_cgroup, report);
    }
    return text +
           event::closing(
               fmt::format(
                   "lost: {}; partial: {}",
                   bpf::describe(report.ledger, bpf::LossClass::lost),
                   bpf::describe(report.ledger, bpf::LossClass::partial)),
               width_);
  }

 private:
  // Two lines, so that each fits 80 columns. As in rows and in JSON, an attempt
  // that failed is no exec; the tables count both.
  std::string headline(const Report& report) const {
    auto when = event::time_prefix(setup_.options.common, setup_, report.to_ns);
    auto text =
        line(when + fmt::format("{}{}: {} exec{} ({}/s), {} failed",
                                format_duration(report.length_ns()),
                                report.behind_intervals ? " in all" : "",
                                format_count(report.succeeded),
                                report.succeeded == 1 ? "" : "s",
                                rate(report.succeeded, report),
                                format_count(report.failed)));
    const auto& lives = report.summary->all.durations_ns;
    if (lives.count() == 0 || report.behind_intervals) return text;
    return text + line(fmt::format("lifetime: p50 {}, p90 {}, p99 {}",
                                   format_duration(lives.percentile(50)),
                                   format_duration(lives.percentile(90)),
                                   format_duration(lives.percentile(99))));
  }

  std::string line(const std::string& text) const {
    return style_.bold(width_ > 0 ? truncate(text, width_) : text) + "\n";
  }

  static std::string rate(std::uint64_t count, const Report& report) {
    auto seconds = static_cast<double>(report.length_ns()) / ns_per_second;
    return seconds > 0
               ? fmt::format("{:.1f}", static_cast<double>(count) / seconds)
               : "0.0";
  }

  std::string part(std::string_view heading, const char* title,
                   const event::Tally<>& tally, const Report& report) const {
    output::Table table({{"COUNT", Align::right},
                         {"RATE/s", Align::right},
                         {"FAILED", Align::right},
                         {"P50", Align::right},
                         {"P90", Align::right},
                         {"P99", Align::right},
                         {title, Align::left, true}});
    for (const auto& [key, total] : sorted(tally)) {
      if (table.rows() == setup_.options.common.rows.value_or(10)) break;
      table.add_row({format_count(total->count), rate(total->count, report),
                     format_count(total->failed), percentile(*total, 50),
                     percentile(*total, 90), percentile(*total, 99),
                     std::string(key)});
    }
    return "\n" + style_.bold(heading) + "\n" + table.render(width_);
  }

  std::vector<event::Tally<>::Entry> sorted(const event::Tally<>& tally) const {
    auto entries = tally.ranked();
    if (setup_.options.common.sort == "failed") {
      std::ranges::stable_sort(entries, std::ranges::greater{},
                               [](const event::Tally<>::Entry& entry) {
                                 return entry.second->failed;
                               });
    }
    return entries;
  }

  static std::string percentile(const event::Total& total, double share) {
    const auto& lives = total.durations_ns;
    return lives.count() == 0 ? "-"
                              : format_duration_word(lives.percentile(share));
  }

  const Setup& setup_;
  output::Style style_;
  std::size_t width_;
  bool shown_ = false;
};

}  // namespace

std::unique_ptr<View> make_summary_view(const Setup& setup,
                                        const event::ViewSettings& settings) {
  return std::make_unique<SummaryView>(setup, settings);
}

}  // namespace sightline::execsnoop
