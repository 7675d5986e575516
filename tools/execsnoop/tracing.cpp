// SPDX-License-Identifier: Apache-2.0
#include "tracing.h"

#include <algorithm>
#include <array>
#include <utility>

#include "container/cgroup.h"
#include "execsnoop.skel.h"
#include "process/tree.h"

namespace sightline::execsnoop {
namespace {

// Room for what a new process of the tree starts while its number is looked up.
constexpr int most_scans = 4;

bpf::FilterChoice filters_of(const Options& options, pid_t command_pid) {
  const auto& common = options.common;
  bpf::FilterChoice choice{
      .uid = common.uid,
      .by_cgroup = !common.cgroup.empty(),
      .follow_children = command_pid > 0 || !options.trees.empty()};
  auto add = [&](int pid) {
    choice.targets.push_back(static_cast<unsigned>(pid));
  };
  for (int pid : common.pids) add(pid);
  for (int pid : options.trees) add(pid);
  if (command_pid > 0) add(command_pid);
  return choice;
}

}  // namespace

Tracing::Tracing() = default;
Tracing::Tracing(Tracing&&) noexcept = default;
Tracing& Tracing::operator=(Tracing&&) noexcept = default;
Tracing::~Tracing() = default;

void Tracing::SkeletonCloser::operator()(execsnoop_bpf* skeleton) const {
  execsnoop_bpf::destroy(skeleton);
}

Result<Tracing> Tracing::open(const Options& options, pid_t command_pid) {
  Tracing tracing;
  auto skeleton = SL_TRY(bpf::open_skeleton<execsnoop_bpf>(options.common.btf));
  tracing.skeleton_.reset(skeleton.release());
  tracing.filters_ = filters_of(options, command_pid);
  tracing.choose_failures(options);
  tracing.configure(options);
  SL_CHECK(bpf::load_skeleton(*tracing.skeleton_));
  UniqueFd cgroup;
  if (tracing.filters_.by_cgroup) {
    cgroup = SL_TRY(container::open_cgroup(options.common.cgroup)).fd;
  }
  for (int pid : options.parents) {
    tracing.filters_.targets.push_back(bpf::target_parent |
                                       static_cast<unsigned>(pid));
  }
  SL_CHECK(
      bpf::fill_filters(*tracing.skeleton_, tracing.filters_, cgroup.get()));
  return tracing;
}

// By the return of the functions behind the system calls, which costs nobody
// else; only all of them together can replace the way through all system calls.
void Tracing::choose_failures(const Options& options) {
  auto& programs = skeleton_->progs;
  const std::array<std::pair<bpf_program*, const char*>, 4> returns{
      {{programs.after_execve, "__x64_sys_execve"},
       {programs.after_execveat, "__x64_sys_execveat"},
       {programs.after_compat_execve, "__ia32_compat_sys_execve"},
       {programs.after_compat_execveat, "__ia32_compat_sys_execveat"}}};
  for (const auto& [program, name] : returns) {
    bpf::set_autoload(program, false);
  }
  bpf::set_autoload(programs.on_return, false);
  if (options.no_failed) return;
  bool by_functions = options.common.btf.empty() &&
                      bpf::can_trace_return(returns[0].second) &&
                      bpf::can_trace_return(returns[1].second);
  failures_ =
      by_functions ? Failures::function_returns : Failures::system_calls;
  bpf::set_autoload(programs.on_return, !by_functions);
  for (const auto& [program, name] : returns) {
    // A kernel without programs of 32 bits has no functions for them.
    bpf::set_autoload(program, by_functions && bpf::can_trace_return(name));
  }
}

void Tracing::configure(const Options& options) {
  bpf::configure_filters(*skeleton_, filters_);
  auto& settings = *skeleton_->rodata;
  settings.most_args = options.most_args;
  settings.want_env = !options.env.empty();
  settings.want_ancestry = options.needs_ancestry();
  settings.filter_parents = !options.parents.empty();
  exits_ = options.needs_exits();
  bpf::set_autoload(skeleton_->progs.on_exit, exits_);
  bpf::set_autoload(skeleton_->progs.on_exit_again, exits_);
  trees_.assign(options.trees.begin(), options.trees.end());
  if (!filters_.follow_children && !options.parents.empty()) {
    bpf::set_max_entries(skeleton_->maps.targets,
                         static_cast<std::uint32_t>(filters_.targets.size() +
                                                    options.parents.size()));
  }
}

Status Tracing::attach(const bpf_program* program) {
  links_.push_back(SL_TRY(bpf::attach(*program)));
  return {};
}

// What was there before we followed forks; each scan may miss what is forked
// while it runs, by parents that it has not yet come to.
Status Tracing::follow_trees() {
  std::size_t known = 0;
  for (int scan = 0; scan < most_scans; ++scan) {
    auto found = SL_TRY(process::read_descendants(trees_));
    for (std::uint64_t pid : found) {
      SL_CHECK(bpf::put(skeleton_->maps.targets, pid, std::uint8_t{1}));
    }
    if (std::exchange(known, found.size()) == found.size()) break;
  }
  return {};
}

Status Tracing::start() {
  const auto& programs = skeleton_->progs;
  if (filters_.follow_children) {
    for (auto& link : SL_TRY(bpf::follow_children(*skeleton_))) {
      links_.push_back(std::move(link));
    }
    SL_CHECK(follow_trees());
  }
  // In this order: the second sees what the first was kept from.
  if (exits_) {
    SL_CHECK(attach(programs.on_exit));
    SL_CHECK(attach(programs.on_exit_again));
  }
  SL_CHECK(attach(programs.on_exec));
  SL_CHECK(attach(programs.on_exec_again));
  if (failures_ == Failures::system_calls) return attach(programs.on_return);
  for (const auto* program :
       {programs.after_execve, programs.after_execveat,
        programs.after_compat_execve, programs.after_compat_execveat}) {
    if (bpf::fd_of(program) >= 0) SL_CHECK(attach(program));
  }
  return {};
}

int Tracing::ring() const { return bpf::fd_of(skeleton_->maps.events); }

namespace {

std::uint64_t less(std::uint64_t count, std::uint64_t part) {
  return count - std::min(count, part);
}

}  // namespace

// Of a program on the way of many calls nobody knows which one it missed.
std::uint64_t Tracing::failures_missed() const {
  const auto& programs = skeleton_->progs;
  std::uint64_t missed = 0;
  for (const auto* program :
       {programs.on_return, programs.after_execve, programs.after_execveat,
        programs.after_compat_execve, programs.after_compat_execveat}) {
    if (bpf::fd_of(program) >= 0) missed += bpf::recursion_misses(*program);
  }
  return missed;
}

Result<bpf::Ledger> Tracing::ledger() const {
  auto ledger =
      bpf::sum(SL_TRY(bpf::read_ledgers(bpf::fd_of(skeleton_->maps.ledger))));
  const auto& programs = skeleton_->progs;
  const auto& late = *skeleton_->bss;
  ledger[LEDGER_recursion] +=
      less(bpf::recursion_misses(*programs.on_exec), late.execs_seen_late);
  if (exits_) {
    ledger[LEDGER_exit_missing] +=
        less(bpf::recursion_misses(*programs.on_exit), late.exits_seen_late);
  }
  ledger[LEDGER_target_table_full] += bpf::forks_missed(*skeleton_);
  ledger[LEDGER_failures_missed] += failures_missed();
  return ledger;
}

void Tracing::forget(int pid) {
  std::uint64_t key = static_cast<unsigned>(pid);
  // What is followed the kernel half forgets itself, and may have chosen the
  // next of that number.
  if (!filters_.follow_children) bpf::erase(skeleton_->maps.targets, key);
  bpf::erase(skeleton_->maps.targets, bpf::target_parent | key);
}

std::string_view Tracing::failures() const {
  switch (failures_) {
    case Failures::function_returns:
      return "failures: seen where execve() and execveat() return, at no cost "
             "for other system calls";
    case Failures::system_calls:
      return "failures: this kernel cannot trace functions, so every system "
             "call is looked at when it ends; --no-failed spares that";
    case Failures::left_out:
      break;
  }
  return "failures: left out";
}

std::uint64_t Tracing::map_memory() const {
  return bpf::map_memory(*skeleton_->obj);
}

}  // namespace sightline::execsnoop
