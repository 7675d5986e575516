// SPDX-License-Identifier: Apache-2.0
#include "profiler.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/clock.h"
#include "base/text.h"
#include "base/units.h"
#include "bpf/log.h"
#include "bpf/object.h"
#include "cli/command_run.h"
#include "cli/exit_status.h"
#include "cli/features.h"
#include "cli/preflight.h"
#include "cli/privileges.h"
#include "cli/program.h"
#include "perf/cpus.h"
#include "process/proc.h"
#include "process/selection.h"

namespace sightline::cpuprof {
namespace {

// How often counts are taken out of the kernel and new frames are named.
constexpr std::uint64_t drain_every_ns = 500 * ns_per_ms;
// What the BPF maps take, about, on a small machine: for RLIMIT_MEMLOCK.
constexpr std::uint64_t memlock_needed = 16U << 20;
// A profile of the whole machine does not wait longer than this, since the tool
// was started, for the rows of all that runs; what is left is loaded while it
// runs. On a machine so busy that little is left of it, a little longer.
constexpr std::uint64_t load_until_ns = 150 * ns_per_ms;
constexpr std::uint64_t load_at_least_ns = 50 * ns_per_ms;
// Chosen processes wait for their rows, which take some hundred milliseconds at
// the most; a process that maps thousands of made-up programs shall not keep
// the tool from starting.
constexpr std::uint64_t load_chosen_ns = 5 * ns_per_second;

cli::Needs needs_of(const Options& options) {
  return {.bpf = true,
          .perf = true,
          .cpu_wide = true,
          .kernel_symbols = !options.common.user_only,
          .btf = options.common.btf.empty(),
          .memlock_bytes = memlock_needed};
}

bool is_running(const ThreadId& thread) {
  auto stat = process::read_stat(static_cast<std::uint32_t>(thread.tid));
  return stat && stat->start_ticks == thread.start_ticks;
}

Setup make_setup(const Options& options, std::span<char* const> argv) {
  utsname system{};
  ::uname(&system);
  Setup setup;
  setup.host = system.nodename;
  setup.kernel = system.release;
  setup.arguments.assign(argv.begin(), argv.end());
  setup.by = options.common.by;
  setup.by_default = setup.by.empty();
  if (setup.by.empty()) setup.by.emplace_back("comm");
  setup.period = options.common.period.value_or(0);
  if (setup.period == 0) {
    setup.frequency_hz =
        options.common.frequency_hz.value_or(cli::default_frequency_hz);
  }
  return setup;
}

}  // namespace

Result<std::unique_ptr<Profiler>> Profiler::open(const Options& options,
                                                 std::span<char* const> argv) {
  bpf::capture_log();
  auto session = SL_TRY(cli::Session::open());
  std::unique_ptr<Profiler> profiler(new Profiler(options, std::move(session)));
  profiler->open_ns_ = monotonic_ns();
  profiler->setup_ = make_setup(options, argv);
  SL_CHECK(cli::check_mounts(cli::read_system_facts()));
  SL_CHECK(profiler->watch_targets());
  profiler->reports_ = SL_TRY(Reports::open(options));
  SL_CHECK(profiler->prepare());
  return profiler;
}

void Profiler::note(const std::string& text) const {
  if (options_.common.verbosity > 0) {
    cli::say(fmt::format("cpuprof: {}\n", printable(text)));
  }
}

Status Profiler::watch_targets() {
  for (int pid : options_.common.pids) {
    targets_.push_back(SL_TRY(cli::watch_living_process(pid)));
  }
  for (int tid : options_.common.tids) {
    auto stat = process::read_stat(static_cast<std::uint32_t>(tid));
    if (!stat) {
      return fail(ErrorKind::runtime, fmt::format("no such thread: {}", tid));
    }
    threads_.push_back({tid, stat->start_ticks});
  }
  if (!options_.common.cgroup.empty()) {
    SL_TRY(container::open_cgroup(options_.common.cgroup));
  }
  if (!options_.common.btf.empty()) {
    SL_CHECK(bpf::check_btf_file(options_.common.btf));
  }
  return perf::check_online(options_.common.cpus);
}

Status Profiler::prepare() {
  if (options_.common.verbosity > 1) {
    bpf::capture_log([](std::string_view text) {
      cli::say(fmt::format("libbpf: {}", text));
    });
  }
  auto facts = cli::read_system_facts();
  auto needs = needs_of(options_);
  if (facts.charges_memlock) facts.memlock_limit = cli::raise_memlock();
  SL_CHECK(cli::preflight(needs, facts));
  for (const auto& text : cli::preflight_notes(needs, facts)) note(text);
  if (auto total = options_.common.debuginfod_ns) {
    debuginfod_.emplace(
        SL_TRY(symbol::Debuginfod::open(std::chrono::nanoseconds(*total))));
  }
  if (!options_.command.empty()) {
    command_.emplace(SL_TRY(cli::Command::spawn(options_.command)));
  }
  sampling_ = SL_TRY(Sampling::open(options_, command_ ? command_->pid() : 0));
  auto sideband = SL_TRY(perf::Sideband::open());
  SL_CHECK(sideband.enable());
  note(fmt::format("maps take {} of kernel memory, side-band rings {}",
                   format_bytes(sampling_->map_memory()),
                   format_bytes(sideband.memory_bytes())));
  collector_ =
      SL_TRY(stack::Collector::open(sampling_->maps(), std::move(sideband)));
  if (command_ && !options_.include_self) {
    collector_->leave_out_until_exec(
        static_cast<std::uint32_t>(command_->pid()));
  }
  SL_CHECK(open_unwinding());
  open_names();
  if (options_.common.name) {
    collector_->keep_only(
        [&pattern = *options_.common.name](std::string_view comm) {
          return pattern.matches(comm);
        });
  }
  if (auto mount = container::cgroup2_mount()) cgroups_.emplace(*mount);
  for (const auto& event : sampling_->events()) {
    setup_.events.push_back(event.name);
  }
  setup_.period_ns = sampling_->period_ns();
  setup_.cpus = sampling_->cpus().size();
  for (int cpu : sampling_->skipped_cpus()) {
    cli::say(fmt::format("cpuprof: CPU {} cannot be sampled\n", cpu));
  }
  for (int fd : collector_->fds()) {
    SL_CHECK(session_.watch(fd, [this] { return take_in(); }));
  }
  return {};
}

Status Profiler::open_unwinding() {
  const auto& common = options_.common;
  if (!sampling_->walks_by_rows()) {
    note(sampling_->mode() == UNWIND_MODE_COPY
             ? "unwinding: stacks are copied and walked in user space"
             : "unwinding: the kernel follows frame pointers");
    return {};
  }
  SL_CHECK(collector_->unwind_with(sampling_->unwind_maps(),
                                   common.unwind_bytes, sampling_->mode()));
  SL_CHECK(sampling_->follow_images());
  auto& loader = *collector_->unwinding();
  const auto now = monotonic_ns();
  if (command_) SL_CHECK(load_command(now + load_chosen_ns));
  if (auto chosen = SL_TRY(chosen_processes())) {
    SL_CHECK(loader.load(*chosen, now + load_chosen_ns));
  } else {
    SL_CHECK(loader.load_all(
        std::max(open_ns_ + load_until_ns, now + load_at_least_ns)));
  }
  say_unwinding();
  return {};
}

Status Profiler::load_command(std::uint64_t deadline_ns) {
  auto path = cli::find_command(options_.command[0]);
  if (!path) return {};  // the exec will say so
  auto names =
      SL_TRY(collector_->unwinding()->load_program(*path, deadline_ns));
  note(fmt::format("unwinding: in place for the command: {}",
                   fmt::join(names, ", ")));
  return {};
}

// What runs now of what the options choose; nullopt for the whole machine.
Result<std::optional<std::vector<std::uint32_t>>> Profiler::chosen_processes()
    const {
  const auto& common = options_.common;
  std::vector<std::uint32_t> chosen(common.pids.begin(), common.pids.end());
  for (int tid : common.tids) {
    chosen.push_back(process::read_process_of(tid).value_or(0));
  }
  if (command_) chosen.push_back(static_cast<std::uint32_t>(command_->pid()));
  if (!chosen.empty()) return chosen;
  process::Selection selection{.uid = common.uid};
  if (!common.cgroup.empty()) {
    selection.cgroup = SL_TRY(container::open_cgroup(common.cgroup)).path;
  }
  if (common.name) {
    selection.comm = [&pattern = *common.name](std::string_view comm) {
      return pattern.matches(comm);
    };
  }
  if (selection.is_everything()) return std::nullopt;
  return SL_TRY(process::select_processes(selection));
}

// Who measures a machine that leaves nothing over measures late.
void Profiler::say_overrun() const {
  const auto& asked = options_.common.duration_ns;
  if (options_.common.quiet || !asked || run_.to_ns < 2 * *asked ||
      run_.to_ns < *asked + ns_per_second) {
    return;
  }
  cli::say(
      fmt::format("cpuprof: took {} for {}: it got too little CPU time; "
                  "nice -n -10 would give it more\n",
                  format_duration(run_.to_ns), format_duration(*asked)));
}

// What was too large is worth a word without -v.
void Profiler::say_left_out() const {
  auto* loader = collector_->unwinding();
  if (loader == nullptr || loader->left_out().empty()) return;
  std::string names;
  for (const auto& name : loader->left_out()) {
    names += (names.empty() ? "" : ", ") + name;
  }
  cli::say(
      fmt::format("cpuprof: no room for the unwind information of {}; a larger "
                  "--unwind-memory than {}M may have it\n",
                  printable(names), options_.common.unwind_bytes >> 20));
}

void Profiler::say_unwinding() const {
  auto* loader = collector_->unwinding();
  if (loader == nullptr) return;
  auto loaded = loader->summary();
  auto use = loader->use();
  note(fmt::format(
      "unwinding: {} objects, {} functions, {} rows ({} not expressible), {} "
      "of {} of kernel memory, built in {} of CPU; {} waiting, {} unreadable, "
      "{} "
      "left out, {} processes without room",
      format_count(loaded.objects), format_count(loaded.functions),
      format_count(loaded.rows), format_count(loaded.unsupported),
      format_bytes(use.used_bytes), format_bytes(use.shard_bytes),
      format_duration(loaded.build_cpu_ns), loaded.waiting, loaded.unreadable,
      loaded.left_out, use.spaces_refused));
}

void Profiler::open_names() {
  symbol::Symbolizer symbolizer(symbol::KernelSymbols::open());
  symbolizer.set_demangle(options_.common.demangle);
  names_.emplace(std::move(symbolizer), collector_->objects(),
                 &collector_->generated_code());
  if (options_.common.raw) names_->leave_files_unnamed();
  if (debuginfod_) {
    names_->use_server([this](std::string_view build_id) {
      return debuginfod_->find(build_id);
    });
  }
  names_->use_source(source_report_.settings(
      {.inlines = options_.common.inlines, .lines = options_.common.lines}));
}

Status Profiler::start() {
  mark_ = SL_TRY(read_now());
  mark_.ledger = SL_TRY(current_ledger());
  start_ns_ = mark_.time_ns;
  setup_.start_realtime_ns = realtime_ns();
  SL_CHECK(sampling_->start());
  // Reports of intervals would keep others waiting.
  if (!options_.common.interval_ns) priority_.emplace();
  auto keep = cli::default_keep(cli::read_system_facts());
  // A file that is replaced keeps its owner and mode.
  if (reports_->replaces_files()) {
    keep.insert(keep.end(), {CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER});
  }
  // Signals are passed on to a command, whatever user it has become.
  if (command_) keep.push_back(CAP_KILL);
  return cli::drop_privileges(keep);
}

void Profiler::banner() const {
  if (options_.common.quiet) return;
  auto rate = setup_.frequency_hz > 0
                  ? fmt::format("at {} Hz", setup_.frequency_hz)
                  : fmt::format("every {}", setup_.period);
  auto until = options_.common.duration_ns
                   ? " for " + format_duration(*options_.common.duration_ns)
                   : std::string(command_ ? " until the command ends"
                                          : "... Ctrl-C to end");
  std::string events;
  for (const auto& event : setup_.events) {
    events += (events.empty() ? "" : ",") + event;
  }
  cli::say(fmt::format("Sampling {} {} on {} CPUs{}.\n", printable(events),
                       rate, setup_.cpus, until));
}

Result<int> Profiler::run() {
  auto status = measure();
  if (status) return status;
  return cli::outlive_failure("cpuprof", command_, std::move(status.error()));
}

Result<int> Profiler::measure() {
  SL_CHECK(start());
  banner();
  if (command_) {
    auto failed =
        SL_TRY(cli::start_command("cpuprof", *command_, options_.command[0]));
    if (failed) return *failed;
  }
  cli::SessionSettings settings{.duration_ns = options_.common.duration_ns,
                                .interval_ns = options_.common.interval_ns,
                                .tick_ns = drain_every_ns,
                                .ready_fd = options_.common.ready_fd,
                                .output_fd = reports_->watched_fd(),
                                .command_fd = command_ ? command_->pidfd() : -1,
                                .target_fds = {}};
  for (const auto& target : targets_)
    settings.target_fds.push_back(target.get());
  cli::SessionHooks hooks{
      .tick = [this] { return tick(); },
      .interval = [this] { return report(ReportKind::interval); },
      .snapshot = [this] { return report(ReportKind::snapshot); }};
  return finish(SL_TRY(session_.run(settings, hooks)));
}

Status Profiler::tick() {
  forget_ended_targets();
  bool gone = !threads_.empty() && std::ranges::none_of(threads_, is_running);
  if (gone) session_.end(cli::EndReason::targets_gone);
  return drain();
}

// Before their numbers are given to others.
void Profiler::forget_ended_targets() {
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    pollfd target{.fd = targets_[i].get(), .events = POLLIN, .revents = 0};
    if (::poll(&target, 1, 0) > 0)
      sampling_->forget_target(options_.common.pids[i]);
  }
}

