// SPDX-License-Identifier: Apache-2.0
#include "render.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/text.h"
#include "cli/program.h"
#include "recording.h"
#include "report.h"

namespace sightline::cpuprof {
Result<int> render(const Options& options) {
  const auto& common = options.common;
  auto reports = SL_TRY(Reports::open(options));
  auto recording = SL_TRY(read_recording(common.from));
  SL_CHECK(regroup(recording->setup(), common.by));
  if (!recording->is_whole()) {
    cli::say(fmt::format("cpuprof: {} has been cut: this is what is there\n",
                         printable(common.from)));
  }
  std::optional<symbol::Debuginfod> server;
  if (auto total = common.debuginfod_ns) {
    server.emplace(
        SL_TRY(symbol::Debuginfod::open(std::chrono::nanoseconds(*total))));
  }
  SourceReport source(options);
  recording->name_here(options, source, server ? &*server : nullptr);
  auto measurement = recording->measurement();
  SL_CHECK(reports.write(measurement, ReportKind::final));
  const auto& ledger = measurement.span.ledger;
  reports.say_losses(ledger, common.quiet);
  auto lost = bpf::loss_percent(ledger, measurement.profile.total().count);
  return cli::judge_loss("cpuprof", lost, common.max_loss_percent);
}

}  // namespace sightline::cpuprof
