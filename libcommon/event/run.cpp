// SPDX-License-Identifier: Apache-2.0
#include "event/run.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/clock.h"
#include "base/text.h"
#include "base/units.h"
#include "bpf/barrier.h"
#include "bpf/log.h"
#include "bpf/object.h"
#include "cli/command_run.h"
#include "cli/exit_status.h"
#include "cli/features.h"
#include "cli/privileges.h"
#include "cli/program.h"

namespace sightline::event {
namespace {

// How long what is incomplete waits for more, at most twice this.
constexpr std::uint64_t tick_ns = 100 * ns_per_ms;
// Of records that rows are made of at once.
constexpr std::size_t portion_bytes = 256U << 10;
// How long the last events are waited for that seem to be on their way when the
// programs were detached.
constexpr std::uint64_t last_events_ns = 100 * ns_per_ms;
constexpr int last_events_pause_ms = 1;

// Losses that are none yet while an event may be on its way, or may still end.
constexpr std::array last_losses{LEDGER_unaccounted,
                                 LEDGER_attempts_unfollowed};

void clear_last_losses(bpf::Ledger& ledger) {
  for (auto index : last_losses) ledger[index] = 0;
}

// What is on standard output is to be parsed.
bool is_for_programs(const cli::CommonOptions& common) {
  return std::ranges::any_of(
      cli::output_targets(common), [](const cli::OutputTarget& target) {
        return target.path == "-" && target.format != output::Format::table;
      });
}

}  // namespace

std::string Context::cgroup_text(std::uint64_t id) const {
  auto path = cgroup_path(id);
  return path ? *path : fmt::format("[cgroup {:#x}: gone]", id);
}

Run::Run(RunSettings settings, cli::Session session)
    : settings_(std::move(settings)),
      session_(std::move(session)),
      assembler_([this](const Pieces& pieces) { take(pieces); }) {}

Status Run::open(std::span<char* const> argv, Context& context) {
  context_ = &context;
  SL_CHECK(cli::check_mounts(cli::read_system_facts()));
  context.origin = cli::origin_here(argv);
  context.cgroup_path = [this](std::uint64_t id) -> std::optional<std::string> {
    return cgroups_ ? cgroups_->find(id) : std::nullopt;
  };
  SL_CHECK(watch_targets());
  outputs_ = SL_TRY(open_outputs());
  return prepare();
}

void Run::note(const std::string& text) const {
  if (settings_.common.verbosity > 0) {
    cli::say(fmt::format("{}: {}\n", settings_.tool, printable(text)));
  }
}

Status Run::watch_targets() {
  for (int pid : settings_.processes) {
    targets_.push_back(SL_TRY(cli::watch_living_process(pid)));
  }
  if (!settings_.common.cgroup.empty()) {
    SL_TRY(container::open_cgroup(settings_.common.cgroup));
  }
  if (!settings_.common.btf.empty()) {
    SL_CHECK(bpf::check_btf_file(settings_.common.btf));
  }
  return {};
}

cli::Needs Run::needs() const {
  return {.bpf = true,
          .btf = settings_.common.btf.empty(),
          .names = settings_.names,
          .memlock_bytes = settings_.memlock_bytes};
}

Status Run::prepare() {
  if (settings_.common.verbosity > 1) {
    bpf::capture_log([](std::string_view text) {
      cli::say(fmt::format("libbpf: {}", text));
    });
  }
  auto facts = cli::read_system_facts();
  if (facts.charges_memlock) facts.memlock_limit = cli::raise_memlock();
  SL_CHECK(cli::preflight(needs(), facts));
  for (const auto& text : cli::preflight_notes(needs(), facts)) note(text);
  if (!settings_.command.empty()) {
    command_.emplace(SL_TRY(cli::Command::spawn(settings_.command)));
  }
  source_ = SL_TRY(load(command_ ? command_->pid() : 0));
  note(fmt::format("maps take {} of kernel memory",
                   format_bytes(source_->map_memory())));
  reader_ = SL_TRY(Reader::open(
      source_->ring(),
      [this](std::span<const std::byte> record, std::uint64_t read_ns) {
        assembler_.take(record, read_ns);
      }));
  if (auto mount = container::cgroup2_mount()) cgroups_.emplace(*mount);
  for (int fd : further_fds()) {
    SL_CHECK(session_.watch(fd, [this] { return read_further(); }));
  }
  return session_.watch(reader_->fd(), [this] { return pump(); });
}

Status Run::start() {
  context_->start_ns = monotonic_ns();
  context_->origin.start_realtime_ns = realtime_ns();
  SL_CHECK(source_->start());
  SL_CHECK(reader_->start());
  auto keep = cli::default_keep(cli::read_system_facts());
  // A file that is replaced keeps its owner and mode.
  if (outputs_->replaces_files()) {
    keep.insert(keep.end(), {CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER});
  }
  // Signals are passed on to a command, whatever user it has become.
  if (command_) keep.push_back(CAP_KILL);
  for (auto each : further_capabilities()) keep.push_back(each);
  SL_CHECK(cli::drop_privileges(keep));
  begin_outputs();
  return outputs_->flush();
}

void Run::banner() const {
  if (settings_.common.quiet) return;
  if (command_ && is_for_programs(settings_.common)) {
    cli::say(
        "hint: the command writes to standard output too; -o FILE keeps them "
        "apart\n");
  }
  auto duration = settings_.common.duration_ns;
  auto until = duration ? " for " + format_duration(*duration)
                        : std::string(command_ ? " until the command ends"
                                               : "... Ctrl-C to end");
  cli::say(fmt::format("Tracing {}{}.\n", settings_.traces, until));
}

Status Run::pump() {
  auto until = monotonic_ns() + tick_ns;
  do {
    begin_portion();
    SL_CHECK(reader_->read(portion_bytes));
    SL_CHECK(outputs_->flush());
  } while (!reader_->empty() && monotonic_ns() < until);
  if (outputs_->readers_gone()) session_.end(cli::EndReason::reader_gone);
  return {};
}

Status Run::tick() {
  forget_ended_targets();
  SL_CHECK(pump());
  // What seems to be missing may still be in there.
  if (!reader_->empty()) return {};
  assembler_.settle();
  SL_CHECK(settle());
  return outputs_->flush();
}

// Before their numbers are given to others, and once.
void Run::forget_ended_targets() {
  auto& pids = settings_.processes;
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    pollfd target{.fd = targets_[i].get(), .events = POLLIN, .revents = 0};
    if (pids[i] == 0 || ::poll(&target, 1, 0) <= 0) continue;
    source_->forget(std::exchange(pids[i], 0));
  }
}

