// SPDX-License-Identifier: Apache-2.0
#include "tracer.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
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
#include "perf/sideband.h"
#include "reason.h"

namespace sightline::offcpu {
namespace {

constexpr std::uint64_t drain_every_ns = 500 * ns_per_ms;
constexpr std::uint64_t memlock_needed = 24U << 20;
// As long as a start may wait for the rows of what runs.
constexpr std::uint64_t load_ns = 150 * ns_per_ms;

cli::Needs needs_of(const Options& options) {
  return {.bpf = true,
          .perf = true,
          .cpu_wide = true,
          .kernel_symbols = !options.common.user_only,
          .btf = options.common.btf.empty(),
          .memlock_bytes = memlock_needed};
}

std::string_view hook_name(StackHook hook) {
  switch (hook) {
    case StackHook::arrival_tracepoint:
      return "when a thread is back (sched_exit_tp)";
    case StackHook::arrival_kprobe:
      return "when a thread is back (kprobe on finish_task_switch)";
    case StackHook::leave:
      break;
  }
  return "each time that a thread leaves its CPU";
}

// Waits that entered = waits delivered + ledger.
std::uint64_t unaccounted(const bpf::Ledger& ledger, const Waits& waits) {
  auto known = waits.delivered();
  for (auto index :
       {LEDGER_self, LEDGER_not_target, LEDGER_not_matching,
        LEDGER_other_latency, LEDGER_waits_full, LEDGER_thread_unknown}) {
    known += ledger[index];
  }
  auto entered = ledger[LEDGER_entered];
  return entered > known ? entered - known : known - entered;
}

}  // namespace

Result<std::unique_ptr<Tracer>> Tracer::open(const Options& options,
                                             std::span<char* const> argv) {
  bpf::capture_log();
  auto session = SL_TRY(cli::Session::open());
  std::unique_ptr<Tracer> tracer(new Tracer(options, std::move(session)));
  SL_CHECK(tracer->watch_targets());
  tracer->reports_ = SL_TRY(Reports::open(options));
  tracer->origin_ = cli::origin_here(argv);
  SL_CHECK(tracer->prepare());
  return tracer;
}

void Tracer::note(const std::string& text) const {
  if (options_.common.verbosity > 0) {
    cli::say(fmt::format("offcpu: {}\n", printable(text)));
  }
}

Status Tracer::watch_targets() {
  SL_CHECK(cli::check_mounts(cli::read_system_facts()));
  for (int pid : options_.common.pids) {
    targets_.push_back(SL_TRY(cli::watch_living_process(pid)));
  }
  for (int tid : options_.common.tids) {
    threads_.push_back(SL_TRY(process::find_thread(tid)));
  }
  if (!options_.common.cgroup.empty()) {
    SL_TRY(container::open_cgroup(options_.common.cgroup));
  }
  if (!options_.common.btf.empty()) {
    SL_CHECK(bpf::check_btf_file(options_.common.btf));
  }
  return {};
}

Status Tracer::prepare() {
  if (options_.common.verbosity > 1) {
    bpf::capture_log([](std::string_view text) {
      cli::say(fmt::format("libbpf: {}", text));
    });
  }
  auto facts = cli::read_system_facts();
  auto needs = needs_of(options_);
  if (facts.charges_memlock) facts.memlock_limit = cli::raise_memlock();
  SL_CHECK(cli::preflight(needs, facts));
  if (!options_.command.empty()) {
    command_.emplace(SL_TRY(cli::Command::spawn(options_.command)));
  }
  tracing_ = SL_TRY(Tracing::open(options_, command_ ? command_->pid() : 0));
  auto sideband = SL_TRY(perf::Sideband::open());
  SL_CHECK(sideband.enable());
  note(fmt::format(
      "{} programs; stacks are taken {}; maps take {} of kernel memory",
      tracing_->way() == Way::trusted ? "typed" : "raw",
      hook_name(tracing_->stack_hook()), format_bytes(tracing_->map_memory())));
  collector_ =
      SL_TRY(stack::Collector::open(tracing_->maps(), std::move(sideband)));
  totals_.emplace(tracing_->waits());
  if (command_ && !options_.include_self) {
    auto pid = static_cast<std::uint32_t>(command_->pid());
    collector_->leave_out_until_exec(pid);
    waits_.leave_out_held(pid, "offcpu");
  }
  SL_CHECK(open_unwinding());
  symbol::Symbolizer symbolizer(symbol::KernelSymbols::open());
  symbolizer.set_demangle(options_.common.demangle);
  names_.emplace(std::move(symbolizer), collector_->objects(),
                 &collector_->generated_code());
  if (options_.common.name) {
    auto keep = [&pattern = *options_.common.name](std::string_view comm) {
      return pattern.matches(comm);
    };
    collector_->keep_only(keep);
    waits_.keep_only(keep);
  }
  if (auto mount = container::cgroup2_mount()) cgroups_.emplace(*mount);
  for (int fd : collector_->fds()) {
    SL_CHECK(session_.watch(fd, [this] { return take_in(); }));
  }
  return {};
}

Status Tracer::open_unwinding() {
  if (!tracing_->walks_by_rows() || options_.totals_only) return {};
  SL_CHECK(collector_->unwind_with(
      tracing_->unwind_maps(), options_.common.unwind_bytes, tracing_->mode()));
  SL_CHECK(tracing_->follow_images());
  return collector_->unwinding()->load_all(monotonic_ns() + load_ns);
}

Status Tracer::start() {
  start_ns_ = SL_TRY(tracing_->start());
  origin_.start_realtime_ns = realtime_ns() - (monotonic_ns() - start_ns_);
  auto keep = cli::default_keep(cli::read_system_facts());
  // A file that is replaced keeps its owner and mode.
  if (reports_->replaces_files()) {
    keep.insert(keep.end(), {CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER});
  }
  if (command_) keep.push_back(CAP_KILL);
  return cli::drop_privileges(keep);
}

Result<int> Tracer::run() {
  auto status = measure();
  if (status) return status;
  return cli::outlive_failure("offcpu", command_, std::move(status.error()));
}

Result<int> Tracer::measure() {
  SL_CHECK(start());
  if (!options_.common.quiet) {
    cli::say(fmt::format(
        "Watching waits{}.\n",
        options_.common.duration_ns
            ? " for " + format_duration(*options_.common.duration_ns)
            : std::string(command_ ? " until the command ends"
                                   : "... Ctrl-C to end")));
  }
  if (command_) {
    auto failed =
        SL_TRY(cli::start_command("offcpu", *command_, options_.command[0]));
    if (failed) return *failed;
  }
  cli::SessionSettings settings{.duration_ns = options_.common.duration_ns,
                                .interval_ns = {},
                                .tick_ns = drain_every_ns,
                                .ready_fd = options_.common.ready_fd,
                                .output_fd = reports_->watched_fd(),
                                .command_fd = command_ ? command_->pidfd() : -1,
                                .target_fds = {}};
  for (const auto& target : targets_) {
    settings.target_fds.push_back(target.get());
  }
  cli::SessionHooks hooks{
      .tick = [this] { return tick(); },
      .interval = {},
      .snapshot = [this] { return report(ReportKind::snapshot); }};
  return finish(SL_TRY(session_.run(settings, hooks)));
}

Status Tracer::tick() {
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    pollfd target{.fd = targets_[i].get(), .events = POLLIN, .revents = 0};
    if (::poll(&target, 1, 0) > 0) {
      tracing_->forget_target(options_.common.pids[i]);
    }
  }
  bool gone =
      !threads_.empty() && std::ranges::none_of(threads_, process::is_running);
  if (gone) session_.end(cli::EndReason::targets_gone);
  return drain();
}