Status Profiler::take_in() {
  SL_CHECK(collector_->pump());
  return collector_->under_pressure() ? drain() : Status();
}

Status Profiler::drain() {
  SL_CHECK(collector_->drain());
  names_->keep_up(collector_->profile().frames());
  return {};
}

// /proc/stat knows how long each CPU was idle; what ticks found of that is in
// the profile already.
void Profiler::add_idle_time(const Reading& reading) {
  if (!options_.idle || setup_.period_ns == 0) return;
  const auto& sampled = sampling_->cpus();
  for (const auto& use : perf::cpu_use(mark_.cpus, reading.cpus)) {
    if (!std::ranges::binary_search(sampled, use.cpu)) continue;
    auto cpu = static_cast<std::size_t>(use.cpu);
    auto found = reading.cpu_ledgers[cpu][LEDGER_entered_idle] -
                 mark_.cpu_ledgers[cpu][LEDGER_entered_idle];
    auto idle = use.idle_ns / setup_.period_ns;
    add_idle_samples(use.cpu, idle > found ? idle - found : 0);
  }
  names_->resolve(collector_->profile().frames());
}

// `all` of this span, of which a snapshot may have added some before.
void Profiler::add_idle_samples(int cpu, std::uint64_t all) {
  auto& counted = idle_counted_[cpu];
  if (all <= counted) return;
  auto more = all - std::exchange(counted, all);
  auto& profile = collector_->profile();
  auto frame = profile.frames().intern(
      {process::kernel_object, symbol::Reason::idle, 0});
  profile.add({.process = profile.process(0, 0),
               .cpu = options_.groups_by("cpu") ? cpu : -1,
               .comm = profile.name("swapper"),
               .stack = profile.stacks().child(stack::CallTree::root, frame)},
              {more, more * setup_.period_ns});
}

