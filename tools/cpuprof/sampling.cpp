// SPDX-License-Identifier: Apache-2.0
#include "sampling.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "base/units.h"
#include "container/cgroup.h"
#include "cpuprof.skel.h"
#include "unwind_rows.h"

namespace sightline::cpuprof {
namespace {

// Of copies of stacks, 16 to 64 KiB each.
constexpr std::uint32_t copies_ring = 8U << 20;

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  [[maybe_unused]] auto got = ::getrandom(&seed, sizeof(seed), 0);
  return seed;
}

bpf::FilterChoice filters_of(const Options& options, pid_t command_pid) {
  const auto& common = options.common;
  bpf::FilterChoice choice{
      .uid = common.uid,
      .by_cgroup = !common.cgroup.empty(),
      .follow_children = command_pid > 0,
      .own_pid =
          options.include_self ? 0 : static_cast<std::uint32_t>(::getpid())};
  for (int pid : common.pids) {
    choice.targets.push_back(static_cast<unsigned>(pid));
  }
  for (int tid : common.tids) {
    choice.targets.push_back(bpf::target_thread | static_cast<unsigned>(tid));
  }
  if (command_pid > 0) {
    choice.targets.push_back(static_cast<unsigned>(command_pid));
  }
  return choice;
}

// Frames that the kernel walks on one side; it refuses to walk more.
std::uint32_t frame_limit() {
  auto text = read_file("/proc/sys/kernel/perf_event_max_stack");
  auto limit = text ? parse_number(trim(*text), 0, UINT32_MAX)
                    : Result<std::uint64_t>(127);
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(limit ? *limit : 127, STACK_MAX_FRAMES));
}

unwind_mode mode_of(const cli::CommonOptions& common) {
  if (common.kernel_only) return UNWIND_MODE_FP;
  switch (common.unwind) {
    case cli::Unwind::frame_pointers:
      return UNWIND_MODE_FP;
    case cli::Unwind::dwarf:
      return UNWIND_MODE_DWARF;
    case cli::Unwind::copy:
      return UNWIND_MODE_COPY;
    case cli::Unwind::automatic:
      break;
  }
  return UNWIND_MODE_AUTO;
}

}  // namespace

Sampling::Sampling() = default;
Sampling::Sampling(Sampling&&) noexcept = default;
Sampling& Sampling::operator=(Sampling&&) noexcept = default;
Sampling::~Sampling() = default;

void Sampling::SkeletonCloser::operator()(cpuprof_bpf* skeleton) const {
  cpuprof_bpf::destroy(skeleton);
}

Result<Sampling> Sampling::open(const Options& options, pid_t command_pid) {
  Sampling sampling;
  SL_CHECK(sampling.choose_events(options));
  auto skeleton = SL_TRY(bpf::open_skeleton<cpuprof_bpf>(options.common.btf));
  sampling.skeleton_.reset(skeleton.release());
  auto filters = filters_of(options, command_pid);
  sampling.configure(options, filters);
  SL_CHECK(bpf::load_skeleton(*sampling.skeleton_));
  SL_CHECK(sampling.fill_filters(options, filters));
  SL_CHECK(sampling.open_samplers(options));
  return sampling;
}

Status Sampling::choose_events(const Options& options) {
  auto names = options.common.events;
  if (names.empty()) {
    names.emplace_back(perf::hardware_cycles_available() ? "cycles"
                                                         : "cpu-clock");
  }
  for (const auto& name : names) {
    auto parsed = SL_TRY(perf::parse_events(name));
    events_.insert(events_.end(), parsed.begin(), parsed.end());
  }
  return {};
}

// Without rows nothing of the walk is loaded, and its tables are as small as
// can be.
void Sampling::configure_unwinding(const cli::CommonOptions& common) {
  skeleton_->rodata->unwind_mode = mode_of(common);
  auto& programs = skeleton_->progs;
  auto& maps = skeleton_->maps;
  bool rows = walks_by_rows();
  bool nested = skeleton_->rodata->pid_namespace != 0;
  bpf::set_autoload(programs.unwind_fork, rows);
  bpf::set_autoload(programs.unwind_exec, rows);
  bpf::set_autoload(programs.unwind_exit, rows && nested);
  bpf::set_autoload(programs.unwind_free, rows && !nested);
  if (mode() == UNWIND_MODE_COPY) bpf::set_max_entries(maps.ring, copies_ring);
  if (rows) return;
  for (auto* map : {maps.unwind_store, maps.unwind_objects, maps.unwind_rules,
                    maps.unwind_spaces, maps.unwind_cache}) {
    bpf::set_max_entries(map, 1);
  }
}

