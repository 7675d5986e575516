// SPDX-License-Identifier: Apache-2.0
// Against this machine's kernel. Each test says why it is skipped where perf
// events of the whole machine are not permitted.
#include <fcntl.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/clock.h"
#include "fake_sysfs.h"
#include "perf/cpus.h"
#include "perf/open.h"
#include "perf/sampler.h"
#include "perf/sideband.h"

namespace sightline::perf {
namespace {

#define SKIP_WITHOUT_PERMISSION(result)                              \
  if (!(result) && (result).error().kind == ErrorKind::permission) { \
    GTEST_SKIP() << (result).error().what;                           \
  }

Event event_of(const char* name) { return parse_events(name)->at(0); }

// Runs /bin/true to its end. Its exit record precedes the parent's wake-up:
// do_exit() calls perf_event_exit_task() before exit_notify() (kernel/exit.c,
// Linux 6.12).
pid_t run_true() {
  pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/true", "true", nullptr);
    ::_exit(127);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  return child;
}

std::string kind_of(const Record& record) {
  struct Kind {
    std::string operator()(const MmapRecord& map) const {
      if (map.path.find("/true") != std::string::npos) return "map true";
      if (map.path.find("/libc.so") != std::string::npos) return "map libc";
      if (map.path.find("/libc-") != std::string::npos) return "map libc";
      return "map other";
    }
    std::string operator()(const CommRecord& comm) const {
      return (comm.exec ? "exec " : "comm ") + comm.comm;
    }
    std::string operator()(const ForkRecord&) const { return "fork"; }
    std::string operator()(const ExitRecord&) const { return "exit"; }
    std::string operator()(const LostRecord&) const { return "lost"; }
    std::string operator()(const ThrottleRecord&) const { return "throttle"; }
  };
  return std::visit(Kind{}, record);
}

TEST(RealSideband, TellsTheWholeLifeOfAProcessInOrder) {
  auto sideband = Sideband::open();
  SKIP_WITHOUT_PERMISSION(sideband);
  ASSERT_TRUE(sideband) << sideband.error().what;
  ASSERT_TRUE(sideband->enable());
  auto start = monotonic_ns();
  auto child = static_cast<std::uint32_t>(run_true());
  auto end = monotonic_ns();
  ASSERT_TRUE(sideband->disable());

  std::vector<std::string> life;
  std::uint64_t last = 0;
  sideband->drain(UINT64_MAX, [&](const Record& record) {
    EXPECT_GE(id_of(record).time_ns, last);
    last = id_of(record).time_ns;
    auto kind = kind_of(record);
    if (id_of(record).pid != child || kind == "map other") return;
    life.push_back(kind);
    EXPECT_GE(last, start) << kind;
    EXPECT_LE(last, end) << kind;
    if (const auto* map = std::get_if<MmapRecord>(&record)) {
      EXPECT_NE(map->inode, 0U);
      EXPECT_NE(map->protection & 4U, 0U);
    }
    if (const auto* fork = std::get_if<ForkRecord>(&record)) {
      EXPECT_EQ(fork->parent_pid, static_cast<std::uint32_t>(::getpid()));
    }
  });
  EXPECT_EQ(life, (std::vector<std::string>{"fork", "exec true", "map true",
                                            "map libc", "exit"}));
  EXPECT_EQ(sideband->counts().lost, 0U);
  EXPECT_EQ(sideband->counts().skipped, 0U);
}

// As of `perf record --buildid-mmap`: opened later, it is told of a mapping
// first, and what the kernel sets in its record stays set in ours. Empty
// before 5.12.
std::vector<UniqueFd> build_id_events() {
  perf_event_attr attr{};
  attr.size = sizeof(attr);
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_DUMMY;
  attr.sample_id_all = 1;
  attr.mmap = 1;
  attr.mmap2 = 1;
  attr.build_id = 1;
  std::vector<UniqueFd> events;
  const auto cpus = online_cpus().value();
  for (int cpu : cpus) {
    auto fd = open_event(attr, -1, cpu);
    if (!fd) return {};
    events.push_back(*std::move(fd));
  }
  return events;
}

TEST(RealSideband, IsRightBesideSomebodyWhoAsksForBuildIds) {
  auto sideband = Sideband::open();
  SKIP_WITHOUT_PERMISSION(sideband);
  ASSERT_TRUE(sideband) << sideband.error().what;
  ASSERT_TRUE(sideband->enable());
  auto others = build_id_events();
  if (others.empty()) GTEST_SKIP() << "a kernel before 5.12";
  auto child = static_cast<std::uint32_t>(run_true());
  ASSERT_TRUE(sideband->disable());
  int files = 0;
  sideband->drain(UINT64_MAX, [&](const Record& record) {
    const auto* map = std::get_if<MmapRecord>(&record);
    if (map == nullptr || map->id.pid != child) return;
    struct stat info{};
    if (::stat(map->path.c_str(), &info) != 0) return;  // "[vdso]"
    ++files;
    EXPECT_EQ(map->inode, info.st_ino) << map->path;
  });
  EXPECT_GE(files, 3) << "the program, the linker, the C library";
}

TEST(RealSideband, NothingComesBeforeItsHorizonOrTwice) {
  auto sideband = Sideband::open();
  SKIP_WITHOUT_PERMISSION(sideband);
  ASSERT_TRUE(sideband) << sideband.error().what;
  ASSERT_TRUE(sideband->enable());
  auto before = monotonic_ns();
  auto child = static_cast<std::uint32_t>(run_true());
  int seen = 0;
  auto count = [&](const Record& record) {
    seen += id_of(record).pid == child;
  };
  sideband->drain(before, count);
  EXPECT_EQ(seen, 0);
  sideband->drain(UINT64_MAX, count);
  EXPECT_GE(seen, 5);
  seen = 0;
  sideband->drain(UINT64_MAX, count);
  EXPECT_EQ(seen, 0);
}

TEST(RealSideband, DescriptorsWakeAPoll) {
  auto sideband = Sideband::open({.wakeup_bytes = 1});
  SKIP_WITHOUT_PERMISSION(sideband);
  ASSERT_TRUE(sideband) << sideband.error().what;
  ASSERT_TRUE(sideband->enable());
  run_true();
  std::vector<pollfd> polled;
  for (int fd : sideband->fds()) polled.push_back({fd, POLLIN, 0});
  EXPECT_GE(::poll(polled.data(), polled.size(), 10'000), 1);
}

// A thread's new name is one COMM record, on the CPU that it runs on.
void rename_thread(int times) {
  for (int time = 0; time < times; ++time) ::prctl(PR_SET_NAME, "renamed");
}

// This thread on one CPU, as long as the object lives.
class Pinned {
 public:
  explicit Pinned(int cpu) {
    ::sched_getaffinity(0, sizeof(old_), &old_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ::sched_setaffinity(0, sizeof(one), &one);
  }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  ~Pinned() { ::sched_setaffinity(0, sizeof(old_), &old_); }

 private:
  cpu_set_t old_{};
};

TEST(RealSideband, CountsWhatASmallRingLoses) {
  auto sideband = Sideband::open({.ring_bytes = 1});
  SKIP_WITHOUT_PERMISSION(sideband);
  ASSERT_TRUE(sideband) << sideband.error().what;
  EXPECT_EQ(sideband->memory_bytes(),
            sideband->cpus().size() * 2 *
                static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)));
  Pinned pinned(sideband->cpus()[0]);
  ASSERT_TRUE(sideband->enable());
  std::uint64_t seen = 0;
  auto count = [&](const Record& record) {
    seen += std::holds_alternative<CommRecord>(record) &&
            id_of(record).tid == static_cast<std::uint32_t>(::gettid());
  };
  // A page holds fewer than a hundred. What was lost is told with the first
  // record that fits again, so one more comes after the drain.
  rename_thread(1000);
  sideband->drain(UINT64_MAX, count);
  EXPECT_LT(seen, 100U);
  rename_thread(1);
  sideband->drain(UINT64_MAX, count);
  // Somebody else's records on this CPU may be among the lost.
  EXPECT_GT(sideband->counts().lost, 900U);
  EXPECT_GE(sideband->counts().lost + seen, 1001U);
  EXPECT_EQ(sideband->counts().skipped, 0U);
}

// A perf_event program that does nothing: r0 = 0; exit.
UniqueFd load_program() {
  std::array<bpf_insn, 2> code{};
  code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  code[1].code = BPF_JMP | BPF_EXIT;
  bpf_attr attr{};
  attr.prog_type = BPF_PROG_TYPE_PERF_EVENT;
  attr.insns = reinterpret_cast<std::uint64_t>(code.data());
  attr.insn_cnt = code.size();
  attr.license = reinterpret_cast<std::uint64_t>("Dual BSD/GPL");
  return UniqueFd(
      static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr))));
}

