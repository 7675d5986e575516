// SPDX-License-Identifier: Apache-2.0
#include "cli/preflight.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>

#include "base/text.h"
#include "base/units.h"

namespace sightline::cli {
namespace {

// bpf_capable() and perfmon_capable(), include/linux/capability.h (5.8):
// CAP_SYS_ADMIN stands in for both, and before 5.8 it alone will do.
bool may_load_bpf(const SystemFacts& facts) {
  if (has_capability(facts, CAP_SYS_ADMIN)) return true;
  return knows_bpf_capability(facts) && has_capability(facts, CAP_BPF) &&
         has_capability(facts, CAP_PERFMON);
}

bool may_use_perf(const SystemFacts& facts) {
  if (!facts.initial_user_namespace) return false;
  if (has_capability(facts, CAP_SYS_ADMIN)) return true;
  return knows_bpf_capability(facts) && has_capability(facts, CAP_PERFMON);
}

// The binary as a word of a shell command.
std::string program_word(const SystemFacts& facts) {
  auto path = printable(facts.program);
  auto plain = std::ranges::all_of(path, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z') || std::string_view("/._+-").contains(c);
  });
  if (plain) return path;
  std::string quoted = "'";
  for (auto c : path) {
    if (c == '\'') quoted += "'\\'";
    quoted += c;
  }
  return quoted + "'";
}

// Root without a capability, and whoever is not in the first PID namespace, is
// in a container: there sudo and file capabilities give none that it lacks.
bool is_confined(const SystemFacts& facts) {
  return facts.user == 0 || !facts.initial_pid_namespace;
}

// Names of addresses come from packets, and from uprobes: some kernels want
// more than CAP_PERFMON for those (bpf::attach_to_function()).
constexpr cap_value_t capability_for_answers = CAP_NET_RAW;
constexpr cap_value_t capability_for_uprobes = CAP_SYS_ADMIN;

std::string container_hint(const Needs& needs, bool split_capabilities) {
  auto options =
      fmt::format("{}{} --pid=host",
                  split_capabilities ? "--cap-add BPF --cap-add PERFMON"
                                     : "--cap-add SYS_ADMIN",
                  needs.names ? " --cap-add NET_RAW" : "");
  auto hint = fmt::format("a container needs --privileged, or {}", options);
  if (needs.names && split_capabilities) {
    hint += "; getaddrinfo() may need --cap-add SYS_ADMIN too";
  }
  return hint;
}

std::string setcap_hint(const Needs& needs, bool split_capabilities,
                        const std::string& program) {
  // What default_keep() keeps; PERMISSIONS in man/sightline.7.in says the same.
  auto hint = fmt::format(
      "run it as root: sudo {}; or once: sudo setcap "
      "{},cap_sys_ptrace,cap_syslog,cap_dac_read_search{}+ep {}",
      program,
      split_capabilities ? "cap_bpf,cap_perfmon,cap_checkpoint_restore"
                         : "cap_sys_admin",
      needs.names ? ",cap_net_raw" : "", program);
  if (needs.names && split_capabilities) {
    hint += "; getaddrinfo() may need cap_sys_admin too";
  }
  return hint;
}

// What gives this process the capabilities.
std::string capability_hint(const Needs& needs, const SystemFacts& facts) {
  auto split_capabilities = knows_bpf_capability(facts);
  if (is_confined(facts)) return container_hint(needs, split_capabilities);
  return setcap_hint(needs, split_capabilities, program_word(facts));
}

// The kernel asks for these capabilities in its first user namespace
// (capable(), kernel/capability.c); what a rootless container shows counts for
// nothing.
Status check_user_namespace(const Needs& needs, const SystemFacts& facts) {
  if (!needs.bpf || facts.initial_user_namespace) return {};
  return fail(ErrorKind::permission,
              "capabilities of a user namespace do not permit BPF programs",
              fmt::format("run it on the host: sudo {}", program_word(facts)));
}

Status check_bpf_capability(const Needs& needs, const SystemFacts& facts) {
  if (!needs.bpf || may_load_bpf(facts)) return {};
  if (!knows_bpf_capability(facts)) {
    return fail(ErrorKind::permission,
                "loading BPF programs needs CAP_SYS_ADMIN on this kernel",
                capability_hint(needs, facts));
  }
  std::string_view lacks = "both are missing";
  if (has_capability(facts, CAP_BPF)) lacks = "CAP_PERFMON is missing";
  if (has_capability(facts, CAP_PERFMON)) lacks = "CAP_BPF is missing";
  return fail(ErrorKind::permission,
              fmt::format("loading BPF programs needs CAP_BPF and "
                          "CAP_PERFMON, {}",
                          lacks),
              capability_hint(needs, facts));
}

struct ParanoidLimit {
  int highest;  // value of the sysctl at which it is still allowed
  std::string_view what;
};

// perf_allow_cpu() and perf_allow_kernel(), include/linux/perf_event.h (5.5);
// values above 2, which forbid everything, are Debian's and Ubuntu's.
ParanoidLimit paranoid_limit(const Needs& needs) {
  if (needs.cpu_wide) return {0, "perf events on whole CPUs need"};
  if (needs.kernel_symbols) return {1, "perf events in the kernel need"};
  return {2, "perf events need"};
}

Status check_paranoid(const Needs& needs, const SystemFacts& facts) {
  if (!needs.perf || !facts.perf_event_paranoid) return {};
  auto limit = paranoid_limit(needs);
  if (may_use_perf(facts)) return {};
  if (*facts.perf_event_paranoid <= limit.highest) return {};
  return fail(
      ErrorKind::permission,
      fmt::format("{} {}, or kernel.perf_event_paranoid at most {}; it is {}",
                  limit.what,
                  knows_bpf_capability(facts) ? "CAP_PERFMON" : "CAP_SYS_ADMIN",
                  limit.highest, *facts.perf_event_paranoid),
      fmt::format("on the host: sudo sysctl kernel.perf_event_paranoid={}",
                  limit.highest));
}

// LOCKDOWN_BPF_READ_KERNEL stands under confidentiality (include/linux/
// security.h, 5.4); the mode can be raised at run time but never lowered.
Status check_lockdown(const Needs& needs, const SystemFacts& facts) {
  if (!needs.bpf || facts.lockdown != "confidentiality") return {};
  return fail(ErrorKind::permission,
              "kernel lockdown is at confidentiality, where BPF programs may "
              "not read kernel memory",
              "boot with lockdown=integrity on the kernel's command line");
}

Status check_memlock(const Needs& needs, const SystemFacts& facts) {
  if (!needs.bpf || !facts.charges_memlock) return {};
  if (has_capability(facts, CAP_SYS_RESOURCE)) return {};
  if (facts.memlock_limit >= needs.memlock_bytes) return {};
  return fail(
      ErrorKind::permission,
      fmt::format("this kernel charges BPF maps to RLIMIT_MEMLOCK: {} are "
                  "needed, the hard limit is {} and raising it needs "
                  "CAP_SYS_RESOURCE",
                  format_bytes(needs.memlock_bytes),
                  format_bytes(facts.memlock_limit)),
      is_confined(facts)
          ? std::string("a container needs --ulimit memlock=-1")
          : fmt::format("run it as root: sudo {}", program_word(facts)));
}

Status check_kernel(const Needs& needs, const SystemFacts& facts) {
  if (needs.bpf && !facts.unprivileged_bpf_disabled) {
    return fail(ErrorKind::unsupported, "this kernel has no BPF",
                "a kernel with CONFIG_BPF_SYSCALL=y has");
  }
  if (needs.perf && !facts.perf_event_paranoid) {
    return fail(ErrorKind::unsupported, "this kernel has no perf events",
                "a kernel with CONFIG_PERF_EVENTS=y has");
  }
  if (needs.btf && !facts.kernel_btf) {
    return fail(ErrorKind::unsupported,
                "this kernel carries no BTF (/sys/kernel/btf/vmlinux)",
                "give the BTF made for it with --btf FILE");
  }
  if (needs.tracefs && facts.tracefs.empty()) {
    return fail(ErrorKind::unsupported, "tracefs is not mounted",
                "sudo mount -t tracefs none /sys/kernel/tracing");
  }
  return {};
}

Status check_hardware(const Needs& needs, const SystemFacts& facts) {
  if (!needs.pmu || facts.hardware_pmu) return {};
  return fail(ErrorKind::unsupported,
              "this machine has no hardware counters, as many virtual ones",
              "software events work: -e cpu-clock, -e page-faults");
}

// kallsyms_show_value(), kernel/ksyms_common.c (6.4; kernel/kallsyms.c before).
bool shows_kernel_addresses(const SystemFacts& facts) {
  auto restricted = facts.kptr_restrict.value_or(0);
  if (restricted == 0 && facts.perf_event_paranoid.value_or(2) <= 1) {
    return true;
  }
  return restricted <= 1 && facts.initial_user_namespace &&
         has_capability(facts, CAP_SYSLOG);
}

std::string kernel_symbols_note(const SystemFacts& facts) {
  if (facts.kptr_restrict.value_or(0) > 1) {
    return fmt::format(
        "kernel.kptr_restrict is {}: kernel functions stay unnamed (sudo "
        "sysctl kernel.kptr_restrict=1)",
        *facts.kptr_restrict);
  }
  return fmt::format(
      "no CAP_SYSLOG, with kernel.kptr_restrict {} and "
      "kernel.perf_event_paranoid {}: kernel functions stay unnamed",
      facts.kptr_restrict.value_or(0), facts.perf_event_paranoid.value_or(2));
}

std::string paranoid_note(const SystemFacts& facts) {
  auto value = *facts.perf_event_paranoid;
  if (!may_use_perf(facts)) {
    return fmt::format("kernel.perf_event_paranoid is {}", value);
  }
  if (value > 2 && !has_capability(facts, CAP_SYS_ADMIN)) {
    return fmt::format(
        "kernel.perf_event_paranoid is {}: some distributions then ask for "
        "CAP_SYS_ADMIN beside CAP_PERFMON",
        value);
  }
  return fmt::format(
      "kernel.perf_event_paranoid is {}, which does not bind this process",
      value);
}

}  // namespace

