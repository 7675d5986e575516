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

std::unique_ptr<View> view_for(output::Format format,
                               const ViewSettings& settings) {
  if (format == output::Format::folded) return make_folded_view();
  if (format == output::Format::json) return make_json_view();
  return make_table_view(settings);
}

}  // namespace

Result<std::unique_ptr<Tracer>> Tracer::open(const Options& options,
                                             std::span<char* const>) {
  bpf::capture_log();
  auto session = SL_TRY(cli::Session::open());
  std::unique_ptr<Tracer> tracer(new Tracer(options, std::move(session)));
  SL_CHECK(tracer->watch_targets());
  SL_CHECK(tracer->open_outputs());
  SL_CHECK(tracer->prepare());
  return tracer;
}

void Tracer::note(const std::string& text) const {
  if (options_.common.verbosity > 0) {
    cli::say(fmt::format("offcpu: {}\n", printable(text)));
  }
}

Status Tracer::watch_targets() {
  for (int pid : options_.common.pids) {
    targets_.push_back(SL_TRY(cli::watch_living_process(pid)));
  }
  if (!options_.common.cgroup.empty()) {
    SL_TRY(container::open_cgroup(options_.common.cgroup));
  }
  return {};
}

Status Tracer::open_outputs() {
  const auto& common = options_.common;
  for (const auto& target : cli::output_targets(common)) {
    auto sink = SL_TRY(output::Sink::open(target.path, target.format,
                                          output::Delivery::whole));
    ViewSettings settings{
        .rows = common.rows.value_or(20),
        .sort = common.sort,
        .width = output::terminal_width(
            sink.fd(),
            common.wide ? std::optional<std::size_t>(0) : common.width),
        .color = output::want_color(common.color, sink.fd())};
    outputs_.push_back({std::move(sink), view_for(target.format, settings)});
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
  start_ns_ = monotonic_ns();
  SL_CHECK(tracing_->start());
  auto keep = cli::default_keep(cli::read_system_facts());
  // The iterator at the end is one more program to attach.
  keep.insert(keep.end(), {CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER});
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
                                .output_fd = -1,
                                .command_fd = command_ ? command_->pidfd() : -1,
                                .target_fds = {}};
  for (const auto& target : targets_) {
    settings.target_fds.push_back(target.get());
  }
  cli::SessionHooks hooks{.tick = [this] { return tick(); },
                          .interval = {},
                          .snapshot = [] { return Status(); }};
  return finish(SL_TRY(session_.run(settings, hooks)));
}

Status Tracer::tick() {
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    pollfd target{.fd = targets_[i].get(), .events = POLLIN, .revents = 0};
    if (::poll(&target, 1, 0) > 0) {
      tracing_->forget_target(options_.common.pids[i]);
    }
  }
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

// Waits that entered = waits delivered + ledger.
std::uint64_t Tracer::unaccounted(const bpf::Ledger& ledger) const {
  auto known =
      waits_.delivered() + ledger[LEDGER_waits_full] + waits_.not_matching();
  for (auto index : {LEDGER_self, LEDGER_not_target, LEDGER_other_latency,
                     LEDGER_thread_unknown}) {
    known += ledger[index];
  }
  auto entered = ledger[LEDGER_entered];
  return entered > known ? entered - known : known - entered;
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

Status Tracer::report() {
  auto end_ns = SL_TRY(tracing_->stop());
  SL_CHECK(drain());
  for (const auto& wait : SL_TRY(tracing_->open_waits())) waits_.add(wait);
  auto ledger = SL_TRY(collector_->ledger());
  ledger[LEDGER_recursion] += tracing_->recursion_misses();
  ledger[LEDGER_unaccounted] = unaccounted(ledger);
  ledger[LEDGER_not_matching] = waits_.not_matching();
  names_->resolve(collector_->profile().frames());
  Measurement measurement{
      .length_ns = end_ns - start_ns_,
      .ledger = ledger,
      .waits = waits_,
      .profile = collector_->profile(),
      .names = *names_,
      .labels = [this](const stack::RowKey& row) { return labels_of(row); }};
  for (auto& output : outputs_) {
    SL_CHECK(output.sink.begin_report());
    SL_CHECK(output.view->show(measurement, output.sink));
    SL_CHECK(output.sink.commit());
  }
  return {};
}

Result<int> Tracer::finish(const cli::End& end) {
  SL_CHECK(report());
  if (!command_) return cli::status_done;
  auto of_command = SL_TRY(cli::end_command("offcpu", *command_, end));
  return of_command != 0 ? of_command : cli::status_done;
}

}  // namespace sightline::offcpu
