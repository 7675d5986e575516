// SPDX-License-Identifier: Apache-2.0
#include "snoop.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "bpf/log.h"
#include "decode.h"

namespace sightline::execsnoop {
namespace {

// What the BPF maps take: for RLIMIT_MEMLOCK.
constexpr std::uint64_t memlock_needed = 4U << 20;

event::RunSettings settings_of(const Options& options) {
  event::RunSettings settings{
      .tool = "execsnoop",
      .traces = "exec",
      .common = options.common,
      .command = options.command,
      // What a process has started may outlive it, and start more.
      .outlives_processes = !options.trees.empty(),
      .memlock_bytes = memlock_needed};
  for (const auto* pids :
       {&options.common.pids, &options.parents, &options.trees}) {
    settings.processes.insert(settings.processes.end(), pids->begin(),
                              pids->end());
  }
  return settings;
}

bool is_report(const Options& options, output::Format format) {
  bool many = options.common.interval_ns.has_value();
  bool rows = format != output::Format::folded && !options.common.summary;
  return !rows && !many;
}

std::unique_ptr<View> view_for(const Setup& setup,
                               const event::ViewSettings& settings) {
  switch (settings.format) {
    case output::Format::json:
      return make_json_view(setup);
    case output::Format::folded:
      return make_folded_view();
    default:
      return setup.options.common.summary ? make_summary_view(setup, settings)
                                          : make_table_view(setup, settings);
  }
}

}  // namespace

Snoop::Snoop(const Options& options, cli::Session session)
    : Run(settings_of(options), std::move(session)),
      options_(options),
      setup_(options),
      probes_([this](Exec&& exec) { judge(std::move(exec)); }),
      lifetimes_([this](Exec&& exec) { finish_row(std::move(exec)); }),
      folded_(options.lifetime) {}

Result<std::unique_ptr<Snoop>> Snoop::open(const Options& options,
                                           std::span<char* const> argv) {
  bpf::capture_log();
  auto session = SL_TRY(cli::Session::open());
  std::unique_ptr<Snoop> snoop(new Snoop(options, std::move(session)));
  SL_CHECK(snoop->Run::open(argv, snoop->setup_));
  return snoop;
}

Result<event::OutputSet*> Snoop::open_outputs() {
  redact(setup_.origin.arguments);
  outputs_ = SL_TRY(event::Outputs<View>::open(
      options_.common,
      [&](output::Format format) { return is_report(options_, format); },
      [&](const event::ViewSettings& settings) {
        return view_for(setup_, settings);
      }));
  folds_ = outputs_->writes(output::Format::folded);
  return &*outputs_;
}

Result<event::Source*> Snoop::load(pid_t command_pid) {
  tracing_ = SL_TRY(Tracing::open(options_, command_pid));
  note(std::string(tracing_->failures()));
  return &*tracing_;
}

void Snoop::begin_outputs() {
  outputs_->add([](View& view) { return view.begin(); });
}

// A record of ours that makes no sense is not counted as delivered, and so
// shows up as unaccounted.
void Snoop::take(const event::Pieces& pieces) {
  auto decoded = decode(pieces);
  if (!decoded) return;
  if (const auto* exit = std::get_if<Exit>(&*decoded)) {
    lifetimes_.take(*exit);
    return;
  }
  auto& exec = std::get<Exec>(*decoded);
  if (options_.probes) {
    judge(std::move(exec));
  } else {
    probes_.take(std::move(exec));
  }
}

// What the kernel half could not leave out.
void Snoop::judge(Exec&& exec) {
  const auto& common = options_.common;
  auto events = exec.probes.size() + 1;
  bool named = !common.name || common.name->matches(command_name(exec)) ||
               common.name->matches(exec.comm);
  if (!named || (common.failed_only && exec.error == 0)) {
    (named ? counts_.not_failed : counts_.not_matching) += events;
    return;
  }
  counts_.delivered += events;
  ++(exec.error == 0 ? counts_.succeeded : counts_.failed);
  if (exec.text_lost) ++counts_.text_lost;
  keep_variables(exec);
  redact(exec.args);
  redact(exec.env);
  if (common.summary) summary_.add(exec, setup_.cgroup_text(exec.cgroup));
  if (folds_ && !options_.lifetime) folded_.add(exec);
  if (options_.needs_exits()) {
    if (common.summary) forget_text(exec);
    lifetimes_.take(std::move(exec));
  } else {
    finish_row(std::move(exec));
  }
}

void Snoop::finish_row(Exec&& exec) {
  if (folds_ && options_.lifetime) folded_.add(exec);
  if (options_.common.summary) {
    summary_.add_life(exec, setup_.cgroup_text(exec.cgroup));
    return;
  }
  outputs_->add([&](View& view) { return view.row(exec); });
}

void Snoop::keep_variables(Exec& exec) const {
  std::erase_if(exec.env, [this](const std::string& variable) {
    auto name = std::string_view(variable).substr(0, variable.find('='));
    return std::ranges::find(options_.env, name) == options_.env.end();
  });
}

// What no total is made of.
void Snoop::forget_text(Exec& exec) {
  exec.args = {};
  exec.env = {};
  exec.probes = {};
}

void Snoop::redact(std::vector<std::string>& texts) const {
  for (const auto& redaction : options_.redactions) {
    for (auto& text : texts) text = redaction.apply(text);
  }
}

void Snoop::count_left_out(bpf::Ledger& ledger) const {
  ledger[LEDGER_not_matching] = counts_.not_matching;
  ledger[LEDGER_not_failed] = counts_.not_failed;
  ledger[LEDGER_text_lost] = counts_.text_lost;
}

Status Snoop::end_pending() {
  lifetimes_.end_all(monotonic_ns());
  return {};
}

Status Snoop::show(const event::Stretch& stretch) {
  const auto from = stretch.behind_intervals ? Counts() : mark_counts_;
  Report report{stretch,
                counts_.succeeded - from.succeeded,
                counts_.failed - from.failed,
                counts_.delivered - from.delivered,
                options_.common.summary ? &summary_ : nullptr,
                &folded_};
  auto shown = outputs_->show(report);
  if (stretch.kind == event::ReportKind::interval) {
    mark_counts_ = counts_;
    summary_.clear();
    folded_.clear();
  }
  return shown;
}

}  // namespace sightline::execsnoop
