// SPDX-License-Identifier: Apache-2.0
#include "tracing.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "base/units.h"
#include "bpf/kernel_features.h"
#include "container/cgroup.h"
#include "offcpu.skel.h"
#include "stack/kernel_half.h"

namespace sightline::offcpu {
namespace {

// Rows of each of the two tables of totals: every CPU has its own counts.
constexpr std::uint32_t rows_on_few_cpus = 8192;
constexpr std::uint32_t rows_on_many_cpus = 2048;
constexpr int many_cpus = 32;

// Calls whose first argument is a descriptor that they may wait for.
constexpr std::array descriptor_syscalls{SYS_read,       SYS_write,
                                         SYS_pread64,    SYS_pwrite64,
                                         SYS_readv,      SYS_writev,
                                         SYS_preadv,     SYS_pwritev,
                                         SYS_preadv2,    SYS_pwritev2,
                                         SYS_recvfrom,   SYS_sendto,
                                         SYS_recvmsg,    SYS_sendmsg,
                                         SYS_recvmmsg,   SYS_sendmmsg,
                                         SYS_accept,     SYS_accept4,
                                         SYS_connect,    SYS_fsync,
                                         SYS_fdatasync,  SYS_sync_file_range,
                                         SYS_ftruncate,  SYS_fallocate,
                                         SYS_flock,      SYS_fcntl,
                                         SYS_ioctl,      SYS_sendfile,
                                         SYS_splice,     SYS_tee,
                                         SYS_vmsplice,   SYS_copy_file_range,
                                         SYS_getdents64, SYS_syncfs,
                                         SYS_close};

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

// Threads of the machine, from the fourth field of /proc/loadavg: 2/345.
std::uint32_t threads_now() {
  auto text = read_file("/proc/loadavg");
  if (!text) return 0;
  auto fields = split(*text, ' ');
  if (fields.size() < 4) return 0;
  auto slash = fields[3].find('/');
  if (slash == std::string_view::npos) return 0;
  auto count = parse_number(fields[3].substr(slash + 1), 0, 1U << 22);
  return count ? static_cast<std::uint32_t>(*count) : 0;
}

}  // namespace

Tracing::Tracing() = default;
Tracing::Tracing(Tracing&&) noexcept = default;
Tracing& Tracing::operator=(Tracing&&) noexcept = default;
Tracing::~Tracing() = default;

void Tracing::SkeletonCloser::operator()(offcpu_bpf* skeleton) const {
  offcpu_bpf::destroy(skeleton);
}

// That typed programs may use a task's storage (5.13) can only be found out by
// loading one.
Result<Tracing> Tracing::open(const Options& options, pid_t command_pid) {
  if (options.common.btf.empty() && bpf::has_own_btf()) {
    auto trusted = open_way(options, command_pid, Way::trusted);
    if (trusted) return trusted;
    auto raw = open_way(options, command_pid, Way::raw);
    return raw ? std::move(raw) : std::move(trusted);
  }
  return open_way(options, command_pid, Way::raw);
}

Result<Tracing> Tracing::open_way(const Options& options, pid_t command_pid,
                                  Way way) {
  Tracing tracing;
  tracing.way_ = way;
  auto skeleton = SL_TRY(bpf::open_skeleton<offcpu_bpf>(options.common.btf));
  tracing.skeleton_.reset(skeleton.release());
  auto filters = filters_of(options, command_pid);
  container::Cgroup cgroup;
  if (filters.by_cgroup) {
    cgroup = SL_TRY(container::open_cgroup(options.common.cgroup));
    auto& settings = *tracing.skeleton_->rodata;
    settings.wanted_cgroup_id = cgroup.id;
    settings.wanted_cgroup_level = static_cast<std::uint32_t>(
        cgroup.path == "/" ? 0 : std::ranges::count(cgroup.path, '/'));
  }
  tracing.configure(options, filters);
  SL_CHECK(bpf::load_skeleton(*tracing.skeleton_));
  SL_CHECK(bpf::fill_filters(*tracing.skeleton_, filters, cgroup.fd.get()));
  return tracing;
}

void Tracing::configure(const Options& options,
                        const bpf::FilterChoice& filters) {
  const auto& common = options.common;
  bpf::configure_filters(*skeleton_, filters);
  stack::configure_stacks(*skeleton_, common);
  follows_children_ = filters.follow_children;
  auto& settings = *skeleton_->rodata;
  settings.key_tid = options.groups_by("tid");
  settings.key_cgroup = options.groups_by("cgroup");
  settings.keep_kernel_threads = options.kernel_threads;
  settings.filter_least = common.min_ns.has_value();
  settings.least_ns = common.min_ns.value_or(0);
  settings.filter_most = common.max_ns.has_value();
  settings.most_ns = common.max_ns.value_or(UINT64_MAX);
  settings.stack_period_ns = options.sample_ns.value_or(0);
  // preempt, prev, next, and since 5.18 prev_state.
  settings.has_prev_state =
      bpf::tracepoint_arguments("sched_switch", common.btf).value_or(3) > 3;
  settings.kernel_counts_queues =
      bpf::has_member("sched_info", "last_queued", common.btf) &&
      bpf::has_member("sched_entity", "cfs_rq", common.btf);
  for (auto call : descriptor_syscalls) {
    auto number = static_cast<unsigned>(call);
    settings.descriptor_calls[number / 64] |= 1ULL << number % 64;
  }
  auto rows = libbpf_num_possible_cpus() > many_cpus ? rows_on_many_cpus
                                                     : rows_on_few_cpus;
  bpf::set_max_entries(skeleton_->maps.waits_a, rows);
  bpf::set_max_entries(skeleton_->maps.waits_b, rows);
  wants_stacks_ = !options.totals_only;
  choose_programs();
}

void Tracing::choose_programs() {
  auto& programs = skeleton_->progs;
  bool trusted = way_ == Way::trusted;
  for (auto* program :
       {programs.switch_trusted, programs.wakeup_trusted, programs.fork_trusted,
        programs.new_trusted, programs.find_trusted, programs.tell_trusted}) {
    bpf::set_autoload(program, trusted);
  }
  for (auto* program :
       {programs.switch_raw, programs.wakeup_raw, programs.fork_raw,
        programs.new_raw, programs.find_raw, programs.tell_raw}) {
    bpf::set_autoload(program, !trusted);
  }
  if (skeleton_->rodata->kernel_counts_queues) {
    bpf::set_autoload(programs.wakeup_trusted, false);
    bpf::set_autoload(programs.wakeup_raw, false);
  }
  if (bpf::tracepoint_arguments("sched_exit_tp")) {
    stack_hook_ = StackHook::arrival_tracepoint;
  } else if (bpf::has_kprobes() &&
             !bpf::kernel_function("finish_task_switch").empty()) {
    stack_hook_ = StackHook::arrival_kprobe;
  }
  bool arrival = stack_hook_ != StackHook::leave;
  skeleton_->rodata->stack_hook = !wants_stacks_ ? STACK_AT_NONE
                                  : arrival      ? STACK_AT_ARRIVAL
                                                 : STACK_AT_LEAVE;
  bpf::set_autoload(
      programs.arrive_tracepoint,
      wants_stacks_ && stack_hook_ == StackHook::arrival_tracepoint);
  bpf::set_autoload(programs.arrive_kprobe,
                    wants_stacks_ && stack_hook_ == StackHook::arrival_kprobe);
  bpf_map__set_autocreate(skeleton_->maps.thread_storage, trusted);
  auto room = std::max(16384U, 4 * threads_now());
  bpf::set_max_entries(skeleton_->maps.thread_table, trusted ? 1 : room);
}

Status Tracing::follow_images() {
  for (auto& link : SL_TRY(stack::follow_images(*skeleton_))) {
    links_.push_back(std::move(link));
  }
  return {};
}

Status Tracing::attach(const bpf_program* program) {
  links_.push_back(SL_TRY(bpf::attach(*program)));
  return {};
}

Status Tracing::attach_stack_hook() {
  const auto& programs = skeleton_->progs;
  if (!wants_stacks_ || stack_hook_ == StackHook::leave) return {};
  if (stack_hook_ == StackHook::arrival_tracepoint) {
    return attach(programs.arrive_tracepoint);
  }
  links_.push_back(SL_TRY(bpf::attach_to_kernel(
      *programs.arrive_kprobe, bpf::kernel_function("finish_task_switch"))));
  return {};
}

// Threads first, so that none is unknown; what they wait in only when no
// switch can be missed any more.
Result<std::uint64_t> Tracing::start() {
  bool trusted = way_ == Way::trusted;
  const auto& programs = skeleton_->progs;
  const auto* find = trusted ? programs.find_trusted : programs.find_raw;
  if (follows_children_) {
    for (auto& link : SL_TRY(bpf::follow_children(*skeleton_))) {
      links_.push_back(std::move(link));
    }
  }
  SL_CHECK(attach(trusted ? programs.fork_trusted : programs.fork_raw));
  SL_CHECK(pass_over_threads(find, {}));
  SL_CHECK(attach_stack_hook());
  if (!skeleton_->rodata->kernel_counts_queues) {
    SL_CHECK(attach(trusted ? programs.wakeup_trusted : programs.wakeup_raw));
  }
  SL_CHECK(attach(trusted ? programs.new_trusted : programs.new_raw));
  auto now = monotonic_ns();
  SL_CHECK(attach(trusted ? programs.switch_trusted : programs.switch_raw));
  skeleton_->bss->find_states = true;
  SL_CHECK(pass_over_threads(find, {}));
  return now;
}

Result<std::uint64_t> Tracing::stop() {
  auto now = monotonic_ns();
  skeleton_->bss->end_ns = now;
  links_.clear();
  return now;
}

Result<std::vector<open_wait>> Tracing::open_waits() {
  const auto& programs = skeleton_->progs;
  std::vector<open_wait> found;
  SL_CHECK(pass_over_threads(
      way_ == Way::trusted ? programs.tell_trusted : programs.tell_raw,
      [&](const open_wait& wait) { found.push_back(wait); }));
  return found;
}

Status Tracing::pass_over_threads(
    const bpf_program* program,
    const std::function<void(const open_wait&)>& take) {
  std::string records;
  SL_CHECK(bpf::run_iterator(*program, records));
  for (std::size_t at = 0; at + sizeof(open_wait) <= records.size();
       at += sizeof(open_wait)) {
    open_wait wait;
    std::memcpy(&wait, records.data() + at, sizeof(wait));
    if (take) take(wait);
  }
  return {};
}

stack::SampleMaps Tracing::maps() const { return stack::maps_of(*skeleton_); }

bpf::EpochMap::Shape Tracing::waits() const {
  const auto& maps = skeleton_->maps;
  auto cpus = static_cast<std::size_t>(libbpf_num_possible_cpus());
  return {.outer_fd = bpf::fd_of(maps.live_waits),
          .map_fds = {bpf::fd_of(maps.waits_a), bpf::fd_of(maps.waits_b)},
          .key_size = sizeof(wait_key),
          .value_size = cpus * sizeof(wait_value)};
}

unwind::StoreMaps Tracing::unwind_maps() const {
  return stack::unwind_maps_of(*skeleton_);
}

bool Tracing::walks_by_rows() const { return stack::walks_by_rows(mode()); }

unwind_mode Tracing::mode() const { return stack::mode(*skeleton_); }

void Tracing::forget_target(int pid) {
  std::uint64_t key = static_cast<unsigned>(pid);
  bpf::erase(skeleton_->maps.targets, key);
}

std::uint64_t Tracing::map_memory() const {
  return bpf::map_memory(*skeleton_->obj);
}

std::uint64_t Tracing::recursion_misses() const {
  const auto& programs = skeleton_->progs;
  bool trusted = way_ == Way::trusted;
  return bpf::recursion_misses(trusted ? *programs.switch_trusted
                                       : *programs.switch_raw);
}

}  // namespace sightline::offcpu
