// SPDX-License-Identifier: Apache-2.0
// One event sampled on every CPU, for a BPF program that runs at each sample.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/handle.h"
#include "perf/event.h"

namespace sightline::perf {

struct SamplerSettings {
  // Exactly one of the two is not 0: samples a second and CPU, or events
  // between two samples (nanoseconds for time-based events).
  std::uint64_t frequency_hz = 0;
  std::uint64_t period = 0;
  // Only these CPUs; each must be online.
  std::optional<std::vector<int>> cpus = std::nullopt;
  // A number by which a BPF program tells which of several events fired. It is
  // stored in attr.wakeup_events, which the kernel reads only when it writes a
  // sample to an event's ring buffer (perf_output_sample,
  // kernel/events/core.c, Linux 5.10 to 6.18); a sampler has none.
  // The program finds it as ((struct bpf_perf_event_data_kern *)ctx)
  // ->event->attr.wakeup_events.
  std::uint32_t tag = 0;
};

// What the kernel is asked for on each CPU. Pure.
perf_event_attr sampling_attr(const Event& event,
                              const SamplerSettings& settings);

// Owns one descriptor a CPU. Not thread-safe; move-only.
class Sampler {
 public:
  // Opens the event for all processes, disabled. A CPU that goes offline
  // meanwhile, or whose cores the event's PMU does not count, is left out and
  // reported by skipped_cpus().
  //
  // Fails as usage for a frequency over kernel.perf_event_max_sample_rate, as
  // runtime for a requested CPU that is offline, as permission, or as
  // unsupported where the hardware or kernel lacks the event; each with a hint.
  // `sysfs` is the root of /sys.
  static Result<Sampler> open(const Event& event,
                              const SamplerSettings& settings,
                              const std::string& sysfs = "/sys");

  // Runs the BPF program (type perf_event) at every sample, on all CPUs.
  Status attach_bpf(int program_fd);

  // Starts and stops sampling, CPU after CPU.
  Status enable();
  Status disable();

  [[nodiscard]] std::vector<int> fds() const;
  [[nodiscard]] const std::vector<int>& cpus() const { return cpus_; }
  [[nodiscard]] const std::vector<int>& skipped_cpus() const {
    return skipped_;
  }
  // Nanoseconds between two samples of a time-based event as the kernel keeps
  // them, 0 for other events.
  [[nodiscard]] std::uint64_t period_ns() const { return period_ns_; }

 private:
  Sampler() = default;
  Status open_cpu(const Event& event, perf_event_attr attr, int cpu,
                  bool requested, const std::string& sysfs);

  std::string name_;
  bool tracepoint_ = false;
  std::vector<UniqueFd> fds_;
  std::vector<int> cpus_;
  std::vector<int> skipped_;
  std::uint64_t period_ns_ = 0;
};

// The largest frequency that the kernel takes now, in samples a second; it
// lowers this by itself when sampling takes too much time
// (kernel.perf_cpu_time_max_percent). Fails when the sysctl is unreadable.
Result<std::uint64_t> max_sample_rate();

// Whether the CPU's cycle counter can be sampled here: probed by opening it,
// once a call. False also where perf events are not permitted at all.
bool hardware_cycles_available();

}  // namespace sightline::perf
