// SPDX-License-Identifier: Apache-2.0
#include "cli/features.h"

#include <gtest/gtest.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

namespace sightline::cli {
namespace {

namespace fs = std::filesystem;

// A directory that stands for the root of a machine.
class FakeRoot : public testing::Test {
 protected:
  void SetUp() override {
    auto pattern = (fs::temp_directory_path() / "sightline.XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  void link(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    fs::create_symlink(text, root_ + path);
  }

  std::string root_;
};

TEST_F(FakeRoot, IsReadWhole) {
  write("/proc/self/mountinfo",
        "1 2 0:3 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw\n"
        "1 2 0:4 / /sys/fs/cgroup/a\\040b rw - cgroup2 none rw\n"
        "1 2 0:5 / /sys/kernel/tracing rw - tracefs none rw\n");
  write("/proc/sys/kernel/perf_event_paranoid", "-1\n");
  write("/proc/sys/kernel/perf_event_max_stack", "127\n");
  write("/proc/sys/kernel/perf_event_max_sample_rate", "50000\n");
  write("/proc/sys/kernel/kptr_restrict", "1\n");
  write("/proc/sys/kernel/unprivileged_bpf_disabled", "2\n");
  write("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
  write("/sys/kernel/btf/vmlinux", "");
  write("/sys/bus/event_source/devices/cpu_core/cpus", "0-7\n");
  link("/proc/self/ns/pid", "pid:[4026532001]");
  link("/proc/self/ns/user", "user:[4026531837]");

  auto facts = read_system_facts(root_);
  EXPECT_TRUE(facts.procfs);
  EXPECT_TRUE(facts.sysfs);
  EXPECT_EQ(facts.perf_event_paranoid, -1);
  EXPECT_EQ(facts.perf_event_max_stack, 127);
  EXPECT_EQ(facts.perf_event_max_sample_rate, 50000);
  EXPECT_EQ(facts.kptr_restrict, 1);
  EXPECT_EQ(facts.unprivileged_bpf_disabled, 2);
  EXPECT_EQ(facts.lockdown, "integrity");
  EXPECT_TRUE(facts.kernel_btf);
  EXPECT_TRUE(facts.hardware_pmu);
  EXPECT_EQ(facts.tracefs, "/sys/kernel/tracing");
  EXPECT_EQ(facts.cgroup2, "/sys/fs/cgroup/a b");
  EXPECT_TRUE(facts.cgroup1);
  EXPECT_FALSE(facts.initial_pid_namespace);
  EXPECT_TRUE(facts.initial_user_namespace);
}

TEST_F(FakeRoot, MayBeEmpty) {
  auto facts = read_system_facts(root_);
  EXPECT_FALSE(facts.procfs);
  EXPECT_FALSE(facts.sysfs);
  EXPECT_EQ(facts.perf_event_paranoid, std::nullopt);
  EXPECT_EQ(facts.unprivileged_bpf_disabled, std::nullopt);
  EXPECT_EQ(facts.lockdown, "");
  EXPECT_FALSE(facts.kernel_btf);
  EXPECT_FALSE(facts.hardware_pmu);
  EXPECT_EQ(facts.tracefs, "");
  EXPECT_EQ(facts.cgroup2, "");
  EXPECT_FALSE(facts.cgroup1);
  EXPECT_TRUE(facts.initial_pid_namespace);
  EXPECT_TRUE(facts.initial_user_namespace);
}

// Neither is read from /proc, which may not be mounted.
TEST_F(FakeRoot, TellsNothingOfCapabilities) {
  auto facts = read_system_facts(root_);
  auto of_machine = read_system_facts();
  EXPECT_EQ(facts.capabilities, of_machine.capabilities);
  EXPECT_EQ(facts.last_capability, of_machine.last_capability);
}

TEST_F(FakeRoot, MayHoldNonsense) {
  write("/proc/sys/kernel/kptr_restrict", "1 2\n");
  write("/proc/sys/kernel/perf_event_paranoid", "99999999999999\n");
  write("/sys/kernel/security/lockdown", "]none[ integrity\n");
  auto facts = read_system_facts(root_);
  EXPECT_EQ(facts.kptr_restrict, std::nullopt);
  EXPECT_EQ(facts.perf_event_paranoid, std::nullopt);
  EXPECT_EQ(facts.lockdown, "");
}

TEST_F(FakeRoot, TellsCorePmusFromOthers) {
  write("/sys/bus/event_source/devices/uncore_imc/cpumask", "0\n");
  write("/sys/bus/event_source/devices/software/type", "1\n");
  EXPECT_FALSE(read_system_facts(root_).hardware_pmu);
  write("/sys/bus/event_source/devices/cpu/type", "4\n");
  EXPECT_TRUE(read_system_facts(root_).hardware_pmu);
}

TEST(SystemFacts, AreThoseOfThisProcess) {
  utsname name{};
  ASSERT_EQ(uname(&name), 0);
  auto facts = read_system_facts();
  EXPECT_EQ(facts.kernel, std::string(name.release) + " " + name.machine);
  EXPECT_EQ(facts.user, geteuid());
  EXPECT_TRUE(facts.program.ends_with("/unit_cli")) << facts.program;
  // libcap's own reading of the same set.
  auto* own = cap_get_proc();
  for (int i = 0; i < cap_max_bits(); ++i) {
    cap_flag_value_t value = CAP_CLEAR;
    ASSERT_EQ(cap_get_flag(own, i, CAP_EFFECTIVE, &value), 0);
    EXPECT_EQ(has_capability(facts, i), value == CAP_SET) << i;
  }
  cap_free(own);
}

// The kernel's own words for both.
TEST(SystemFacts, HaveTheCapabilitiesThatProcTells) {
  std::ifstream status("/proc/self/status");
  std::string key;
  std::uint64_t effective = 0;
  while (key != "CapEff:" && status >> key) {
  }
  ASSERT_TRUE(status >> std::hex >> effective);
  int last = 0;
  ASSERT_TRUE(std::ifstream("/proc/sys/kernel/cap_last_cap") >> last);
  auto facts = read_system_facts();
  EXPECT_EQ(facts.capabilities, effective);
  EXPECT_EQ(facts.last_capability, last);
}

std::map<std::string, std::string> described(const SystemFacts& facts) {
  auto rows = describe(facts);
  return {rows.begin(), rows.end()};
}

TEST(Describe, SaysWhatIsThere) {
  SystemFacts facts;
  facts.kernel = "6.12.0\n x86_64";
  facts.user = 1000;
  facts.last_capability = CAP_LAST_CAP;
  facts.capabilities = 1ULL << CAP_BPF | 1ULL << CAP_PERFMON;
  facts.kptr_restrict = 1;
  facts.lockdown = "none";
  facts.cgroup2 = "/sys/fs/cgroup";
  facts.memlock_limit = 64 << 10;
  facts.charges_memlock = true;
  facts.kernel_btf = true;
  auto rows = described(facts);
  EXPECT_EQ(rows["kernel"], "6.12.0\\x0a x86_64");
  EXPECT_EQ(rows["user"], "1000");
  EXPECT_EQ(rows["capabilities"], "cap_perfmon cap_bpf");
  EXPECT_EQ(rows["kptr_restrict"], "1");
  EXPECT_EQ(rows["perf_event_paranoid"], "absent");
  EXPECT_EQ(rows["lockdown"], "none");
  EXPECT_EQ(rows["kernel BTF"], "yes");
  EXPECT_EQ(rows["hardware PMU"], "no");
  EXPECT_EQ(rows["memlock limit"], "64.0 KiB, BPF memory is charged to it");
  EXPECT_EQ(rows["tracefs"], "absent");
  EXPECT_EQ(rows["cgroup version"], "2 at /sys/fs/cgroup");
}

TEST(Describe, SaysWhatIsNotMounted) {
  SystemFacts facts;
  auto rows = described(facts);
  EXPECT_EQ(rows["/proc and /sys"], "both are not mounted");
  EXPECT_EQ(rows["initial user namespace"], "unknown");
  EXPECT_EQ(rows["initial PID namespace"], "unknown");
  facts.procfs = true;
  rows = described(facts);
  EXPECT_EQ(rows["/proc and /sys"], "/sys is not mounted");
  EXPECT_EQ(rows["initial user namespace"], "yes");
  EXPECT_EQ(rows["initial PID namespace"], "yes");
  facts.sysfs = true;
  EXPECT_EQ(described(facts)["/proc and /sys"], "mounted");
  facts.procfs = false;
  EXPECT_EQ(described(facts)["/proc and /sys"], "/proc is not mounted");
}

TEST(Describe, NamesTheShorterListOfCapabilities) {
  SystemFacts facts;
  facts.last_capability = CAP_LAST_CAP;
  EXPECT_EQ(described(facts)["capabilities"], "none");
  facts.capabilities = ~0ULL;
  EXPECT_EQ(described(facts)["capabilities"], "all");
  facts.capabilities &= ~(1ULL << CAP_SYS_RESOURCE);
  EXPECT_EQ(described(facts)["capabilities"], "all but cap_sys_resource");
}

TEST(Describe, TellsTheVersionsOfCgroupsApart) {
  SystemFacts facts;
  EXPECT_EQ(described(facts)["cgroup version"], "none");
  facts.cgroup1 = true;
  EXPECT_EQ(described(facts)["cgroup version"], "1 only");
  facts.cgroup2 = "/sys/fs/cgroup/unified";
  EXPECT_EQ(described(facts)["cgroup version"],
            "2 at /sys/fs/cgroup/unified, beside 1");
}

}  // namespace
}  // namespace sightline::cli