// Read before the ring is: what came in meanwhile is delivered and not counted
// yet, never the other way round.
Result<bpf::Ledger> Run::ledger_now() {
  auto ledger = SL_TRY(source_->ledger());
  SL_CHECK(pump());
  count_left_out(ledger);
  auto known = delivered() + held() + ledger.total(bpf::LossClass::filtered) +
               ledger.total(bpf::LossClass::lost);
  auto entered = ledger[LEDGER_entered] + ledger[LEDGER_recursion];
  if (entered > known) ledger[LEDGER_unaccounted] = entered - known;
  return ledger;
}

Status Run::report(ReportKind kind) {
  auto ledger = SL_TRY(ledger_now());
  Stretch stretch{.kind = kind,
                  .from_ns = mark_ns_,
                  .to_ns = context_->since_start(monotonic_ns()),
                  .ledger = ledger - mark_ledger_};
  if (kind == ReportKind::final) {
    stretch.from_ns = 0;
    stretch.ledger = ledger;
    stretch.behind_intervals = settings_.common.interval_ns.has_value();
  }
  if (kind != ReportKind::final) clear_last_losses(stretch.ledger);
  auto shown = show(stretch);
  say_losses(stretch.ledger);
  if (kind == ReportKind::interval) {
    mark_ledger_ = ledger;
    clear_last_losses(mark_ledger_);
    mark_ns_ = stretch.to_ns;
    mark_delivered_ = delivered();
  }
  if (outputs_->readers_gone()) session_.end(cli::EndReason::reader_gone);
  return shown;
}

