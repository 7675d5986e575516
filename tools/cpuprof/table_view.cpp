// SPDX-License-Identifier: Apache-2.0
// The table: for eyes at 3 a.m. One line that sums up, then processes,
// functions by self and by total time, the hottest stacks, and what was lost.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "base/units.h"
#include "output/table.h"
#include "report.h"
#include "stack/rank.h"

namespace sightline::cpuprof {
namespace {

using output::Align;
using stack::Counts;

constexpr std::size_t stacks_shown = 3;
constexpr std::size_t frames_shown = 12;
constexpr std::size_t least_name = 30;  // columns of a frame, with its indent

std::string share(const Counts& part, const Counts& whole) {
  return fmt::format("{:.1f}", percent(part.sum, whole.sum));
}

// What stands behind one line of the process table.
struct Group {
  Counts counts;
  std::set<std::uint32_t> pids;
};

class TableView : public View {
 public:
  explicit TableView(const ViewSettings& settings)
      : settings_(settings), style_(settings.color) {}

  Status show(const Measurement& measurement, ReportKind,
              output::Sink& sink) override {
    std::string text;
    if (std::exchange(shown_, true) && !settings_.whole) text += "\n";
    text += summary(measurement);
    bool empty = measurement.profile.total().count == 0;
    if (empty) {
      text += "\nNo samples: what was looked at took none.\n";
    } else {
      text += "\n" + processes(measurement);
      text += functions(measurement);
      text += stacks(measurement);
    }
    text += losses(measurement.span.ledger);
    if (empty) text += left_out(measurement.span.ledger);
    return sink.write(text);
  }

 private:
  std::string heading(std::string_view text) const {
    return style_.bold(text) + "\n";
  }

  std::string fit(std::string line) const {
    return (settings_.width > 0 ? truncate(line, settings_.width) : line) +
           "\n";
  }

  std::string summary(const Measurement& measurement) const {
    const auto& span = measurement.span;
    const auto& total = measurement.profile.total();
    auto lost = span.ledger.total(bpf::LossClass::lost);
    auto when = span.from_ns > 0
                    ? fmt::format(" (from {})", format_duration(span.from_ns))
                    : "";
    auto line = fmt::format(
        "{}{}: {} sample{}, {} CPUs {:.1f} % busy, {} lost ({:.1f} %)",
        format_duration(span.length_ns()), when, format_count(total.count),
        total.count == 1 ? "" : "s", measurement.setup.cpus,
        percent(span.busy_ns, span.busy_ns + span.idle_ns + span.steal_ns),
        format_count(lost), bpf::loss_percent(span.ledger, total.count));
    return style_.bold(settings_.width > 0 ? truncate(line, settings_.width)
                                           : line) +
           "\n";
  }

  // CPU% is of one CPU, as in top; only time-based events have it.
  std::string processes(const Measurement& measurement) const {
    bool timed = measurement.setup.period_ns > 0;
    std::vector<output::Column> columns{{"SHARE%", Align::right},
                                        {"SAMPLES", Align::right},
                                        {"PID", Align::right},
                                        {"COMMAND", Align::left, true}};
    if (timed) columns.insert(columns.begin(), {"CPU%", Align::right});
    output::Table table(columns);
    const auto& total = measurement.profile.total();
    for (const auto& [name, group] : groups(measurement)) {
      if (table.rows() == settings_.rows) break;
      auto pids = group.pids.size() == 1
                      ? std::to_string(*group.pids.begin())
                      : fmt::format("{}*", group.pids.size());
      std::vector<std::string> cells{share(group.counts, total),
                                     format_count(group.counts.count), pids,
                                     name};
      if (timed) {
        cells.insert(
            cells.begin(),
            fmt::format("{:.1f}", percent(group.counts.sum,
                                          measurement.span.length_ns())));
      }
      table.add_row(std::move(cells));
    }
    return heading("PROCESSES  (N*: so many PIDs)") +
           table.render(settings_.width);
  }

  // By the keys of --by, else by the name of the process.
  static std::vector<std::pair<std::string, Group>> groups(
      const Measurement& measurement) {
    std::map<std::string, Group> groups;
    const auto& profile = measurement.profile;
    bool by_default = measurement.setup.by_default;
    for (const auto& [row, counts] : profile.rows()) {
      const auto& process = profile.process_at(row.process);
      auto name =
          by_default && process.known
              ? process.comm
              : fmt::format("{}", fmt::join(measurement.labels(row), " "));
      auto& group = groups[name.empty() ? "[no name]" : name];
      group.counts += counts;
      group.pids.insert(process.pid);
    }
    std::vector<std::pair<std::string, Group>> sorted(groups.begin(),
                                                      groups.end());
    std::ranges::stable_sort(
        sorted, std::ranges::greater{},
        [](const auto& entry) { return entry.second.counts.sum; });
    return sorted;
  }

