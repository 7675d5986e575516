// SPDX-License-Identifier: Apache-2.0
#include "sampling.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "container/cgroup.h"
#include "cpuprof.skel.h"
#include "stack/kernel_half.h"

namespace sightline::cpuprof {
namespace {

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

void Sampling::configure(const Options& options,
                         const bpf::FilterChoice& filters) {
  const auto& common = options.common;
  bpf::configure_filters(*skeleton_, filters);
  follows_children_ = filters.follow_children;
  auto& settings = *skeleton_->rodata;
  settings.keep_idle = options.idle;
  settings.key_tid = options.groups_by("tid");
  settings.key_cpu = options.groups_by("cpu");
  settings.key_cgroup = options.groups_by("cgroup");
  settings.several_events = events_.size() > 1;
  stack::configure_stacks(*skeleton_, common);
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

unwind_mode Sampling::mode() const { return stack::mode(*skeleton_); }

bool Sampling::walks_by_rows() const { return stack::walks_by_rows(mode()); }

Status Sampling::follow_images() {
  for (auto& link : SL_TRY(stack::follow_images(*skeleton_))) {
    links_.push_back(std::move(link));
  }
  return {};
}

unwind::StoreMaps Sampling::unwind_maps() const {
  return stack::unwind_maps_of(*skeleton_);
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

stack::SampleMaps Sampling::maps() const { return stack::maps_of(*skeleton_); }

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
