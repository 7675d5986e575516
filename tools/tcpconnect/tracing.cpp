// SPDX-License-Identifier: Apache-2.0
#include "tracing.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

#include "container/cgroup.h"
#include "tcpconnect.skel.h"

namespace sightline::tcpconnect {
namespace {

bpf::FilterChoice filters_of(const Options& options, pid_t command_pid) {
  const auto& common = options.common;
  bpf::FilterChoice choice{.uid = common.uid,
                           .by_cgroup = !common.cgroup.empty(),
                           .follow_children = command_pid > 0};
  for (int pid : common.pids) {
    choice.targets.push_back(static_cast<unsigned>(pid));
  }
  if (command_pid > 0) {
    choice.targets.push_back(static_cast<unsigned>(command_pid));
  }
  return choice;
}

std::uint16_t family_of(const Options& options) {
  if (options.ipv4_only) return AF_INET;
  return options.ipv6_only ? AF_INET6 : 0;
}

}  // namespace

Tracing::Tracing() = default;
Tracing::Tracing(Tracing&&) noexcept = default;
Tracing& Tracing::operator=(Tracing&&) noexcept = default;
Tracing::~Tracing() = default;

void Tracing::SkeletonCloser::operator()(tcpconnect_bpf* skeleton) const {
  tcpconnect_bpf::destroy(skeleton);
}

Result<Tracing> Tracing::open(const Options& options, pid_t command_pid) {
  Tracing tracing;
  auto skeleton =
      SL_TRY(bpf::open_skeleton<tcpconnect_bpf>(options.common.btf));
  tracing.skeleton_.reset(skeleton.release());
  tracing.filters_ = filters_of(options, command_pid);
  tracing.choose_failures(options);
  tracing.configure(options);
  SL_CHECK(bpf::load_skeleton(*tracing.skeleton_));
  SL_CHECK(tracing.fill(options));
  return tracing;
}

// By the return of the functions behind the system calls, which costs nobody
// else. A function that the kernel lacks, as those of 32-bit programs, or that
// the compiler has dissolved is left out.
void Tracing::choose_failures(const Options& options) {
  auto& programs = skeleton_->progs;
  const std::array<std::pair<bpf_program*, const char*>, 5> returns{
      {{programs.after_connect, "__x64_sys_connect"},
       {programs.after_compat_connect, "__ia32_sys_connect"},
       {programs.after_compat_socketcall, "__ia32_compat_sys_socketcall"},
       {programs.after_connect_file, "__sys_connect_file"},
       {programs.after_fast_open, "__inet_stream_connect"}}};
  by_functions_ = options.common.btf.empty() &&
                  bpf::can_trace_return(returns.front().second);
  bpf::set_autoload(programs.on_return, !by_functions_);
  for (const auto& [program, name] : returns) {
    bpf::set_autoload(program, by_functions_ && bpf::can_trace_return(name));
  }
}

void Tracing::configure(const Options& options) {
  const auto& common = options.common;
  bpf::configure_filters(*skeleton_, filters_);
  auto& settings = *skeleton_->rodata;
  settings.want_ancestry = options.needs_ancestry();
  settings.want_failed_only = common.failed_only;
  settings.filter_ports = !options.ports.empty();
  settings.wanted_family = family_of(options);
  settings.least_latency_ns = common.min_ns.value_or(0);
  settings.most_latency_ns = common.max_ns.value_or(UINT64_MAX);
  settings.everybody =
      filters_.targets.empty() && !common.uid && common.cgroup.empty();
  if (options.needs_ancestry()) {
    bpf::set_max_entries(skeleton_->maps.ancestries, CONNECT_MOST_ATTEMPTS);
  }
  if (!options.ports.empty()) {
    bpf::set_max_entries(skeleton_->maps.ports,
                         static_cast<std::uint32_t>(options.ports.size()));
  }
}

Status Tracing::fill(const Options& options) {
  for (std::uint16_t port : options.ports) {
    SL_CHECK(bpf::put(skeleton_->maps.ports, port, std::uint8_t{1}));
  }
  UniqueFd cgroup;
  if (filters_.by_cgroup) {
    cgroup = SL_TRY(container::open_cgroup(options.common.cgroup)).fd;
  }
  return bpf::fill_filters(*skeleton_, filters_, cgroup.get());
}

Status Tracing::attach(const bpf_program* program) {
  if (bpf::fd_of(program) < 0) return {};
  links_.push_back(SL_TRY(bpf::attach(*program)));
  return {};
}

Status Tracing::start() {
  const auto& programs = skeleton_->progs;
  if (filters_.follow_children) {
    for (auto& link : SL_TRY(bpf::follow_children(*skeleton_))) {
      links_.push_back(std::move(link));
    }
  }
  // Ends before starts; and the second one of the socket's states sees what the
  // first was kept from.
  for (const auto* program :
       {programs.on_destroy, programs.on_retransmit, programs.after_connect,
        programs.after_compat_connect, programs.after_compat_socketcall,
        programs.after_connect_file, programs.after_fast_open,
        programs.on_return, programs.on_state, programs.on_state_again}) {
    SL_CHECK(attach(program));
  }
  return {};
}

int Tracing::ring() const { return bpf::fd_of(skeleton_->maps.events); }

Result<bpf::Ledger> Tracing::ledger() const {
  auto ledger =
      bpf::sum(SL_TRY(bpf::read_ledgers(bpf::fd_of(skeleton_->maps.ledger))));
  const auto& programs = skeleton_->progs;
  ledger[LEDGER_target_table_full] += bpf::forks_missed(*skeleton_);
  // At most: both may have missed different ones, and those of no interest.
  ledger[LEDGER_changes_missed] +=
      std::min(bpf::recursion_misses(*programs.on_state),
               bpf::recursion_misses(*programs.on_state_again)) +
      bpf::recursion_misses(*programs.on_destroy);
  ledger[LEDGER_failures_missed] += failures_missed();
  ledger[LEDGER_attempts_unfollowed] += static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, skeleton_->bss->unfollowed));
  return ledger;
}

// Of a program on the way of many calls nobody knows which one it missed.
std::uint64_t Tracing::failures_missed() const {
  const auto& programs = skeleton_->progs;
  std::uint64_t missed = 0;
  for (const auto* program :
       {programs.on_return, programs.after_connect,
        programs.after_compat_connect, programs.after_compat_socketcall,
        programs.after_connect_file, programs.after_fast_open}) {
    if (bpf::fd_of(program) >= 0) missed += bpf::recursion_misses(*program);
  }
  return missed;
}

Result<std::vector<connect_record>> Tracing::open_attempts() const {
  return bpf::read_all<connect_record>(skeleton_->maps.attempts);
}

Result<std::vector<connect_ancestry>> Tracing::open_ancestries() const {
  if (!skeleton_->rodata->want_ancestry) return std::vector<connect_ancestry>();
  return bpf::read_all<connect_ancestry>(skeleton_->maps.ancestries);
}

void Tracing::forget(int pid) {
  // What is followed the kernel half forgets itself, and may have chosen the
  // next of that number.
  if (filters_.follow_children) return;
  bpf::erase(skeleton_->maps.targets,
             std::uint64_t{static_cast<unsigned>(pid)});
}

std::string_view Tracing::failures() const {
  return by_functions_
             ? "calls that fail at once: seen where connect() returns, at no "
               "cost for other system calls"
             : "calls that fail at once: this kernel cannot trace functions, "
               "so "
               "every system call is looked at when it ends";
}

std::uint64_t Tracing::map_memory() const {
  return bpf::map_memory(*skeleton_->obj);
}

}  // namespace sightline::tcpconnect