// The ledger of the whole run so far, without what needs the CPU times.
Result<bpf::Ledger> Profiler::current_ledger() {
  auto ledger = SL_TRY(collector_->ledger());
  ledger[LEDGER_recursion] += sampling_->recursion_misses();
  return ledger;
}

// CPU times and samples are read side by side, and before the drain, which
// takes time of its own.
Result<Profiler::Reading> Profiler::read_now() {
  Reading reading{.time_ns = monotonic_ns()};
  reading.cpus = SL_TRY(perf::read_cpu_times());
  reading.cpu_ledgers = SL_TRY(collector_->cpu_ledgers());
  return reading;
}

Span Profiler::span_until(const Reading& reading) const {
  Span span{.from_ns = mark_.time_ns - start_ns_,
            .to_ns = reading.time_ns - start_ns_,
            .ledger = reading.ledger - mark_.ledger};
  const auto& sampled = sampling_->cpus();
  for (const auto& use : perf::cpu_use(mark_.cpus, reading.cpus)) {
    if (!std::ranges::binary_search(sampled, use.cpu)) continue;
    auto cpu = static_cast<std::size_t>(use.cpu);
    auto counted = reading.cpu_ledgers[cpu] - mark_.cpu_ledgers[cpu];
    span.busy_ns += use.busy_ns;
    span.idle_ns += use.idle_ns;
    span.steal_ns += use.steal_ns;
    if (!sampling_->counts_busy_time()) continue;
    span.ledger[LEDGER_skipped] +=
        skipped_samples(use.busy_ns, use.idle_ns, setup_.period_ns,
                        counted[LEDGER_entered], counted[LEDGER_entered_idle]);
  }
  return span;
}