std::uint64_t total(const Sampler& sampler) {
  std::uint64_t sum = 0;
  for (int fd : sampler.fds()) {
    std::uint64_t count = 0;
    EXPECT_EQ(::read(fd, &count, sizeof(count)), ssize_t{sizeof(count)});
    sum += count;
  }
  return sum;
}

TEST(RealSampler, OpensOnEveryCpuCloseOnExec) {
  auto sampler = Sampler::open(event_of("cpu-clock"),
                               {.frequency_hz = 99, .tag = 0xfffffffe});
  SKIP_WITHOUT_PERMISSION(sampler);
  ASSERT_TRUE(sampler) << sampler.error().what;
  EXPECT_EQ(sampler->cpus().size(),
            static_cast<std::size_t>(::sysconf(_SC_NPROCESSORS_ONLN)));
  EXPECT_EQ(sampler->period_ns(), 10'101'010U);
  for (int fd : sampler->fds()) {
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  }
}

TEST(RealSampler, CountsOnlyWhileEnabled) {
  auto sampler = Sampler::open(event_of("cpu-clock"), {.period = 1'000'000});
  SKIP_WITHOUT_PERMISSION(sampler);
  ASSERT_TRUE(sampler) << sampler.error().what;
  run_true();
  EXPECT_EQ(total(*sampler), 0U);
  ASSERT_TRUE(sampler->enable());
  run_true();
  ASSERT_TRUE(sampler->disable());
  auto counted = total(*sampler);
  EXPECT_GT(counted, 0U);
  run_true();
  EXPECT_EQ(total(*sampler), counted);
}

