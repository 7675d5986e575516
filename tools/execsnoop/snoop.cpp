// SPDX-License-Identifier: Apache-2.0
#include "snoop.h"

#include <fmt/format.h>
#include <poll.h>
#include <sched.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/text.h"
#include "base/units.h"
#include "bpf/log.h"
#include "cli/command_run.h"
#include "cli/exit_status.h"
#include "cli/features.h"
#include "cli/preflight.h"
#include "cli/privileges.h"
#include "cli/program.h"
#include "decode.h"

namespace sightline::execsnoop {
namespace {

// How long a failure waits for the next step of its search, at most twice this.
constexpr std::uint64_t tick_ns = 100 * ns_per_ms;
// Of records that rows are made of at once.
constexpr std::size_t portion_bytes = 256U << 10;
// What the BPF maps take: for RLIMIT_MEMLOCK.
constexpr std::uint64_t memlock_needed = 4U << 20;
// How long the last events are waited for that were on their way when the
// programs were detached.
constexpr std::uint64_t last_events_ns = 100 * ns_per_ms;

bool is_report(const Options& options, output::Format format) {
  bool many = options.common.interval_ns.has_value();
  bool rows = format != output::Format::folded && !options.common.summary;
  return !rows && !many;
}

// What is on standard output is to be parsed.
bool is_for_programs(const cli::CommonOptions& common) {
  return std::ranges::any_of(
      cli::output_targets(common), [](const cli::OutputTarget& target) {
        return target.path == "-" && target.format != output::Format::table;
      });
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
    : options_(options),
      session_(std::move(session)),
      setup_{.options = options},
      assembler_([this](const event::Pieces& pieces) { take(pieces); }),
      probes_([this](Exec&& exec) { judge(std::move(exec)); }),
      lifetimes_([this](Exec&& exec) { finish_row(std::move(exec)); }),
      folded_(options.lifetime) {}

Result<std::unique_ptr<Snoop>> Snoop::open(const Options& options,
                                           std::span<char* const> argv) {
  bpf::capture_log();
  auto session = SL_TRY(cli::Session::open());
  std::unique_ptr<Snoop> snoop(new Snoop(options, std::move(session)));
  snoop->setup_.origin = cli::origin_here(argv);
  snoop->redact(snoop->setup_.origin.arguments);
  snoop->setup_.cgroup_path =
      [at = snoop.get()](std::uint64_t id) -> std::optional<std::string> {
    return at->cgroups_ ? at->cgroups_->find(id) : std::nullopt;
  };
  SL_CHECK(snoop->watch_targets());
  snoop->outputs_ = SL_TRY(event::Outputs<View>::open(
      options.common,
      [&](output::Format format) { return is_report(options, format); },
      [&](const event::ViewSettings& settings) {
        return view_for(snoop->setup_, settings);
      }));
  snoop->folds_ = snoop->outputs_->writes(output::Format::folded);
  SL_CHECK(snoop->prepare());
  return snoop;
}

void Snoop::note(const std::string& text) const {
  if (options_.common.verbosity > 0) {
    cli::say(fmt::format("execsnoop: {}\n", printable(text)));
  }
}

Status Snoop::watch_targets() {
  for (const auto* pids :
       {&options_.common.pids, &options_.parents, &options_.trees}) {
    target_pids_.insert(target_pids_.end(), pids->begin(), pids->end());
  }
  for (int pid : target_pids_) {
    targets_.push_back(SL_TRY(cli::watch_living_process(pid)));
  }
  if (!options_.common.cgroup.empty()) {
    SL_TRY(container::open_cgroup(options_.common.cgroup));
  }
  if (!options_.common.btf.empty()) {
    SL_CHECK(bpf::check_btf_file(options_.common.btf));
  }
  return {};
}

Status Snoop::prepare() {
  if (options_.common.verbosity > 1) {
    bpf::capture_log([](std::string_view text) {
      cli::say(fmt::format("libbpf: {}", text));
    });
  }
  auto facts = cli::read_system_facts();
  cli::Needs needs{.bpf = true,
                   .btf = options_.common.btf.empty(),
                   .memlock_bytes = memlock_needed};
  if (facts.charges_memlock) facts.memlock_limit = cli::raise_memlock();
  SL_CHECK(cli::preflight(needs, facts));
  for (const auto& text : cli::preflight_notes(needs, facts)) note(text);
  if (!options_.command.empty()) {
    command_.emplace(SL_TRY(cli::Command::spawn(options_.command)));
  }
  tracing_ = SL_TRY(Tracing::open(options_, command_ ? command_->pid() : 0));
  note(fmt::format("maps take {} of kernel memory",
                   format_bytes(tracing_->map_memory())));
  note(std::string(tracing_->failures()));
  reader_ = SL_TRY(event::Reader::open(
      tracing_->ring(),
      [this](std::span<const std::byte> record) { assembler_.take(record); }));
  if (auto mount = container::cgroup2_mount()) cgroups_.emplace(*mount);
  return session_.watch(reader_->fd(), [this] { return pump(); });
}

Status Snoop::start() {
  setup_.start_ns = monotonic_ns();
  setup_.origin.start_realtime_ns = realtime_ns();
  SL_CHECK(tracing_->start());
  SL_CHECK(reader_->start());
  auto keep = cli::default_keep(cli::read_system_facts());
  // A file that is replaced keeps its owner and mode.
  if (outputs_->replaces_files()) {
    keep.insert(keep.end(), {CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER});
  }
  // Signals are passed on to a command, whatever user it has become.
  if (command_) keep.push_back(CAP_KILL);
  SL_CHECK(cli::drop_privileges(keep));
  outputs_->add([](View& view) { return view.begin(); });
  return outputs_->flush();
}

void Snoop::banner() const {
  if (options_.common.quiet) return;
  if (command_ && is_for_programs(options_.common)) {
    cli::say(
        "hint: the command writes to standard output too; -o FILE keeps them "
        "apart\n");
  }
  auto until = options_.common.duration_ns
                   ? " for " + format_duration(*options_.common.duration_ns)
                   : std::string(command_ ? " until the command ends"
                                          : "... Ctrl-C to end");
  cli::say(fmt::format("Tracing exec{}.\n", until));
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
  keep_variables(exec);
  redact(exec.args);
  redact(exec.env);
  if (common.summary) summary_.add(exec, cgroup_path(exec.cgroup));
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
    summary_.add_life(exec, cgroup_path(exec.cgroup));
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

Status Snoop::pump() {
  auto until = monotonic_ns() + tick_ns;
  do {
    SL_CHECK(reader_->read(portion_bytes));
    SL_CHECK(outputs_->flush());
  } while (!reader_->empty() && monotonic_ns() < until);
  if (outputs_->readers_gone()) session_.end(cli::EndReason::reader_gone);
  return {};
}

Status Snoop::tick() {
  forget_ended_targets();
  SL_CHECK(pump());
  // What seems to be missing may still be in there.
  if (!reader_->empty()) return {};
  assembler_.settle();
  probes_.settle();
  return outputs_->flush();
}

// Before their numbers are given to others, and once.
void Snoop::forget_ended_targets() {
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    pollfd target{.fd = targets_[i].get(), .events = POLLIN, .revents = 0};
    if (target_pids_[i] == 0 || ::poll(&target, 1, 0) <= 0) continue;
    tracing_->forget(std::exchange(target_pids_[i], 0));
  }
}

std::string Snoop::cgroup_path(std::uint64_t id) {
  auto path = setup_.cgroup_path(id);
  return path ? *path : fmt::format("[cgroup {:#x}: gone]", id);
}

// Read before the ring is: what came in meanwhile is delivered and not counted
// yet, never the other way round.
Result<bpf::Ledger> Snoop::ledger_now() {
  auto ledger = SL_TRY(tracing_->ledger());
  SL_CHECK(pump());
  ledger[LEDGER_not_matching] = counts_.not_matching;
  ledger[LEDGER_not_failed] = counts_.not_failed;
  auto known = counts_.delivered + probes_.held() +
               ledger.total(bpf::LossClass::filtered) +
               ledger.total(bpf::LossClass::lost);
  auto entered = ledger[LEDGER_entered] + ledger[LEDGER_recursion];
  if (entered > known) ledger[LEDGER_unaccounted] = entered - known;
  return ledger;
}

Result<Report> Snoop::report_now(ReportKind kind) {
  auto ledger = SL_TRY(ledger_now());
  Report report{.kind = kind,
                .from_ns = mark_ns_,
                .to_ns = setup_.since_start(monotonic_ns()),
                .succeeded = counts_.succeeded - mark_counts_.succeeded,
                .failed = counts_.failed - mark_counts_.failed,
                .delivered = counts_.delivered - mark_counts_.delivered,
                .ledger = ledger - mark_ledger_,
                .summary = options_.common.summary ? &summary_ : nullptr,
                .folded = &folded_};
  // Until the end an event may be on its way, between two of our readings.
  if (kind != ReportKind::final) report.ledger[LEDGER_unaccounted] = 0;
  if (kind == ReportKind::interval) {
    mark_ledger_ = ledger;
    mark_ledger_[LEDGER_unaccounted] = 0;
  }
  return report;
}

Status Snoop::report(ReportKind kind) {
  auto report = SL_TRY(report_now(kind));
  auto text = [&](View& view) { return view.report(report); };
  outputs_->add(text);
  auto flushed = outputs_->flush();
  auto replaced = outputs_->report(
      [&](View& view) { return view.begin() + view.report(report); });
  say_losses(report.ledger);
  if (kind == ReportKind::interval) {
    mark_counts_ = counts_;
    mark_ns_ = report.to_ns;
    summary_.clear();
    folded_.clear();
  }
  if (outputs_->readers_gone()) session_.end(cli::EndReason::reader_gone);
  SL_CHECK(std::move(flushed));
  return replaced;
}

// Folded lines have no place for the ledger.
void Snoop::say_losses(const bpf::Ledger& ledger) const {
  auto lost = bpf::describe(ledger, bpf::LossClass::lost);
  auto partial = bpf::describe(ledger, bpf::LossClass::partial);
  bool whole = lost == "none" && partial == "none";
  if (!outputs_->writes(output::Format::folded)) return;
  if (whole && options_.common.quiet) return;
  cli::say(fmt::format("execsnoop: lost: {}; partial: {}\n", lost, partial));
}

Result<int> Snoop::run() {
  auto status = trace();
  if (status) return status;
  return cli::outlive_failure("execsnoop", command_, std::move(status.error()));
}

Result<int> Snoop::trace() {
  SL_CHECK(start());
  banner();
  if (command_) {
    auto failed =
        SL_TRY(cli::start_command("execsnoop", *command_, options_.command[0]));
    if (failed) return *failed;
  }
  cli::SessionSettings settings{.duration_ns = options_.common.duration_ns,
                                .interval_ns = options_.common.interval_ns,
                                .tick_ns = tick_ns,
                                .ready_fd = options_.common.ready_fd,
                                .output_fd = outputs_->watched_fd(),
                                .command_fd = command_ ? command_->pidfd() : -1,
                                .target_fds = {}};
  // What a process has started may outlive it, and start more.
  if (options_.trees.empty()) {
    for (const auto& target : targets_) {
      settings.target_fds.push_back(target.get());
    }
  }
  cli::SessionHooks hooks{
      .tick = [this] { return tick(); },
      .interval = [this] { return report(ReportKind::interval); },
      .snapshot = [this] { return report(ReportKind::snapshot); }};
  return finish(SL_TRY(session_.run(settings, hooks)));
}

// Programs that run while they are detached still send what they have.
Status Snoop::drain() {
  tracing_->stop();
  auto until = monotonic_ns() + last_events_ns;
  for (auto ledger = SL_TRY(ledger_now());
       !reader_->empty() ||
       (ledger[LEDGER_unaccounted] > 0 && monotonic_ns() < until);
       ledger = SL_TRY(ledger_now())) {
    ::sched_yield();
  }
  for (int pass = 0; pass < 2; ++pass) {
    assembler_.settle();
    probes_.settle();
  }
  lifetimes_.end_all(monotonic_ns());
  return outputs_->flush();
}

Result<int> Snoop::finish(const cli::End& end) {
  if (end.reason == cli::EndReason::targets_gone && !options_.common.quiet) {
    cli::say("execsnoop: all targets have ended\n");
  }
  int status = cli::status_done;
  if (end.reason != cli::EndReason::reader_gone) {
    SL_CHECK(drain());
    SL_CHECK(report(ReportKind::final));
    auto lost = bpf::loss_percent(SL_TRY(ledger_now()), counts_.delivered);
    auto limit = options_.common.max_loss_percent;
    if (limit && lost > *limit) status = cli::status_loss;
  }
  if (!command_) return status;
  auto of_command = SL_TRY(cli::end_command("execsnoop", *command_, end));
  return of_command != 0 ? of_command : status;
}

}  // namespace sightline::execsnoop