  std::string functions(const Measurement& measurement) const {
    auto ranked = stack::rank_functions(measurement.profile, measurement.names);
    std::string text;
    if (settings_.sort != "total") {
      text += "\n" + heading("FUNCTIONS BY SELF TIME");
      text += function_table(measurement, ranked);
    }
    if (settings_.sort != "self") {
      std::ranges::stable_sort(
          ranked, std::ranges::greater{},
          [](const auto& function) { return function.total.sum; });
      text += "\n" + heading("FUNCTIONS BY TOTAL TIME");
      text += function_table(measurement, ranked);
    }
    return text;
  }

  std::string function_table(
      const Measurement& measurement,
      const std::vector<stack::RankedFunction>& ranked) const {
    output::Table table({{"SELF%", Align::right},
                         {"TOTAL%", Align::right},
                         {"OBJECT", Align::left},
                         {"FUNCTION", Align::left, true}});
    const auto& total = measurement.profile.total();
    for (const auto& entry : ranked) {
      if (table.rows() == settings_.rows) break;
      const auto& function = measurement.names.function(entry.function);
      table.add_row({share(entry.self, total), share(entry.total, total),
                     object_cell(function.object), function.name});
    }
    return table.render(settings_.width);
  }

  // Long library names must not push the function off the line.
  std::string object_cell(const std::string& object) const {
    constexpr std::size_t widest = 24;
    auto text = printable(object);
    return settings_.width > 0 ? truncate(text, widest) : text;
  }

  std::string stacks(const Measurement& measurement) const {
    auto ranked = stack::rank_stacks(measurement.profile, measurement.names,
                                     measurement.labels);
    if (measurement.names.source_wanted().lines) {
      ranked = stack::merge_lines(std::move(ranked), measurement.names);
    }
    const auto& total = measurement.profile.total();
    auto text = "\n" + heading("HOTTEST STACKS  (leaf first)");
    for (std::size_t i = 0; i < std::min(stacks_shown, ranked.entries.size());
         ++i) {
      const auto& entry = ranked.entries[i];
      text += fit(
          printable(fmt::format("{:>6} %  {}", share(entry.counts, total),
                                fmt::join(ranked.labels[entry.labels], " "))));
      text += frames(measurement, ranked.functions(entry));
    }
    return text;
  }

  // A long name is cut before what stands behind it.
  std::string frame(const stack::Function& function, std::size_t times) const {
    std::string behind = function.inlined ? " (inlined)" : "";
    if (times > 1) behind += fmt::format(" (x{})", times);
    auto place = stack::place_of(function);
    if (!place.empty()) behind += " " + printable(place);
    auto name = "          " + printable(function.name);
    auto room = settings_.width > behind.size() + least_name
                    ? settings_.width - behind.size()
                    : settings_.width;
    return fit((settings_.width > 0 ? truncate(name, room) : name) + behind);
  }

  // A function that called itself stands there once, so that its callers can be
  // seen.
  std::string frames(const Measurement& measurement,
                     const std::vector<stack::FunctionId>& root_first) const {
    std::string text;
    auto at = root_first.rbegin();
    for (std::size_t shown = 0; at != root_first.rend(); ++shown) {
      if (shown == frames_shown) {
        return text + fit(fmt::format("          … {} more",
                                      std::distance(at, root_first.rend())));
      }
      auto run = std::find_if(at, root_first.rend(),
                              [id = *at](auto other) { return other != id; });
      text += frame(measurement.names.function(*at),
                    static_cast<std::size_t>(std::distance(at, run)));
      at = run;
    }
    return text;
  }

  // An empty table says whether there was nothing, or nothing that was wanted.
  static std::string left_out(const bpf::Ledger& ledger) {
    return reasons("left out", bpf::describe(ledger, bpf::LossClass::filtered));
  }

  // Never cut: a line for each reason.
  static std::string losses(const bpf::Ledger& ledger) {
    return "\n" + reasons("lost", bpf::describe(ledger, bpf::LossClass::lost)) +
           reasons("partial", bpf::describe(ledger, bpf::LossClass::partial));
  }

  static std::string reasons(std::string_view title, std::string_view text) {
    std::string lines;
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

}  // namespace sightline::cpuprof
