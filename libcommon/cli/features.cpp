// SPDX-License-Identifier: Apache-2.0
#include "cli/features.h"

#include <dirent.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <memory>
#include <system_error>

#include "base/file.h"
#include "base/handle.h"
#include "base/mount.h"
#include "base/text.h"
#include "base/units.h"

namespace sightline::cli {
namespace {

// PROC_USER_INIT_INO and PROC_PID_INIT_INO, include/linux/proc_ns.h (3.8).
constexpr std::string_view initial_user_link = "user:[4026531837]";
constexpr std::string_view initial_pid_link = "pid:[4026531836]";
constexpr std::size_t max_mountinfo = 16U << 20;

bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

std::string read_link(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::read_symlink(path, ignored).string();
}

std::string read_text(const std::string& path) {
  return read_file(path, max_mountinfo).value_or("");
}

std::optional<int> to_number(std::string_view text) {
  int number = 0;
  text = trim(text);
  auto end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

std::optional<int> read_sysctl(const std::string& root, std::string_view name) {
  return to_number(read_text(fmt::format("{}/proc/sys/kernel/{}", root, name)));
}

// The mode in force stands in brackets: `none [integrity] confidentiality`.
std::string bracketed(std::string_view text) {
  auto open = text.find('[');
  auto close = text.find(']', open);
  if (close == std::string_view::npos) return {};
  return std::string(text.substr(open + 1, close - open - 1));
}

// A namespace that cannot be read is taken for the initial one: kernels built
// without namespaces have no such link.
bool is_initial(const std::string& link, std::string_view initial) {
  return link.empty() || link == initial;
}

std::string kernel_name() {
  utsname name{};
  if (uname(&name) < 0) return {};
  return fmt::format("{} {}", name.release, name.machine);
}

std::uint64_t memlock_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0) return UINT64_MAX;
  static_assert(RLIM_INFINITY == UINT64_MAX);
  return limit.rlim_max;
}

// BPF memory went from RLIMIT_MEMLOCK to the memory cgroup in 5.11, the release
// that also brought the helper ktime_get_coarse_ns: libbpf decides by it too
// (probe_memcg_account, src/bpf.c, 1.1). A socket filter that calls it and
// exits is refused with EINVAL exactly where the helper is unknown.
bool charges_memlock() {
  std::array<bpf_insn, 2> program{};
  program[0].code = BPF_JMP | BPF_CALL;
  program[0].imm = BPF_FUNC_ktime_get_coarse_ns;
  program[1].code = BPF_JMP | BPF_EXIT;
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attributes.insns = reinterpret_cast<std::uintptr_t>(program.data());
  attributes.insn_cnt = program.size();
  attributes.license = reinterpret_cast<std::uintptr_t>("GPL");
  UniqueFd loaded(static_cast<int>(
      syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes))));
  return !loaded && errno == EINVAL;
}

// The effective set, from capget(2): two words of 32 bits, the low one first
// (include/uapi/linux/capability.h, 5.10). What libcap knows of ends with the
// capabilities of its own day.
std::uint64_t own_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3,
                                  .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> words{};
  if (syscall(SYS_capget, &header, words.data()) < 0) return 0;
  return words[0].effective | std::uint64_t{words[1].effective} << 32U;
}

// The kernel refuses to tell of those that it does not know, whoever asks
// (PR_CAPBSET_READ, security/commoncap.c, 5.10).
int last_known_capability() {
  int next = 0;
  while (prctl(PR_CAPBSET_READ, next, 0, 0, 0) >= 0) ++next;
  return std::max(next - 1, 0);
}

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

// A core PMU is called `cpu` or has a file `cpus`, as on ARM and hybrid x86
// (is_pmu_core, tools/perf/util/pmu.c, 6.5); uncore ones have a `cpumask`.
bool has_hardware_pmu(const std::string& root) {
  auto path = root + "/sys/bus/event_source/devices";
  std::unique_ptr<DIR, CloseDirectory> devices(opendir(path.c_str()));
  if (!devices) return false;
  while (const auto* entry = readdir(devices.get())) {
    std::string_view name = entry->d_name;
    if (name == "cpu") return true;
    if (name.starts_with('.')) continue;
    if (exists(fmt::format("{}/{}/cpus", path, name))) return true;
  }
  return false;
}

void read_process(const std::string& root, SystemFacts& facts) {
  facts.capabilities = own_capabilities();
  facts.last_capability = last_known_capability();
  facts.user = geteuid();
  facts.program = read_link("/proc/self/exe");
  facts.initial_user_namespace =
      is_initial(read_link(root + "/proc/self/ns/user"), initial_user_link);
  facts.initial_pid_namespace =
      is_initial(read_link(root + "/proc/self/ns/pid"), initial_pid_link);
}

void read_settings(const std::string& root, SystemFacts& facts) {
  facts.perf_event_paranoid = read_sysctl(root, "perf_event_paranoid");
  facts.perf_event_max_stack = read_sysctl(root, "perf_event_max_stack");
  facts.perf_event_max_sample_rate =
      read_sysctl(root, "perf_event_max_sample_rate");
  facts.kptr_restrict = read_sysctl(root, "kptr_restrict");
  facts.unprivileged_bpf_disabled =
      read_sysctl(root, "unprivileged_bpf_disabled");
  facts.lockdown = bracketed(read_text(root + "/sys/kernel/security/lockdown"));
}

