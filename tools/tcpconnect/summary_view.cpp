// SPDX-License-Identifier: Apache-2.0
// The table of --summary and --hist: what became of attempts, by destination,
// and how long they took.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "base/text.h"
#include "base/units.h"
#include "event/time_columns.h"
#include "output/bars.h"
#include "output/table.h"
#include "report.h"

namespace sightline::tcpconnect {
namespace {

using output::Align;
using Entries = std::vector<event::Tally<Total>::Entry>;

std::string percentile(const Histogram& values, double share) {
  return values.count() == 0 ? "-"
                             : format_duration_word(values.percentile(share));
}

// `refused 3, timeout 1`; nothing where all became connections.
std::string failures_of(const Total& total) {
  std::string text;
  for (std::size_t i = 0; i < outcomes; ++i) {
    auto outcome = static_cast<Outcome>(i);
    if (outcome == Outcome::ok || total.by_outcome[i] == 0) continue;
    text +=
        fmt::format("{}{} {}", text.empty() ? "" : ", ", outcome_name(outcome),
                    format_count(total.by_outcome[i]));
  }
  return text;
}

class SummaryView : public View {
 public:
  SummaryView(const Setup& setup, const event::ViewSettings& settings)
      : setup_(setup), style_(settings.color), width_(settings.width) {}

  // Of a document that is replaced, each time.
  std::string begin() override {
    shown_ = false;
    return {};
  }
  std::string row(const Connect&) override { return {}; }

  std::string report(const Report& report) override {
    std::string text = std::exchange(shown_, true) ? "\n" : "";
    text += headline(report);
    if (!report.behind_intervals) text += totals(*report.summary);
    return text +
           event::closing(
               fmt::format(
                   "lost: {}; partial: {}",
                   bpf::describe(report.ledger, bpf::LossClass::lost),
                   bpf::describe(report.ledger, bpf::LossClass::partial)),
               width_);
  }

 private:
  std::string totals(const Summary& summary) const {
    const auto& common = setup_.options.common;
    auto shown = destinations(summary);
    auto all = shown.size();
    shown.resize(std::min(all, common.rows.value_or(20)));
    std::string text;
    if (common.summary && !shown.empty()) text += table(shown);
    if (common.histogram) {
      text += common.summary ? histograms(shown) : histograms(summary);
    }
    if (common.summary && shown.size() < all) {
      text += fmt::format("\n{} more (-r shows them)\n",
                          format_count(all - shown.size()));
    }
    return text;
  }

  std::string headline(const Report& report) const {
    auto seconds = static_cast<double>(report.length_ns()) / ns_per_second;
    auto pending = report.counts.pending;
    auto ended = static_cast<double>(report.attempts() - pending);
    auto line =
        event::time_prefix(setup_.options.common, setup_, report.to_ns) +
        fmt::format("{}{}: {} ({:.1f}/s), {} failed",
                    format_duration(report.length_ns()),
                    report.behind_intervals ? " in all" : "",
                    attempts_text(report), seconds > 0 ? ended / seconds : 0,
                    format_count(report.counts.failed));
    if (pending > 0) line += fmt::format(", {} pending", format_count(pending));
    return style_.bold(width_ > 0 ? truncate(line, width_) : line) + "\n";
  }

  Entries destinations(const Summary& summary) const {
    auto entries = summary.by_destination.ranked();
    const auto& sort = setup_.options.common.sort;
    auto by = [&](const std::function<std::uint64_t(const Total&)>& key) {
      std::ranges::stable_sort(
          entries, std::ranges::greater{},
          [&](const auto& entry) { return key(*entry.second); });
    };
    // What fails stands before what does not, where they are as many.
    if (sort.empty() || sort == "attempts") {
      by([](const Total& t) { return t.failed(); });
      by([](const Total& t) { return t.count; });
    }
    if (sort == "failed") by([](const Total& t) { return t.failed(); });
    if (sort == "retransmits") by([](const Total& t) { return t.retransmits; });
    if (sort == "latency") {
      by([](const Total& t) { return t.latencies_ns.percentile(99); });
    }
    return entries;
  }

  std::string table(const Entries& entries) const {
    output::Table table({{"ATTEMPTS", Align::right},
                         {"FAILED", Align::right},
                         {"P50", Align::right},
                         {"P90", Align::right},
                         {"P99", Align::right},
                         {"MAX", Align::right},
                         {"RTX", Align::right},
                         {"DESTINATION", Align::left, true}});
    for (const auto& [key, total] : entries) {
      auto failures = failures_of(*total);
      auto where = std::string(key);
      if (!failures.empty()) where += fmt::format(" [{}]", failures);
      table.add_row({format_count(total->count), format_count(total->failed()),
                     percentile(total->latencies_ns, 50),
                     percentile(total->latencies_ns, 90),
                     percentile(total->latencies_ns, 99),
                     percentile(total->latencies_ns, 100),
                     format_count(total->retransmits), where});
    }
    return "\n" + table.render(width_, style_);
  }

  std::string histogram(std::string_view name, const Histogram& values) const {
    if (values.count() == 0) return {};
    return "\n" + style_.bold(printable(name)) + "\n" +
           output::duration_bars(values, width_);
  }

  // Of connections, by destination.
  std::string histograms(const Entries& entries) const {
    std::string text;
    for (const auto& [key, total] : entries) {
      text += histogram(key, total->latencies_ns);
    }
    return text;
  }

  // By outcome.
  std::string histograms(const Summary& summary) const {
    std::string text;
    for (std::size_t i = 0; i < outcomes; ++i) {
      text += histogram(outcome_name(static_cast<Outcome>(i)),
                        summary.latencies_ns[i]);
    }
    return text;
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

}  // namespace sightline::tcpconnect
