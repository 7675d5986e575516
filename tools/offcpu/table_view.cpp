// SPDX-License-Identifier: Apache-2.0
// The table: who waited, in which way, for what, how long in all, how often and
// how long at most.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "base/units.h"
#include "output/table.h"
#include "reason.h"
#include "report.h"

namespace sightline::offcpu {
namespace {

using output::Align;
using Group = std::tuple<std::string, std::string, wait_kind, std::string>;

class TableView : public View {
 public:
  explicit TableView(const ViewSettings& settings)
      : settings_(settings), style_(settings.color) {}

  Status show(const Measurement& measurement, ReportKind,
              output::Sink& sink) override {
    // Where reports follow one another, an empty line is between them.
    std::string text =
        std::exchange(shown_, true) && sink.fd() >= 0 ? "\n" : "";
    text += summary(measurement) + "\n";
    if (measurement.waits.rows().empty()) {
      text += "No waits: what was looked at has not waited.\n";
    } else {
      text += waits(measurement);
    }
    text += "\n" + reasons("lost", measurement, bpf::LossClass::lost);
    text += reasons("partial", measurement, bpf::LossClass::partial);
    return sink.write(text);
  }

 private:
  std::string summary(const Measurement& measurement) const {
    std::array<std::uint64_t, WAIT_KINDS> totals{};
    for (const auto& [row, sum] : measurement.waits.rows()) {
      totals.at(row.kind) += sum.total_ns;
    }
    auto line = fmt::format("{}: ", format_duration(measurement.length_ns));
    for (std::size_t kind = 0; kind < totals.size(); ++kind) {
      line += fmt::format("{}{} {}", kind == 0 ? "" : ", ",
                          kind_name(static_cast<wait_kind>(kind)),
                          format_duration(totals.at(kind)));
    }
    return style_.bold(settings_.width > 0 ? truncate(line, settings_.width)
                                           : line) +
           "\n";
  }

  std::string waits(const Measurement& measurement) const {
    output::Table table({{"PID", Align::right},
                         {"COMMAND", Align::left},
                         {"KIND", Align::left},
                         {"REASON", Align::left, true},
                         {"TOTAL", Align::right},
                         {"COUNT", Align::right},
                         {"LONGEST", Align::right}});
    for (const auto& [group, sum] : groups(measurement)) {
      if (table.rows() == settings_.rows) break;
      const auto& [pid, comm, kind, reason] = group;
      table.add_row(
          {pid, comm.empty() ? "[no name]" : comm, std::string(kind_name(kind)),
           reason, format_duration(sum.total_ns), format_count(sum.count),
           (sum.open > 0 ? ">" : "") + format_duration(sum.longest_ns)});
    }
    return table.render(settings_.width, style_);
  }

  std::vector<std::pair<Group, WaitSum>> groups(
      const Measurement& measurement) const {
    std::map<Group, WaitSum> groups;
    for (const auto& [row, sum] : measurement.waits.rows()) {
      auto pid = row.waiter.tid != 0
                     ? fmt::format("{}/{}", row.waiter.pid, row.waiter.tid)
                     : std::to_string(row.waiter.pid);
      groups[{pid, row.waiter.comm, row.kind, row.reason}] += sum;
    }
    std::vector<std::pair<Group, WaitSum>> sorted(groups.begin(), groups.end());
    std::ranges::stable_sort(
        sorted, std::ranges::greater{},
        [this](const auto& entry) { return sort_value(entry.second); });
    return sorted;
  }

  std::uint64_t sort_value(const WaitSum& sum) const {
    if (settings_.sort == "count") return sum.count;
    if (settings_.sort == "longest") return sum.longest_ns;
    return sum.total_ns;
  }

  // Never cut: a line for each reason.
  static std::string reasons(std::string_view title,
                             const Measurement& measurement,
                             bpf::LossClass which) {
    std::string lines;
    auto text = bpf::describe(measurement.ledger, which);
    for (auto reason : split(text, ';')) {
      lines += fmt::format("{}: {}\n", title, trim(reason));
    }
    return lines;
  }

  ViewSettings settings_;
  output::Style style_;
  bool shown_ = false;
};

}  // namespace

std::unique_ptr<View> make_table_view(const ViewSettings& settings) {
  return std::make_unique<TableView>(settings);
}

}  // namespace sightline::offcpu
