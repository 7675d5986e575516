// SPDX-License-Identifier: Apache-2.0
#include "compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "base/units.h"
#include "cli/exit_status.h"
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
using stack::FoldedProfile;
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
  Comparison(const Options& options, FoldedProfile before, FoldedProfile after)
      : options_(options),
        before_(std::move(before)),
        after_(std::move(after)),
        found_(stack::difference(before_, after_)) {}

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

  [[nodiscard]] std::string title() const {
    const auto& common = options_.common;
    return fmt::format("{}: {} samples; {}: {} samples",
                       printable(common.before), format_count(found_.before),
                       printable(common.after), format_count(found_.after));
  }

  Status write_table(Sink& sink) const {
    const auto& common = options_.common;
    auto width = output::terminal_width(
        sink.fd(), common.wide ? std::optional<std::size_t>(0) : common.width);
    return sink.write(fmt::format(
        "{}\n\nSELF TIME OF FUNCTIONS THAT CHANGED\n{}"
        "\nTOTAL TIME OF FUNCTIONS THAT CHANGED\n{}"
        "\n{} functions; shares of all samples, their change in points\n",
        title(), table_of(self, width), table_of(total, width),
        format_count(found_.functions.size())));
  }

  // As flamegraph.pl takes them: the earlier count at the length of the later.
  Status write_folded(Sink& sink) const {
    for (const auto& change : stack::stack_changes(before_, after_)) {
      SL_CHECK(sink.write(fmt::format("{} {} {}\n", change.stack, change.before,
                                      change.after)));
    }
    return {};
  }

  Status write_graph(Sink& sink) const {
    output::FlameTitle text{
        .title = "cpuprof: what changed",
        .lines = {title(),
                  "Red grew, blue shrank; as wide as after, both at one "
                  "length."}};
    return output::write_flame_graph(
        stack::difference_graph(before_, after_), text,
        {.icicle = options_.common.icicle},
        [&](std::string_view piece) { return sink.write(piece); });
  }

  const Options& options_;
  FoldedProfile before_;
  FoldedProfile after_;
  stack::Difference found_;
};

Status check_format(Format format) {
  if (format != Format::json && format != Format::pprof) return {};
  return fail(ErrorKind::usage,
              fmt::format("format {} cannot show a difference",
                          cli::format_name(format)),
              "table, folded and svg can");
}

}  // namespace

Result<int> compare(const Options& options) {
  const auto& common = options.common;
  std::vector<Sink> sinks;
  for (const auto& target : cli::output_targets(common)) {
    SL_CHECK(check_format(target.format));
    sinks.push_back(SL_TRY(Sink::open(target.path, target.format)));
  }
  auto before = SL_TRY(read_folded(common.before, common.by));
  auto after = SL_TRY(read_folded(common.after, common.by));
  const Comparison comparison(options, std::move(before), std::move(after));
  for (auto& sink : sinks) {
    SL_CHECK(sink.begin_report());
    SL_CHECK(comparison.write(sink));
    SL_CHECK(sink.commit());
  }
  return cli::status_done;
}

}  // namespace sightline::cpuprof
