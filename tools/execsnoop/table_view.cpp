// SPDX-License-Identifier: Apache-2.0
// The table: a row for each exec, as it comes.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"
#include "command_line.h"
#include "event/time_columns.h"
#include "output/live_table.h"
#include "report.h"

namespace sightline::execsnoop {
namespace {

using output::Align;
using output::LiveColumn;

// Of a program at most so long a name is kept by the kernel; the name of a file
// that failed may be longer.
constexpr std::size_t command_width = 15;

// One word, so that awk can count columns.
std::string without_blank(std::string text) {
  std::erase(text, ' ');
  return text;
}

std::vector<LiveColumn> columns_for(const Options& options) {
  auto columns = event::time_columns(options.common);
  columns.push_back({"PID", 7, Align::right});
  columns.push_back({"PPID", 7, Align::right});
  if (options.lifetime) {
    columns.push_back({"EXIT", 7, Align::right});
    for (const auto* title : {"WALL", "USER", "SYS"}) {
      columns.push_back({title, 6, Align::right});
    }
    columns.push_back({"RSS", 7, Align::right});
  } else {
    columns.push_back({"UID", 5, Align::right});
    columns.push_back({"RET", 6, Align::right});
    columns.push_back({"COMMAND", command_width});
  }
  columns.push_back({"ARGS"});
  return columns;
}

class TableView : public View {
 public:
  TableView(const Setup& setup, const event::ViewSettings& settings)
      : setup_(setup),
        style_(settings.color),
        table_(columns_for(setup.options), settings.width),
        width_(settings.width) {}

  std::string begin() override { return table_.title(style_); }

  std::string row(const Exec& exec) override {
    const auto& options = setup_.options;
    auto cells = event::time_cells(options.common, setup_,
                                   setup_.since_start(exec.time_ns));
    cells.push_back(std::to_string(exec.pid));
    cells.push_back(std::to_string(exec.parent));
    auto own = options.lifetime ? life_cells(exec) : exec_cells(exec);
    cells.insert(cells.end(), own.begin(), own.end());
    std::string indent(options.tree ? 2 * depths_.add(exec) : 0, ' ');
    cells.push_back(indent + command_line(exec) +
                    remarks(exec, options.ancestry));
    return table_.row(cells);
  }

  std::string report(const Report& report) override {
    auto text = fmt::format(
        "{}: {} exec{}, {} failed; lost: {}; partial: {}",
        format_duration(report.length_ns()), format_count(report.succeeded),
        report.succeeded == 1 ? "" : "s", format_count(report.failed),
        bpf::describe(report.ledger, bpf::LossClass::lost),
        bpf::describe(report.ledger, bpf::LossClass::partial));
    return event::closing(text, width_);
  }

 private:
  static std::vector<std::string> exec_cells(const Exec& exec) {
    return {std::to_string(exec.uid),
            exec.error == 0 ? "0" : error_name(exec.error),
            truncate(printable(command_name(exec)), command_width)};
  }

  static std::vector<std::string> life_cells(const Exec& exec) {
    if (!exec.life) {
      return {exec.error == 0 ? "?" : error_name(exec.error), "-", "-", "-",
              "-"};
    }
    const auto& life = *exec.life;
    bool known =
        life.outcome != Outcome::running && life.outcome != Outcome::unknown;
    auto duration = [](std::uint64_t ns) {
      return without_blank(format_duration(ns));
    };
    return {outcome_text(life),
            life.outcome == Outcome::unknown ? "-" : duration(life.wall_ns),
            known ? duration(life.user_ns) : "-",
            known ? duration(life.system_ns) : "-",
            life.max_rss_bytes
                ? without_blank(format_bytes(*life.max_rss_bytes))
                : "-"};
  }

  const Setup& setup_;
  output::Style style_;
  output::LiveTable table_;
  std::size_t width_;
  Depths depths_;
};

}  // namespace

std::unique_ptr<View> make_table_view(const Setup& setup,
                                      const event::ViewSettings& settings) {
  return std::make_unique<TableView>(setup, settings);
}

}  // namespace sightline::execsnoop
