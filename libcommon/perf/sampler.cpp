// SPDX-License-Identifier: Apache-2.0
#include "perf/sampler.h"

#include <fmt/format.h>
#include <linux/perf_event.h>

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "base/units.h"
#include "perf/cpus.h"
#include "perf/open.h"

namespace sightline::perf {
namespace {

constexpr auto max_sample_rate_path =
    "/proc/sys/kernel/perf_event_max_sample_rate";

// A cpu-clock is a timer with a fixed period, also when it is asked for by
// frequency (perf_swevent_init_hrtimer), and never one shorter than 10 us
// (perf_swevent_start_hrtimer, kernel/events/core.c, Linux 5.10 to 6.18).
constexpr std::uint64_t shortest_timer_ns = 10'000;

Status check_rate(const SamplerSettings& settings) {
  if ((settings.frequency_hz == 0) == (settings.period == 0)) {
    return fail(ErrorKind::usage,
                "sampling needs either a frequency or a period");
  }
  // Without the sysctl the kernel itself still refuses what is too much.
  auto cap = max_sample_rate();
  if (!cap || settings.frequency_hz <= *cap) return {};
  return fail(
      ErrorKind::usage,
      fmt::format("frequency {} Hz is over the kernel's cap of {} Hz "
                  "(kernel.perf_event_max_sample_rate)",
                  settings.frequency_hz, *cap),
      fmt::format("sysctl kernel.perf_event_max_sample_rate={} raises it",
                  settings.frequency_hz));
}

std::uint64_t timer_period(const SamplerSettings& settings) {
  auto period = settings.frequency_hz != 0
                    ? ns_per_second / settings.frequency_hz
                    : settings.period;
  return std::max(period, shortest_timer_ns);
}

bool counts_on(const Event& event, int cpu) {
  return event.cpus.empty() || std::ranges::binary_search(event.cpus, cpu);
}

// Cores of two kinds have a PMU each, and a plain hardware event reaches only
// the first kind; the PMU's type in the upper half of config names the other
// (PERF_PMU_TYPE_SHIFT, include/uapi/linux/perf_event.h, Linux 5.13). Kernels
// before that take no such number, so it is the second attempt.
std::expected<UniqueFd, int> open_on_cpu(perf_event_attr attr, int cpu,
                                         const std::string& sysfs) {
  auto fd = open_event(attr, -1, cpu);
  bool generic =
      attr.type == PERF_TYPE_HARDWARE || attr.type == PERF_TYPE_HW_CACHE;
  if (fd || fd.error() != ENOENT || !generic) return fd;
  auto type = core_pmu_type(cpu, sysfs);
  if (!type) return fd;
  attr.config |= std::uint64_t{*type} << PERF_PMU_TYPE_SHIFT;
  return open_event(attr, -1, cpu);
}

}  // namespace

perf_event_attr sampling_attr(const Event& event,
                              const SamplerSettings& settings) {
  auto attr = event.base;
  attr.disabled = 1;
  attr.freq = settings.frequency_hz != 0;
  if (attr.freq != 0) {
    attr.sample_freq = settings.frequency_hz;
  } else {
    attr.sample_period = settings.period;
  }
  attr.wakeup_events = settings.tag;
  // A program that reads stacks is refused (EPROTO) on precise events whose
  // stack the kernel does not take itself, at the instruction that counted
  // (perf_event_set_bpf_handler, kernel/events/core.c, Linux 5.9 to 6.18).
  if (attr.precise_ip != 0) attr.sample_type |= PERF_SAMPLE_CALLCHAIN;
  return attr;
}

Result<Sampler> Sampler::open(const Event& event,
                              const SamplerSettings& settings,
                              const std::string& sysfs) {
  SL_CHECK(check_rate(settings));
  if (settings.cpus) SL_CHECK(check_online(*settings.cpus, sysfs));
  auto cpus = settings.cpus ? *settings.cpus : SL_TRY(online_cpus(sysfs));
  auto attr = sampling_attr(event, settings);
  Sampler sampler;
  sampler.name_ = event.name;
  sampler.tracepoint_ = event.base.type == PERF_TYPE_TRACEPOINT;
  if (event.time_based) sampler.period_ns_ = timer_period(settings);
  for (int cpu : cpus) {
    SL_CHECK(
        sampler.open_cpu(event, attr, cpu, settings.cpus.has_value(), sysfs));
  }
  if (!sampler.fds_.empty()) return sampler;
  return fail(ErrorKind::runtime,
              fmt::format("event '{}' counts on none of the CPUs chosen",
                          printable(event.name)));
}

Status Sampler::open_cpu(const Event& event, perf_event_attr attr, int cpu,
                         bool requested, const std::string& sysfs) {
  if (!counts_on(event, cpu)) {
    skipped_.push_back(cpu);
    return {};
  }
  auto fd = open_on_cpu(attr, cpu, sysfs);
  if (fd) {
    fds_.push_back(std::move(*fd));
    cpus_.push_back(cpu);
    return {};
  }
  if (fd.error() != ENODEV || requested) {
    return explain_open(event, cpu, fd.error());
  }
  // It went offline after the list was read.
  skipped_.push_back(cpu);
  return {};
}

Status Sampler::attach_bpf(int program_fd) {
  // The kernel runs another type of program on tracepoints and refuses this
  // one (perf_event_set_bpf_prog, kernel/events/core.c, Linux 6.12).
  if (tracepoint_) {
    return fail(
        ErrorKind::unsupported,
        fmt::format("tracepoint '{}' cannot be sampled", printable(name_)),
        "use a software or hardware event, such as -e cpu-clock");
  }
  return ioctl_all(
      fds_, PERF_EVENT_IOC_SET_BPF, static_cast<unsigned long>(program_fd),
      fmt::format("cannot attach to event '{}'", printable(name_)));
}

Status Sampler::enable() {
  return ioctl_all(fds_, PERF_EVENT_IOC_ENABLE, 0,
                   fmt::format("cannot start event '{}'", printable(name_)));
}

Status Sampler::disable() {
  return ioctl_all(fds_, PERF_EVENT_IOC_DISABLE, 0,
                   fmt::format("cannot stop event '{}'", printable(name_)));
}

std::vector<int> Sampler::fds() const {
  std::vector<int> numbers;
  for (const auto& fd : fds_) numbers.push_back(fd.get());
  return numbers;
}

Result<std::uint64_t> max_sample_rate() {
  auto text = SL_TRY(read_file(max_sample_rate_path));
  return parse_number(trim(text), 0, UINT64_MAX);
}

bool hardware_cycles_available() {
  // A sampling event of this process, user side only: needs no privilege up to
  // paranoid 2. Some PMUs count and raise no interrupt; a period makes those
  // refuse.
  perf_event_attr attr{};
  attr.size = sizeof(attr);
  attr.type = PERF_TYPE_HARDWARE;
  attr.config = PERF_COUNT_HW_CPU_CYCLES;
  attr.sample_period = 1'000'000;
  attr.exclude_kernel = 1;
  attr.exclude_hv = 1;
  attr.disabled = 1;
  return open_event(attr, 0, -1).has_value();
}

}  // namespace sightline::perf