void read_mounts(const std::string& root, SystemFacts& facts) {
  // Each holds these whenever it is mounted: a link of procfs' own, and the
  // first folder that sysfs makes (kernel/ksysfs.c).
  facts.procfs = exists(root + "/proc/self");
  facts.sysfs = exists(root + "/sys/kernel");
  auto mounts = read_text(root + "/proc/self/mountinfo");
  facts.tracefs = find_mount(mounts, "tracefs").value_or("");
  facts.cgroup2 = find_mount(mounts, "cgroup2").value_or("");
  facts.cgroup1 = find_mount(mounts, "cgroup").has_value();
}

// `cap_bpf`, or the number where libcap is older than the kernel.
std::string capability_name(int capability) {
  std::unique_ptr<char, decltype(&cap_free)> name(cap_to_name(capability),
                                                  cap_free);
  return name ? name.get() : fmt::format("{}", capability);
}

// Names whichever of the two lists is shorter, what is there or what is not.
std::string describe_capabilities(const SystemFacts& facts) {
  std::vector<std::string> present;
  std::vector<std::string> absent;
  for (int i = 0; i <= std::min(facts.last_capability, 63); ++i) {
    (has_capability(facts, i) ? present : absent).push_back(capability_name(i));
  }
  if (present.empty()) return "none";
  if (absent.empty()) return "all";
  if (present.size() <= absent.size()) {
    return fmt::format("{}", fmt::join(present, " "));
  }
  return fmt::format("all but {}", fmt::join(absent, " "));
}

std::string describe_cgroups(const SystemFacts& facts) {
  if (facts.cgroup2.empty()) return facts.cgroup1 ? "1 only" : "none";
  return fmt::format("2 at {}{}", printable(facts.cgroup2),
                     facts.cgroup1 ? ", beside 1" : "");
}

std::string describe_memlock(const SystemFacts& facts) {
  auto limit = facts.memlock_limit == UINT64_MAX
                   ? std::string("unlimited")
                   : format_bytes(facts.memlock_limit);
  return fmt::format("{}, BPF memory is {}charged to it", limit,
                     facts.charges_memlock ? "" : "not ");
}

std::string number_or_absent(const std::optional<int>& number) {
  return number ? fmt::format("{}", *number) : "absent";
}

std::string text_or_absent(const std::string& text) {
  return text.empty() ? "absent" : printable(text);
}

std::string yes_or_no(bool value) { return value ? "yes" : "no"; }

// What /proc alone tells.
std::string yes_no_unknown(const SystemFacts& facts, bool value) {
  return facts.procfs ? yes_or_no(value) : "unknown";
}

std::string describe_mounts(const SystemFacts& facts) {
  if (facts.procfs && facts.sysfs) return "mounted";
  return fmt::format("{} not mounted", facts.procfs  ? "/sys is"
                                       : facts.sysfs ? "/proc is"
                                                     : "both are");
}

}  // namespace

SystemFacts read_system_facts(const std::string& root) {
  SystemFacts facts;
  facts.kernel = kernel_name();
  read_process(root, facts);
  read_settings(root, facts);
  read_mounts(root, facts);
  facts.memlock_limit = memlock_limit();
  facts.charges_memlock = charges_memlock();
  facts.kernel_btf = exists(root + "/sys/kernel/btf/vmlinux");
  facts.hardware_pmu = has_hardware_pmu(root);
  return facts;
}

bool has_capability(const SystemFacts& facts, cap_value_t capability) {
  return (facts.capabilities >> capability & 1U) != 0;
}

bool knows_bpf_capability(const SystemFacts& facts) {
  return facts.last_capability >= CAP_BPF;
}

std::vector<std::pair<std::string, std::string>> describe(
    const SystemFacts& facts) {
  return {
      {"kernel", printable(facts.kernel)},
      {"user", fmt::format("{}", facts.user)},
      {"capabilities", describe_capabilities(facts)},
      {"initial user namespace",
       yes_no_unknown(facts, facts.initial_user_namespace)},
      {"initial PID namespace",
       yes_no_unknown(facts, facts.initial_pid_namespace)},
      {"/proc and /sys", describe_mounts(facts)},
      {"kernel BTF", yes_or_no(facts.kernel_btf)},
      {"hardware PMU", yes_or_no(facts.hardware_pmu)},
      {"lockdown", text_or_absent(facts.lockdown)},
      {"perf_event_paranoid", number_or_absent(facts.perf_event_paranoid)},
      {"perf_event_max_stack", number_or_absent(facts.perf_event_max_stack)},
      {"perf_event_max_sample_rate",
       number_or_absent(facts.perf_event_max_sample_rate)},
      {"kptr_restrict", number_or_absent(facts.kptr_restrict)},
      {"unprivileged_bpf_disabled",
       number_or_absent(facts.unprivileged_bpf_disabled)},
      {"memlock limit", describe_memlock(facts)},
      {"tracefs", text_or_absent(facts.tracefs)},
      {"cgroup version", describe_cgroups(facts)},
  };
}

std::string feature_lines() {
  std::string text;
  for (const auto& [label, value] : describe(read_system_facts())) {
    text += fmt::format("{}: {}\n", label, value);
  }
  return text;
}

}  // namespace sightline::cli