Status check_mounts(const SystemFacts& facts) {
  if (!facts.procfs) {
    return fail(ErrorKind::unsupported, "/proc is not mounted",
                "mount -t proc proc /proc");
  }
  if (!facts.sysfs) {
    return fail(ErrorKind::unsupported, "/sys is not mounted",
                "mount -t sysfs sysfs /sys");
  }
  return {};
}

Status preflight(const Needs& needs, const SystemFacts& facts) {
  for (auto check :
       {check_user_namespace, check_bpf_capability, check_paranoid,
        check_lockdown, check_memlock, check_kernel, check_hardware}) {
    SL_CHECK(check(needs, facts));
  }
  return {};
}

Error with_capability_hint(Error error, const Needs& needs,
                           const SystemFacts& facts) {
  bool has_all =
      may_load_bpf(facts) &&
      (!needs.names || (has_capability(facts, capability_for_answers) &&
                        has_capability(facts, capability_for_uprobes)));
  if (error.kind == ErrorKind::permission && !has_all) {
    error.hint = capability_hint(needs, facts);
  }
  return error;
}

std::vector<std::string> preflight_notes(const Needs& needs,
                                         const SystemFacts& facts) {
  std::vector<std::string> notes;
  if (needs.kernel_symbols && !shows_kernel_addresses(facts)) {
    notes.push_back(kernel_symbols_note(facts));
  }
  if (!has_capability(facts, CAP_SYS_PTRACE)) {
    notes.emplace_back(
        "no CAP_SYS_PTRACE: mappings of other users' processes cannot be read, "
        "their functions stay unnamed");
  }
  if (needs.perf && facts.perf_event_paranoid) {
    notes.push_back(paranoid_note(facts));
  }
  if (facts.lockdown == "integrity") {
    notes.emplace_back(
        "kernel lockdown is at integrity, which permits all that is used here");
  }
  if (!facts.initial_pid_namespace) {
    notes.emplace_back(
        "not in the first PID namespace: processes outside this one stay "
        "unnamed (a container needs --pid=host)");
  }
  if (needs.bpf && facts.charges_memlock) {
    notes.push_back(fmt::format(
        "this kernel charges BPF maps to RLIMIT_MEMLOCK ({} are needed)",
        format_bytes(needs.memlock_bytes)));
  }
  return notes;
}

std::uint64_t raise_memlock() {
  rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0) return RLIM_INFINITY;
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0) return 0;
  rlimit raised{limit.rlim_max, limit.rlim_max};
  if (setrlimit(RLIMIT_MEMLOCK, &raised) < 0) return limit.rlim_cur;
  return raised.rlim_cur;
}

}  // namespace sightline::cli