Status Tracer::take_in() {
  SL_CHECK(collector_->pump());
  return collector_->under_pressure() ? drain() : Status();
}

Status Tracer::drain() {
  SL_CHECK(totals_->swap());
  SL_CHECK(totals_->drain([this](std::span<const std::byte> key,
                                 std::span<const std::byte> value) {
    wait_key who;
    std::memcpy(&who, key.data(), sizeof(who));
    std::vector<wait_value> cpus(value.size() / sizeof(wait_value));
    std::memcpy(cpus.data(), value.data(), cpus.size() * sizeof(wait_value));
    waits_.add(who, cpus);
  }));
  SL_CHECK(collector_->drain());
  names_->keep_up(collector_->profile().frames());
  return {};
}

stack::Labels Tracer::labels_of(const stack::RowKey& row) {
  const auto& profile = collector_->profile();
  const auto& process = profile.process_at(row.process);
  stack::Labels labels;
  auto by = options_.common.by;
  if (by.empty()) by.emplace_back("comm");
  for (const auto& key : by) {
    if (key == "pid") {
      labels.push_back(fmt::format("{}-{}", process.comm, process.pid));
    } else if (key == "tid") {
      labels.push_back(fmt::format("{}-{}/{}", profile.name_at(row.comm),
                                   process.pid, row.tid));
    } else if (key == "cgroup") {
      auto path = cgroups_ ? cgroups_->find(row.cgroup) : std::nullopt;
      labels.push_back(path.value_or("[cgroup]"));
    } else {
      labels.push_back(profile.name_at(row.comm));
    }
  }
  labels.emplace_back(kind_name(static_cast<wait_kind>(row.word >> 32)));
  return labels;
}