TEST(RealSampler, TakesABpfProgramButNotOnTracepoints) {
  auto program = load_program();
  if (!program) GTEST_SKIP() << "BPF is not permitted";
  auto sampler = Sampler::open(event_of("cpu-clock"), {.frequency_hz = 99});
  SKIP_WITHOUT_PERMISSION(sampler);
  ASSERT_TRUE(sampler) << sampler.error().what;
  EXPECT_TRUE(sampler->attach_bpf(program.get()));
  EXPECT_FALSE(sampler->attach_bpf(-1));

  auto events = parse_events("sched:sched_switch");
  SKIP_WITHOUT_PERMISSION(events);
  if (!events) GTEST_SKIP() << events.error().what;
  auto tracepoint = Sampler::open(events->at(0), {.period = 1});
  ASSERT_TRUE(tracepoint) << tracepoint.error().what;
  auto refused = tracepoint->attach_bpf(program.get());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::unsupported);
}

TEST(RealSampler, MissingHardwareIsUnsupported) {
  auto sampler = Sampler::open(event_of("cycles"), {.frequency_hz = 99});
  SKIP_WITHOUT_PERMISSION(sampler);
  EXPECT_EQ(sampler.has_value(), hardware_cycles_available());
  if (!sampler) {
    EXPECT_EQ(sampler.error().kind, ErrorKind::unsupported);
    EXPECT_NE(sampler.error().hint.find("-e cpu-clock"), std::string::npos);
  }
}

TEST(RealSampler, OneCpuOnly) {
  auto sampler = Sampler::open(event_of("cpu-clock"),
                               {.frequency_hz = 99, .cpus = std::vector{0}});
  SKIP_WITHOUT_PERMISSION(sampler);
  ASSERT_TRUE(sampler) << sampler.error().what;
  EXPECT_EQ(sampler->cpus(), std::vector{0});
}

// As when a CPU goes offline between reading the list and opening: a sysfs
// that still calls every possible CPU online.
TEST(RealSampler, ACpuThatWentOfflineIsSkippedUnlessRequested) {
  auto online = online_cpus();
  auto possible = possible_cpus();
  ASSERT_TRUE(online && possible);
  std::vector<int> offline;
  std::ranges::set_difference(*possible, *online, std::back_inserter(offline));
  if (offline.empty()) GTEST_SKIP() << "no CPU is offline on this machine";
  FakeSysfs sysfs;
  auto all = fmt::format("{}", fmt::join(*possible, ","));
  sysfs.put_cpus(all, all);
  SamplerSettings settings{.frequency_hz = 99};
  auto sampler = Sampler::open(event_of("cpu-clock"), settings, sysfs.root());
  SKIP_WITHOUT_PERMISSION(sampler);
  ASSERT_TRUE(sampler) << sampler.error().what;
  EXPECT_EQ(sampler->cpus(), *online);
  EXPECT_EQ(sampler->skipped_cpus(), offline);
  auto sideband = Sideband::open({}, sysfs.root());
  ASSERT_TRUE(sideband) << sideband.error().what;
  EXPECT_EQ(sideband->skipped_cpus(), offline);

  settings.cpus = offline;
  auto refused = Sampler::open(event_of("cpu-clock"), settings, sysfs.root());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what, fmt::format("CPU {} is offline", offline[0]));
}

// With a soft limit that leaves no descriptor free, opening raises it.
TEST(RealOpen, RaisesTheSoftDescriptorLimit) {
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
  UniqueFd probe(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  rlimit tight{static_cast<rlim_t>(probe.get()), old.rlim_max};
  probe.reset();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  auto fd = open_event(event_of("cpu-clock:u").base, 0, -1);
  rlimit now{};
  ::getrlimit(RLIMIT_NOFILE, &now);
  ::setrlimit(RLIMIT_NOFILE, &old);
  if (!fd && (fd.error() == EACCES || fd.error() == EPERM)) {
    GTEST_SKIP() << "perf events are not permitted";
  }
  EXPECT_TRUE(fd) << fd.error();
  EXPECT_EQ(now.rlim_cur, old.rlim_max);
}

}  // namespace
}  // namespace sightline::perf