// Samples that entered = counts delivered + ledger. Holds once the sampler has
// stopped and the last counts are drained.
std::uint64_t Profiler::unaccounted(const bpf::Ledger& ledger) const {
  auto known = collector_->delivered() + ledger[LEDGER_table_full];
  for (auto index :
       {LEDGER_idle, LEDGER_self, LEDGER_not_target, LEDGER_not_matching}) {
    known += ledger[index];
  }
  auto entered = ledger[LEDGER_entered];
  return entered > known ? entered - known : known - entered;
}

Status Profiler::report(ReportKind kind) {
  auto reading = SL_TRY(read_now());
  SL_CHECK(collector_->drain());
  reading.ledger = SL_TRY(current_ledger());
  names_->resolve(collector_->profile().frames());
  source_report_.say_problems(*names_);
  auto span = span_until(reading);
  if (kind == ReportKind::final) {
    span.ledger[LEDGER_unaccounted] = unaccounted(reading.ledger);
  }
  add_idle_time(reading);
  auto& profile = collector_->profile();
  span.samples = profile.total().count;
  auto run = run_;
  run += span;
  if (kind != ReportKind::snapshot) run_ = run;
  auto cgroup = [this](std::uint64_t id) { return cgroup_path(id); };
  Measurement measurement{.setup = setup_,
                          .span = span,
                          .run = run,
                          .profile = profile,
                          .names = *names_,
                          .labels = labels_by(setup_, profile, cgroup),
                          .cgroup_path = cgroup};
  SL_CHECK(reports_->write(measurement, kind));
  reports_->say_losses(span.ledger, options_.common.quiet);
  if (reports_->readers_gone()) session_.end(cli::EndReason::reader_gone);
  if (kind != ReportKind::interval) return {};
  if (collector_->restart_profile()) names_->reset();
  mark_ = std::move(reading);
  idle_counted_.clear();
  return {};
}

std::string Profiler::cgroup_path(std::uint64_t id) {
  auto path = cgroups_ ? cgroups_->find(id) : std::nullopt;
  return path ? *path : fmt::format("[cgroup {:#x}: gone]", id);
}

Result<int> Profiler::finish(const cli::End& end) {
  SL_CHECK(sampling_->stop());
  priority_.reset();
  if (end.reason == cli::EndReason::targets_gone && !options_.common.quiet) {
    cli::say(fmt::format("cpuprof: all targets have ended\n"));
  }
  if (end.reason != cli::EndReason::reader_gone) {
    SL_CHECK(report(ReportKind::final));
  }
  say_unwinding();
  say_overrun();
  if (!options_.common.quiet) say_left_out();
  int status = cli::status_done;
  if (end.reason != cli::EndReason::reader_gone) {
    auto lost = bpf::loss_percent(run_.ledger, collector_->delivered());
    status = cli::judge_loss("cpuprof", lost, options_.common.max_loss_percent);
  }
  if (!command_) return status;
  auto of_command = SL_TRY(cli::end_command("cpuprof", *command_, end));
  return of_command != 0 ? of_command : status;
}

}  // namespace sightline::cpuprof