// Folded lines have no place for the ledger.
void Run::say_losses(const bpf::Ledger& ledger) const {
  auto lost = bpf::describe(ledger, bpf::LossClass::lost);
  auto partial = bpf::describe(ledger, bpf::LossClass::partial);
  bool whole = lost == "none" && partial == "none";
  if (!outputs_->writes(output::Format::folded)) return;
  if (whole && settings_.common.quiet) return;
  cli::say(fmt::format("{}: lost: {}; partial: {}\n", settings_.tool, lost,
                       partial));
}

cli::SessionSettings Run::session_settings() const {
  const auto& common = settings_.common;
  cli::SessionSettings settings{.duration_ns = common.duration_ns,
                                .interval_ns = common.interval_ns,
                                .tick_ns = tick_ns,
                                .ready_fd = common.ready_fd,
                                .output_fd = outputs_->watched_fd(),
                                .command_fd = command_ ? command_->pidfd() : -1,
                                .target_fds = {}};
  if (settings_.outlives_processes) return settings;
  for (const auto& target : targets_) {
    settings.target_fds.push_back(target.get());
  }
  return settings;
}

Result<int> Run::run() {
  auto status = trace();
  if (status) return status;
  return cli::outlive_failure(settings_.tool, command_,
                              std::move(status.error()));
}

Result<int> Run::trace() {
  SL_CHECK(start());
  banner();
  if (command_) {
    auto failed = SL_TRY(
        cli::start_command(settings_.tool, *command_, settings_.command[0]));
    if (failed) return *failed;
  }
  cli::SessionHooks hooks{
      .tick = [this] { return tick(); },
      .interval = [this] { return report(ReportKind::interval); },
      .snapshot = [this] { return report(ReportKind::snapshot); }};
  return finish(SL_TRY(session_.run(session_settings(), hooks)));
}

// Programs that run while they are detached still send what they have, and
// write to the tool's tables. Where nobody can wait for them they get their
// time, whatever the ledger says: it may be complete in between.
Status Run::drain() {
  source_->stop();
  auto ended = bpf::wait_for_programs();
  if (!ended) note(ended.error().what + ": the last events get 100 ms");
  auto until = monotonic_ns() + last_events_ns;
  for (;;) {
    auto ledger = SL_TRY(ledger_now());
    auto open = SL_TRY(pending());
    bool complete = ended && ledger[LEDGER_unaccounted] <= open;
    if (reader_->empty() && (complete || monotonic_ns() >= until)) break;
    if (reader_->empty()) ::poll(nullptr, 0, last_events_pause_ms);
  }
  for (int pass = 0; pass < 2; ++pass) {
    assembler_.settle();
    SL_CHECK(settle());
  }
  SL_CHECK(end_pending());
  return outputs_->flush();
}

Result<int> Run::finish(const cli::End& end) {
  if (end.reason == cli::EndReason::targets_gone && !settings_.common.quiet) {
    cli::say(fmt::format("{}: all targets have ended\n", settings_.tool));
  }
  int status = cli::status_done;
  if (end.reason != cli::EndReason::reader_gone) {
    SL_CHECK(drain());
    // What came behind the last interval is one, too.
    if (settings_.common.interval_ns && delivered() > mark_delivered_) {
      SL_CHECK(report(ReportKind::interval));
    }
    SL_CHECK(report(ReportKind::final));
    auto lost = bpf::loss_percent(SL_TRY(ledger_now()), delivered());
    status = cli::judge_loss(settings_.tool, lost,
                             settings_.common.max_loss_percent);
  }
  if (!command_) return status;
  auto of_command = SL_TRY(cli::end_command(settings_.tool, *command_, end));
  return of_command != 0 ? of_command : status;
}

}  // namespace sightline::event
