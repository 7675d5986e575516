// SPDX-License-Identifier: Apache-2.0
#include "source_report.h"

#include <fmt/format.h>

#include "base/text.h"
#include "cli/program.h"

namespace sightline::cpuprof {

stack::SourceSettings SourceReport::settings(symbol::SourceWanted wanted) {
  auto show = [this](std::string_view object, std::size_t done,
                     std::size_t all) {
    if (options_.common.quiet) return;
    progress_.show(fmt::format("reading debug information of {}: {} of {}",
                               printable(object), done, all));
  };
  return {.wanted = wanted, .progress = show};
}

void SourceReport::say_problems(const stack::Names& names) {
  progress_.clear();
  for (const auto& [object, reason] : names.source_problems()) {
    if (!said_.emplace(object, reason).second) continue;
    bool is_news = reason != symbol::Reason::no_debug_info;
    bool quiet =
        is_news ? options_.common.quiet : options_.common.verbosity == 0;
    if (quiet) continue;
    auto text =
        fmt::format("{}: {}", names.name_of(object), symbol::text(reason));
    cli::say(fmt::format("cpuprof: {}\n", printable(text)));
  }
}

}  // namespace sightline::cpuprof
