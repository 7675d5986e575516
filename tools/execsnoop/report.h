// SPDX-License-Identifier: Apache-2.0
// What the views show: rows as they come, and reports of a stretch of time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ancestry.h"
#include "bpf/loss_ledger.h"
#include "cli/document.h"
#include "event/outputs.h"
#include "event/tally.h"
#include "exec.h"
#include "options.h"

namespace sightline::execsnoop {

struct Setup {
  const Options& options;
  cli::Origin origin = {};
  std::uint64_t start_ns = 0;  // CLOCK_MONOTONIC at origin.start_realtime_ns
  // The path of a cgroup that is known by its id.
  std::function<std::optional<std::string>(std::uint64_t)> cgroup_path = {};

  // Since the start, as all times are shown.
  [[nodiscard]] std::uint64_t since_start(std::uint64_t time_ns) const {
    return time_ns > start_ns ? time_ns - start_ns : 0;
  }
};

// Totals of --summary.
struct Summary {
  event::Tally<> by_command = event::Tally();
  event::Tally<> by_parent = event::Tally();
  event::Tally<> by_cgroup = event::Tally();
  event::Total all = {};

  void add(const Exec& exec, const std::string& cgroup);
  void add_life(const Exec& exec, const std::string& cgroup);
  void clear() { *this = Summary(); }
};

enum class ReportKind {
  interval,
  snapshot,  // everything so far, on request
  final,
};

struct Report {
  ReportKind kind = ReportKind::final;
  std::uint64_t from_ns = 0;  // since the start
  std::uint64_t to_ns = 0;
  std::uint64_t succeeded = 0;  // rows, or what would be rows
  std::uint64_t failed = 0;
  std::uint64_t delivered = 0;  // execs, each step of a search counted
  bpf::Ledger ledger = {};
  const Summary* summary = nullptr;
  const FoldedExecs* folded = nullptr;

  [[nodiscard]] std::uint64_t length_ns() const { return to_ns - from_ns; }
};

// One output; its text is made of what it is told. A view without a row format
// gives no text for rows. A view of reports gives all of its document in
// report(), and its end in end() only.
class View {
 public:
  virtual ~View() = default;
  virtual std::string begin() = 0;
  virtual std::string row(const Exec& exec) = 0;
  virtual std::string report(const Report& report) = 0;
};

std::unique_ptr<View> make_table_view(const Setup& setup,
                                      const event::ViewSettings& settings);
std::unique_ptr<View> make_summary_view(const Setup& setup,
                                        const event::ViewSettings& settings);
std::unique_ptr<View> make_json_view(const Setup& setup);
std::unique_ptr<View> make_folded_view();

}  // namespace sightline::execsnoop