// What the collector has counted of stacks is not counted of waits.
bpf::Ledger Tracer::ledger_of(const Waits& waits, bpf::Ledger ledger) const {
  ledger[LEDGER_recursion] += tracing_->recursion_misses();
  ledger[LEDGER_self] += waits.held() - collector_->held();
  ledger[LEDGER_not_matching] = waits.not_matching();
  return ledger;
}

// The waits that go on are in every report; what is kept is without them.
Status Tracer::report(ReportKind kind) {
  bool ends = kind == ReportKind::final;
  auto now_ns = ends ? SL_TRY(tracing_->stop()) : monotonic_ns();
  SL_CHECK(drain());
  Waits waits = waits_;
  for (const auto& wait : SL_TRY(tracing_->open_waits())) waits.add(wait);
  auto ledger = ledger_of(waits, SL_TRY(collector_->ledger()));
  if (ends) ledger[LEDGER_unaccounted] = unaccounted(ledger, waits);
  names_->resolve(collector_->profile().frames());
  Measurement measurement{
      .origin = origin_,
      .by = options_.common.by,
      .length_ns = now_ns - start_ns_,
      .ledger = ledger,
      .waits = waits,
      .profile = collector_->profile(),
      .names = *names_,
      .labels = [this](const stack::RowKey& row) { return labels_of(row); }};
  lost_percent_ = bpf::loss_percent(ledger, waits.delivered());
  SL_CHECK(reports_->write(measurement, kind));
  reports_->say_losses(ledger, options_.common.quiet);
  if (reports_->readers_gone()) session_.end(cli::EndReason::reader_gone);
  return {};
}

Result<int> Tracer::finish(const cli::End& end) {
  if (end.reason == cli::EndReason::targets_gone && !options_.common.quiet) {
    cli::say("offcpu: all targets have ended\n");
  }
  int status = cli::status_done;
  if (end.reason != cli::EndReason::reader_gone) {
    SL_CHECK(report(ReportKind::final));
    status = cli::judge_loss("offcpu", lost_percent_,
                             options_.common.max_loss_percent);
  }
  if (!command_) return status;
  auto of_command = SL_TRY(cli::end_command("offcpu", *command_, end));
  return of_command != 0 ? of_command : status;
}

}  // namespace sightline::offcpu