void Sampling::configure(const Options& options,
                         const bpf::FilterChoice& filters) {
  const auto& common = options.common;
  bpf::configure_filters(*skeleton_, filters);
  follows_children_ = filters.follow_children;
  auto& settings = *skeleton_->rodata;
  settings.hash_seed = random_seed();
  settings.frame_limit = frame_limit();
  settings.keep_idle = options.idle;
  settings.want_kernel_stacks = !common.user_only;
  settings.want_user_stacks = !common.kernel_only;
  settings.key_tid = options.groups_by("tid");
  settings.key_cpu = options.groups_by("cpu");
  settings.key_cgroup = options.groups_by("cgroup");
  settings.several_events = events_.size() > 1;
  configure_unwinding(common);
}

Status Sampling::fill_filters(const Options& options,
                              const bpf::FilterChoice& filters) {
  UniqueFd cgroup;
  if (filters.by_cgroup) {
    cgroup = SL_TRY(container::open_cgroup(options.common.cgroup)).fd;
  }
  return bpf::fill_filters(*skeleton_, filters, cgroup.get());
}

Status Sampling::open_samplers(const Options& options) {
  const auto& common = options.common;
  perf::SamplerSettings settings;
  settings.period = common.period.value_or(0);
  if (settings.period == 0) {
    settings.frequency_hz =
        common.frequency_hz.value_or(cli::default_frequency_hz);
  }
  if (!common.cpus.empty()) settings.cpus = common.cpus;
  for (const auto& event : events_) {
    samplers_.push_back(SL_TRY(perf::Sampler::open(event, settings)));
    SL_CHECK(
        samplers_.back().attach_bpf(bpf::fd_of(skeleton_->progs.on_sample)));
    ++settings.tag;
  }
  return {};
}

unwind_mode Sampling::mode() const {
  return static_cast<enum unwind_mode>(skeleton_->rodata->unwind_mode);
}

bool Sampling::walks_by_rows() const {
  return mode() == UNWIND_MODE_AUTO || mode() == UNWIND_MODE_DWARF;
}

Status Sampling::follow_images() {
  if (!walks_by_rows()) return {};
  const auto& programs = skeleton_->progs;
  bool nested = skeleton_->rodata->pid_namespace != 0;
  for (auto* program : {programs.unwind_fork, programs.unwind_exec,
                        nested ? programs.unwind_exit : programs.unwind_free}) {
    links_.push_back(SL_TRY(bpf::attach(*program)));
  }
  return {};
}

unwind::StoreMaps Sampling::unwind_maps() const {
  const auto& maps = skeleton_->maps;
  return {.store = bpf::fd_of(maps.unwind_store),
          .objects = bpf::fd_of(maps.unwind_objects),
          .rules = bpf::fd_of(maps.unwind_rules),
          .spaces = bpf::fd_of(maps.unwind_spaces),
          .era = &skeleton_->bss->unwind_era};
}

Status Sampling::start() {
  if (follows_children_) {
    for (auto& link : SL_TRY(bpf::follow_children(*skeleton_))) {
      links_.push_back(std::move(link));
    }
  }
  for (auto& sampler : samplers_) SL_CHECK(sampler.enable());
  return {};
}

Status Sampling::stop() {
  for (auto& sampler : samplers_) SL_CHECK(sampler.disable());
  return {};
}

stack::SampleMaps Sampling::maps() const {
  const auto& maps = skeleton_->maps;
  return {.ring = bpf::fd_of(maps.ring),
          .live_counts = bpf::fd_of(maps.live_counts),
          .counts = {bpf::fd_of(maps.counts_a), bpf::fd_of(maps.counts_b)},
          .seen = bpf::fd_of(maps.seen),
          .ledger = bpf::fd_of(maps.ledger),
          .rows_in_epoch =
              reinterpret_cast<std::uint64_t*>(&skeleton_->bss->rows_in_epoch),
          .drain_asked = &skeleton_->bss->drain_asked};
}

const std::vector<int>& Sampling::cpus() const {
  return samplers_.front().cpus();
}

std::uint64_t Sampling::period_ns() const {
  return samplers_.front().period_ns();
}

bool Sampling::counts_busy_time() const {
  const auto& attr = events_.front().base;
  bool all = attr.exclude_user == 0 && attr.exclude_kernel == 0;
  return events_.size() == 1 && period_ns() > 0 && all;
}

void Sampling::forget_target(int pid) {
  std::uint64_t key = static_cast<unsigned>(pid);
  bpf::erase(skeleton_->maps.targets, key);
}

std::vector<int> Sampling::skipped_cpus() const {
  return samplers_.front().skipped_cpus();
}

std::uint64_t Sampling::map_memory() const {
  return bpf::map_memory(*skeleton_->obj);
}

std::uint64_t Sampling::recursion_misses() const {
  return bpf::recursion_misses(*skeleton_->progs.on_sample);
}

}  // namespace sightline::cpuprof
