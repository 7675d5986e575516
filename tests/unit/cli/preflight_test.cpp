// SPDX-License-Identifier: Apache-2.0
#include "cli/preflight.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <ostream>

namespace sightline::cli {
namespace {

constexpr std::uint64_t bit(int capability) { return 1ULL << capability; }
constexpr std::uint64_t every_capability = bit(CAP_LAST_CAP + 1) - 1;
constexpr std::uint64_t mib = 1U << 20;

// A recent kernel on a physical machine with nothing in the way.
SystemFacts root_facts() {
  SystemFacts facts;
  facts.program = "/usr/bin/cpuprof";
  facts.kernel = "6.12.0 x86_64";
  facts.capabilities = every_capability;
  facts.last_capability = CAP_LAST_CAP;
  facts.perf_event_paranoid = 2;
  facts.kptr_restrict = 0;
  facts.unprivileged_bpf_disabled = 2;
  facts.lockdown = "none";
  facts.memlock_limit = 8 * mib;
  facts.kernel_btf = true;
  facts.hardware_pmu = true;
  facts.tracefs = "/sys/kernel/tracing";
  return facts;
}

SystemFacts user_facts() {
  auto facts = root_facts();
  facts.user = 1000;
  facts.capabilities = 0;
  return facts;
}

Needs all_needs() {
  Needs needs;
  needs.bpf = needs.perf = needs.cpu_wide = needs.kernel_symbols = true;
  needs.btf = needs.tracefs = needs.pmu = true;
  needs.memlock_bytes = 16 * mib;
  return needs;
}

Needs perf_needs() {
  Needs needs;
  needs.perf = true;
  return needs;
}

struct Case {
  const char* name;
  std::function<void(Needs&, SystemFacts&)> change;  // from all_needs, root
  const char* what;  // empty: nothing in the way
  const char* hint = "";
  ErrorKind kind = ErrorKind::permission;
};

void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

class Preflight : public testing::TestWithParam<Case> {};

TEST_P(Preflight, SaysOneThing) {
  auto needs = all_needs();
  auto facts = root_facts();
  GetParam().change(needs, facts);
  auto status = preflight(needs, facts);
  if (*GetParam().what == '\0') {
    EXPECT_TRUE(status) << status.error().what;
    return;
  }
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().what, GetParam().what);
  EXPECT_EQ(status.error().hint, GetParam().hint);
  EXPECT_EQ(status.error().kind, GetParam().kind);
}

constexpr auto both_missing =
    "loading BPF programs needs CAP_BPF and CAP_PERFMON, both are missing";
constexpr auto sudo_hint =
    "run it as root: sudo /usr/bin/cpuprof; or once: sudo setcap "
    "cap_bpf,cap_perfmon,cap_checkpoint_restore,cap_sys_ptrace,cap_syslog,"
    "cap_dac_read_search+ep /usr/bin/cpuprof";
constexpr auto sudo_names_hint =
    "run it as root: sudo /usr/bin/cpuprof; or once: sudo setcap "
    "cap_bpf,cap_perfmon,cap_checkpoint_restore,cap_sys_ptrace,cap_syslog,"
    "cap_dac_read_search,cap_net_raw+ep /usr/bin/cpuprof; getaddrinfo() may "
    "need cap_sys_admin too";
constexpr auto container_hint =
    "a container needs --privileged, or --cap-add BPF --cap-add PERFMON "
    "--pid=host";

const Case capability_cases[] = {
    {"Root", [](Needs&, SystemFacts&) {}, ""},
    {"BpfAndPerfmonSuffice",
     [](Needs&, SystemFacts& facts) {
       facts = user_facts();
       facts.capabilities = bit(CAP_BPF) | bit(CAP_PERFMON);
     },
     ""},
    {"SysAdminImpliesBoth",
     [](Needs&, SystemFacts& facts) {
       facts = user_facts();
       facts.capabilities = bit(CAP_SYS_ADMIN);
     },
     ""},
    {"UserWithNone", [](Needs&, SystemFacts& facts) { facts = user_facts(); },
     both_missing, sudo_hint},
    {"UserWithBpfOnly",
     [](Needs&, SystemFacts& facts) {
       facts = user_facts();
       facts.capabilities = bit(CAP_BPF);
     },
     "loading BPF programs needs CAP_BPF and CAP_PERFMON, CAP_PERFMON is "
     "missing",
     sudo_hint},
    {"UserWithPerfmonOnly",
     [](Needs&, SystemFacts& facts) {
       facts = user_facts();
       facts.capabilities = bit(CAP_PERFMON);
     },
     "loading BPF programs needs CAP_BPF and CAP_PERFMON, CAP_BPF is missing",
     sudo_hint},
    {"OldKernelKnowsSysAdminOnly",
     [](Needs&, SystemFacts& facts) {
       facts = user_facts();
       facts.last_capability = CAP_AUDIT_READ;
     },
     "loading BPF programs needs CAP_SYS_ADMIN on this kernel",
     "run it as root: sudo /usr/bin/cpuprof; or once: sudo setcap "
     "cap_sys_admin,cap_sys_ptrace,cap_syslog,cap_dac_read_search+ep "
     "/usr/bin/cpuprof"},
    {"UserWhoWantsNames",
     [](Needs& needs, SystemFacts& facts) {
       needs.names = true;
       facts = user_facts();
     },
     both_missing, sudo_names_hint},
    {"OldKernelsUserWhoWantsNames",
     [](Needs& needs, SystemFacts& facts) {
       needs.names = true;
       facts = user_facts();
       facts.last_capability = CAP_AUDIT_READ;
     },
     "loading BPF programs needs CAP_SYS_ADMIN on this kernel",
     "run it as root: sudo /usr/bin/cpuprof; or once: sudo setcap "
     "cap_sys_admin,cap_sys_ptrace,cap_syslog,cap_dac_read_search,cap_net_raw"
     "+ep /usr/bin/cpuprof"},
    {"ContainerThatWantsNames",
     [](Needs& needs, SystemFacts& facts) {
       needs.names = true;
       facts.capabilities = 0;
     },
     both_missing,
     "a container needs --privileged, or --cap-add BPF --cap-add PERFMON "
     "--cap-add NET_RAW --pid=host; getaddrinfo() may need --cap-add SYS_ADMIN "
     "too"},
    {"NamesAreNoConditionHere",
     [](Needs& needs, SystemFacts& facts) {
       needs.names = true;
       facts = user_facts();
       facts.capabilities = bit(CAP_BPF) | bit(CAP_PERFMON);
     },
     ""},
    {"ConfinedRoot",
     [](Needs&, SystemFacts& facts) { facts.capabilities = bit(CAP_CHOWN); },
     both_missing, container_hint},
    {"UserInAContainer",
     [](Needs&, SystemFacts& facts) {
       facts = user_facts();
       facts.initial_pid_namespace = false;
     },
     both_missing, container_hint},
    {"OldKernelsContainer",
     [](Needs&, SystemFacts& facts) {
       facts.capabilities = 0;
       facts.last_capability = CAP_AUDIT_READ;
     },
     "loading BPF programs needs CAP_SYS_ADMIN on this kernel",
     "a container needs --privileged, or --cap-add SYS_ADMIN --pid=host"},
    {"RootOfAUserNamespace",
     [](Needs&, SystemFacts& facts) { facts.initial_user_namespace = false; },
     "capabilities of a user namespace do not permit BPF programs",
     "run it on the host: sudo /usr/bin/cpuprof"},
    {"PathThatAShellWouldSplit",
     [](Needs&, SystemFacts& facts) {
       facts.initial_user_namespace = false;
       facts.program = "/home/o'neil/my tools/cpuprof";
     },
     "capabilities of a user namespace do not permit BPF programs",
     "run it on the host: sudo '/home/o'\\''neil/my tools/cpuprof'"},
    {"PermissionComesBeforeFeature",
     [](Needs&, SystemFacts& facts) {
       facts = user_facts();
       facts.kernel_btf = false;
       facts.unprivileged_bpf_disabled.reset();
     },
     both_missing, sudo_hint},
};

const Case perf_cases[] = {
    {"OwnProcessesAtTwo",
     [](Needs& needs, SystemFacts& facts) {
       needs = perf_needs();
       facts = user_facts();
     },
     ""},
    {"OwnProcessesAtThree",
     [](Needs& needs, SystemFacts& facts) {
       needs = perf_needs();
       facts = user_facts();
       facts.perf_event_paranoid = 3;
     },
     "perf events need CAP_PERFMON, or kernel.perf_event_paranoid at most 2; "
     "it is 3",
     "on the host: sudo sysctl kernel.perf_event_paranoid=2"},
    {"KernelSideAtTwo",
     [](Needs& needs, SystemFacts& facts) {
       needs = perf_needs();
       needs.kernel_symbols = true;
       facts = user_facts();
     },
     "perf events in the kernel need CAP_PERFMON, or "
     "kernel.perf_event_paranoid at most 1; it is 2",
     "on the host: sudo sysctl kernel.perf_event_paranoid=1"},
    {"WholeCpusAtZero",
     [](Needs& needs, SystemFacts& facts) {
       needs = perf_needs();
       needs.cpu_wide = true;
       facts = user_facts();
       facts.perf_event_paranoid = 0;
     },
     ""},
    {"WholeCpusAtOneOnAnOldKernel",
     [](Needs& needs, SystemFacts& facts) {
       needs = perf_needs();
       needs.cpu_wide = true;
       facts = user_facts();
       facts.perf_event_paranoid = 1;
       facts.last_capability = CAP_AUDIT_READ;
     },
     "perf events on whole CPUs need CAP_SYS_ADMIN, or "
     "kernel.perf_event_paranoid at most 0; it is 1",
     "on the host: sudo sysctl kernel.perf_event_paranoid=0"},
    {"PerfmonOverridesTheSysctl",
     [](Needs& needs, SystemFacts& facts) {
       needs = perf_needs();
       needs.cpu_wide = true;
       facts = user_facts();
       facts.perf_event_paranoid = 4;
       facts.capabilities = bit(CAP_PERFMON);
     },
     ""},
    {"ButNotFromAUserNamespace",
     [](Needs& needs, SystemFacts& facts) {
       needs = perf_needs();
       needs.cpu_wide = true;
       facts.initial_user_namespace = false;
     },
     "perf events on whole CPUs need CAP_PERFMON, or "
     "kernel.perf_event_paranoid at most 0; it is 2",
     "on the host: sudo sysctl kernel.perf_event_paranoid=0"},
};

constexpr auto memlock_what =
    "this kernel charges BPF maps to RLIMIT_MEMLOCK: 16.0 MiB are needed, the "
    "hard limit is 8.0 MiB and raising it needs CAP_SYS_RESOURCE";

const Case limit_cases[] = {
    {"Integrity",
     [](Needs&, SystemFacts& facts) { facts.lockdown = "integrity"; }, ""},
    {"Confidentiality",
     [](Needs&, SystemFacts& facts) { facts.lockdown = "confidentiality"; },
     "kernel lockdown is at confidentiality, where BPF programs may not read "
     "kernel memory",
     "boot with lockdown=integrity on the kernel's command line"},
    {"ConfidentialityWithoutBpf",
     [](Needs& needs, SystemFacts& facts) {
       needs = perf_needs();
       facts.lockdown = "confidentiality";
     },
     ""},
    {"ChargedButRaisable",
     [](Needs&, SystemFacts& facts) { facts.charges_memlock = true; }, ""},
    {"NotChargedAndNotRaisable",
     [](Needs&, SystemFacts& facts) {
       facts.capabilities &= ~bit(CAP_SYS_RESOURCE);
     },
     ""},
    {"ChargedAndNotRaisableButEnough",
     [](Needs&, SystemFacts& facts) {
       facts.charges_memlock = true;
       facts.capabilities &= ~bit(CAP_SYS_RESOURCE);
       facts.memlock_limit = 16 * mib;
     },
     ""},
    {"ChargedToAConfinedRoot",
     [](Needs&, SystemFacts& facts) {
       facts.charges_memlock = true;
       facts.capabilities &= ~bit(CAP_SYS_RESOURCE);
     },
     memlock_what, "a container needs --ulimit memlock=-1"},
    {"ChargedToAUserWithFileCapabilities",
     [](Needs&, SystemFacts& facts) {
       facts = user_facts();
       facts.charges_memlock = true;
       facts.capabilities = bit(CAP_BPF) | bit(CAP_PERFMON);
     },
     memlock_what, "run it as root: sudo /usr/bin/cpuprof"},
};

const Case feature_cases[] = {
    {"NoBpf",
     [](Needs&, SystemFacts& facts) {
       facts.unprivileged_bpf_disabled.reset();
     },
     "this kernel has no BPF", "a kernel with CONFIG_BPF_SYSCALL=y has",
     ErrorKind::unsupported},
    {"NoPerfEvents",
     [](Needs&, SystemFacts& facts) { facts.perf_event_paranoid.reset(); },
     "this kernel has no perf events", "a kernel with CONFIG_PERF_EVENTS=y has",
     ErrorKind::unsupported},
    {"NoBtf", [](Needs&, SystemFacts& facts) { facts.kernel_btf = false; },
     "this kernel carries no BTF (/sys/kernel/btf/vmlinux)",
     "give the BTF made for it with --btf FILE", ErrorKind::unsupported},
    {"NoBtfButAFile",
     [](Needs& needs, SystemFacts& facts) {
       facts.kernel_btf = false;
       needs.btf = false;
     },
     ""},
    {"NoTracefs", [](Needs&, SystemFacts& facts) { facts.tracefs.clear(); },
     "tracefs is not mounted", "sudo mount -t tracefs none /sys/kernel/tracing",
     ErrorKind::unsupported},
    {"NoPmu", [](Needs&, SystemFacts& facts) { facts.hardware_pmu = false; },
     "this machine has no hardware counters, as many virtual ones",
     "software events work: -e cpu-clock, -e page-faults",
     ErrorKind::unsupported},
    {"NothingNeeded",
     [](Needs& needs, SystemFacts& facts) {
       needs = {};
       facts = {};
       facts.initial_user_namespace = false;
       facts.charges_memlock = true;
       facts.memlock_limit = 0;
     },
     ""},
};

std::string case_name(const testing::TestParamInfo<Case>& info) {
  return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(Capability, Preflight,
                         testing::ValuesIn(capability_cases), case_name);
INSTANTIATE_TEST_SUITE_P(Perf, Preflight, testing::ValuesIn(perf_cases),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Limit, Preflight, testing::ValuesIn(limit_cases),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Feature, Preflight, testing::ValuesIn(feature_cases),
                         case_name);

TEST(CapabilityHint, TellsOfAllThatIsNeeded) {
  auto needs = all_needs();
  needs.names = true;
  auto facts = user_facts();
  facts.capabilities = bit(CAP_BPF) | bit(CAP_PERFMON);
  Error error{ErrorKind::permission, EPERM, "no names", "its own"};
  auto hinted = with_capability_hint(error, needs, facts);
  EXPECT_EQ(hinted.what, "no names");
  EXPECT_EQ(hinted.kind, ErrorKind::permission);
  EXPECT_EQ(hinted.hint, sudo_names_hint);
}

TEST(CapabilityHint, IsNoneForOtherFailuresAndForWhoHasThemAll) {
  auto needs = all_needs();
  needs.names = true;
  Error forbidden{ErrorKind::permission, EPERM, "no names", "its own"};
  EXPECT_EQ(with_capability_hint(forbidden, needs, root_facts()).hint,
            "its own");
  Error other{ErrorKind::unsupported, 0, "no names", "its own"};
  EXPECT_EQ(with_capability_hint(other, needs, user_facts()).hint, "its own");
}

TEST(CheckMounts, SaysWhichIsMissingAndHowToMountIt) {
  SystemFacts facts;
  auto neither = check_mounts(facts);
  ASSERT_FALSE(neither);
  EXPECT_EQ(neither.error().kind, ErrorKind::unsupported);
  EXPECT_EQ(neither.error().what, "/proc is not mounted");
  EXPECT_EQ(neither.error().hint, "mount -t proc proc /proc");
  facts.procfs = true;
  auto no_sys = check_mounts(facts);
  ASSERT_FALSE(no_sys);
  EXPECT_EQ(no_sys.error().kind, ErrorKind::unsupported);
  EXPECT_EQ(no_sys.error().what, "/sys is not mounted");
  EXPECT_EQ(no_sys.error().hint, "mount -t sysfs sysfs /sys");
  facts.sysfs = true;
  EXPECT_TRUE(check_mounts(facts));
}

using Notes = std::vector<std::string>;

TEST(PreflightNotes, RootHasNothingButTheSysctl) {
  EXPECT_EQ(preflight_notes(all_needs(), root_facts()),
            Notes{"kernel.perf_event_paranoid is 2, which does not bind this "
                  "process"});
  EXPECT_EQ(preflight_notes({}, root_facts()), Notes{});
}

TEST(PreflightNotes, SaysWhatFileCapabilitiesLeaveOut) {
  auto facts = user_facts();
  facts.capabilities = bit(CAP_BPF) | bit(CAP_PERFMON);
  facts.perf_event_paranoid = 4;
  EXPECT_EQ(
      preflight_notes(all_needs(), facts),
      (Notes{"no CAP_SYSLOG, with kernel.kptr_restrict 0 and "
             "kernel.perf_event_paranoid 4: kernel functions stay unnamed",
             "no CAP_SYS_PTRACE: mappings of other users' processes cannot be "
             "read, their functions stay unnamed",
             "kernel.perf_event_paranoid is 4: some distributions then ask for "
             "CAP_SYS_ADMIN beside CAP_PERFMON"}));
}

TEST(PreflightNotes, SaysWhatAContainerOnAnOldHardenedHostLacks) {
  auto facts = root_facts();
  facts.kptr_restrict = 2;
  facts.lockdown = "integrity";
  facts.initial_pid_namespace = false;
  facts.charges_memlock = true;
  facts.perf_event_paranoid.reset();
  EXPECT_EQ(
      preflight_notes(all_needs(), facts),
      (Notes{"kernel.kptr_restrict is 2: kernel functions stay unnamed (sudo "
             "sysctl kernel.kptr_restrict=1)",
             "kernel lockdown is at integrity, which permits all that is used "
             "here",
             "not in the first PID namespace: processes outside this one stay "
             "unnamed (a container needs --pid=host)",
             "this kernel charges BPF maps to RLIMIT_MEMLOCK (16.0 MiB are "
             "needed)"}));
}

// The table of kallsyms_show_value(): kptr_restrict, paranoid, CAP_SYSLOG.
TEST(PreflightNotes, KnowsWhenTheKernelShowsItsAddresses) {
  struct {
    int restrict, paranoid;
    bool syslog, shown;
  } const table[] = {
      {0, 1, false, true},   {0, 2, false, false}, {0, 2, true, true},
      {1, -1, false, false}, {1, -1, true, true},  {2, -1, true, false},
  };
  Needs needs;
  needs.kernel_symbols = true;
  for (const auto& row : table) {
    auto facts = root_facts();
    facts.kptr_restrict = row.restrict;
    facts.perf_event_paranoid = row.paranoid;
    if (!row.syslog) facts.capabilities &= ~bit(CAP_SYSLOG);
    EXPECT_EQ(preflight_notes(needs, facts).empty(), row.shown)
        << row.restrict << ' ' << row.paranoid << ' ' << row.syslog;
  }
}

TEST(RaiseMemlock, GoesAsFarAsItMay) {
  auto child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    rlimit limit{};
    getrlimit(RLIMIT_MEMLOCK, &limit);
    auto highest = limit.rlim_max;
    limit.rlim_cur = 4096;
    setrlimit(RLIMIT_MEMLOCK, &limit);
    auto raised = raise_memlock();
    getrlimit(RLIMIT_MEMLOCK, &limit);
    bool fine = raised == limit.rlim_cur &&
                (raised == highest || raised == RLIM_INFINITY);
    _exit(fine ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace sightline::cli
