// SPDX-License-Identifier: Apache-2.0
#include "compare.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "base/units.h"
#include "cli/exit_status.h"
#include "cli/program.h"
#include "output/flame_graph.h"
#include "output/sink.h"
#include "output/style.h"
#include "output/table.h"
#include "recording.h"
#include "stack/difference.h"
#include "stack/fold.h"

namespace sightline::cpuprof {
namespace {

using output::Align;
using output::Format;
using output::Sink;
using stack::FunctionChange;

// One of the two weights of a function, on both sides.
struct Weight {
  std::uint64_t FunctionChange::* before;
  std::uint64_t FunctionChange::* after;
};
constexpr Weight self{&FunctionChange::self_before,
                      &FunctionChange::self_after};
constexpr Weight total{&FunctionChange::total_before,
                       &FunctionChange::total_after};

class Comparison {
 public:
  Comparison(const Options& options, FoldedRun before, FoldedRun after)
      : options_(options),
        before_(std::move(before)),
        after_(std::move(after)),
        found_(stack::difference(before_.profile, after_.profile)) {}

  Status write(Sink& sink) const {
    switch (sink.format()) {
      case Format::folded:
        return write_folded(sink);
      case Format::svg:
        return write_graph(sink);
      default:
        return write_table(sink);
    }
  }

 private:
  [[nodiscard]] double change(const FunctionChange& function,
                              const Weight& weight) const {
    return percent(function.*weight.after, found_.after) -
           percent(function.*weight.before, found_.before);
  }

  // More than chance explains, the largest change first.
  [[nodiscard]] std::vector<const FunctionChange*> changed(
      const Weight& weight) const {
    std::vector<const FunctionChange*> functions;
    for (const auto& function : found_.functions) {
      auto away = stack::deviations(function.*weight.before, found_.before,
                                    function.*weight.after, found_.after);
      if (std::abs(away) >= stack::noise_deviations) {
        functions.push_back(&function);
      }
    }
    std::ranges::stable_sort(functions, std::ranges::greater{},
                             [&](const auto* function) {
                               return std::abs(change(*function, weight));
                             });
    return functions;
  }

  [[nodiscard]] std::string table_of(const Weight& weight,
                                     std::size_t width) const {
    output::Table table({{"BEFORE%", Align::right},
                         {"AFTER%", Align::right},
                         {"CHANGE", Align::right},
                         {"FUNCTION", Align::left, true}});
    auto functions = changed(weight);
    if (functions.empty()) return "none that chance does not explain\n";
    auto shown = std::min(functions.size(), options_.common.rows.value_or(10));
    for (std::size_t i = 0; i < shown; ++i) {
      const auto& function = *functions[i];
      table.add_row(
          {fmt::format("{:.1f}",
                       percent(function.*weight.before, found_.before)),
           fmt::format("{:.1f}", percent(function.*weight.after, found_.after)),
           fmt::format("{:+.1f}", change(function, weight)), function.name});
    }
    auto text = table.render(width);
    if (functions.size() > shown) {
      text += fmt::format("and {} more\n", functions.size() - shown);
    }
    return text;
  }

  // What shares do not tell: whether there was more to do.
  [[nodiscard]] static std::string describe(const std::string& path,
                                            const FoldedRun& run) {
    auto text = fmt::format("{}: {} samples", printable(path),
                            format_count(run.profile.total));
    if (run.length_ns > 0 && run.cpu_ns > 0) {
      text += fmt::format(", {} of CPU in {}", format_duration(run.cpu_ns),
                          format_duration(run.length_ns));
    } else if (run.length_ns > 0) {
      text += fmt::format(" in {}", format_duration(run.length_ns));
    }
    return text;
  }

  [[nodiscard]] std::vector<std::string> title() const {
    return {describe(options_.common.before, before_),
            describe(options_.common.after, after_)};
  }

  Status write_table(Sink& sink) const {
    const auto& common = options_.common;
    auto width = output::terminal_width(
        sink.fd(), common.wide ? std::optional<std::size_t>(0) : common.width);
    return sink.write(fmt::format(
        "{}\n\nSELF TIME OF FUNCTIONS THAT CHANGED\n{}"
        "\nTOTAL TIME OF FUNCTIONS THAT CHANGED\n{}"
        "\n{} functions; shares of all samples, their change in points\n",
        fmt::join(title(), "\n"), table_of(self, width), table_of(total, width),
        format_count(found_.functions.size())));
  }

  // As flamegraph.pl takes them: the earlier count at the length of the later.
  Status write_folded(Sink& sink) const {
    for (const auto& change :
         stack::stack_changes(before_.profile, after_.profile)) {
      SL_CHECK(sink.write(fmt::format("{} {} {}\n", printable(change.stack),
                                      change.before, change.after)));
    }
    return {};
  }

  Status write_graph(Sink& sink) const {
    output::FlameTitle text{.title = "cpuprof: what changed", .lines = title()};
    text.lines.emplace_back(
        "Red: its share grew, blue: it shrank, by chance or not; as wide as "
        "after.");
    return output::write_flame_graph(
        stack::difference_graph(before_.profile, after_.profile), text,
        {.icicle = options_.common.icicle},
        [&](std::string_view piece) { return sink.write(piece); });
  }

  const Options& options_;
  FoldedRun before_;
  FoldedRun after_;
  stack::Difference found_;
};

Status check_format(Format format) {
  if (format != Format::json && format != Format::pprof) return {};
  return fail(ErrorKind::usage,
              fmt::format("format {} cannot show a difference",
                          cli::format_name(format)),
              "table, folded and svg can");
}

// Shares of unlike things say nothing. Of collapsed stacks nobody knows.
Status check_events(const FoldedRun& before, const FoldedRun& after) {
  for (const auto* run : {&before, &after}) {
    if (run->events.size() <= 1) continue;
    return fail(ErrorKind::runtime,
                "a recording of several events cannot be compared: samples of "
                "one are not those of another");
  }
  bool known = !before.events.empty() && !after.events.empty();
  if (!known || before.events == after.events) return {};
  return fail(
      ErrorKind::runtime,
      fmt::format("samples of {} cannot be compared with samples of {}",
                  printable(before.events[0]), printable(after.events[0])));
}

void say_cut(const std::string& path, const FoldedRun& run) {
  if (run.whole) return;
  cli::say(fmt::format("cpuprof: {} has been cut: this is what is there\n",
                       printable(path)));
}

}  // namespace

Result<int> compare(const Options& options) {
  const auto& common = options.common;
  std::vector<Sink> sinks;
  for (const auto& target : cli::output_targets(common)) {
    SL_CHECK(check_format(target.format));
    sinks.push_back(SL_TRY(Sink::open(target.path, target.format)));
  }
  auto before = SL_TRY(read_folded(common.before, options));
  auto after = SL_TRY(read_folded(common.after, options));
  SL_CHECK(check_events(before, after));
  say_cut(common.before, before);
  say_cut(common.after, after);
  const Comparison comparison(options, std::move(before), std::move(after));
  for (auto& sink : sinks) {
    SL_CHECK(sink.begin_report());
    SL_CHECK(comparison.write(sink));
    SL_CHECK(sink.commit());
  }
  return cli::status_done;
}

}  // namespace sightline::cpuprof
