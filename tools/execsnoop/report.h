// SPDX-License-Identifier: Apache-2.0
// What the views show: rows as they come, and reports of a stretch of time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "ancestry.h"
#include "event/outputs.h"
#include "event/run.h"
#include "event/tally.h"
#include "exec.h"
#include "options.h"

namespace sightline::execsnoop {

struct Setup : event::Context {
  explicit Setup(const Options& options_) : options(options_) {}
  const Options& options;
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

struct Report : event::Stretch {
  std::uint64_t succeeded = 0;  // rows, or what would be rows
  std::uint64_t failed = 0;
  std::uint64_t delivered = 0;  // execs, each step of a search counted
  const Summary* summary = nullptr;
  const FoldedExecs* folded = nullptr;
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
