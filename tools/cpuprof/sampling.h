// SPDX-License-Identifier: Apache-2.0
// The kernel half of cpuprof, loaded with what the options ask for, and the
// perf events that drive it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/handle.h"
#include "bpf/filters.h"
#include "bpf/object.h"
#include "options.h"
#include "perf/event.h"
#include "perf/sampler.h"
#include "stack/collector.h"
#include "unwind/store.h"

struct cpuprof_bpf;

namespace sightline::cpuprof {

// Move-only; not thread-safe. Everything ends with it.
class Sampling {
 public:
  // Loads the programs and opens the events; nothing runs yet. `command_pid`
  // is the held command, 0 without one.
  static Result<Sampling> open(const Options& options, pid_t command_pid);

  Sampling(Sampling&&) noexcept;
  Sampling& operator=(Sampling&&) noexcept;
  ~Sampling();

  // Keeps each process's mappings in the kernel up to date at forks, execs and
  // exits. Before what runs is loaded, so that nothing happens in between.
  Status follow_images();

  // Attaches everything else, the sampler last, so that our own start is not in
  // the profile.
  Status start();
  Status stop();

  [[nodiscard]] stack::SampleMaps maps() const;
  [[nodiscard]] unwind::StoreMaps unwind_maps() const;
  // The kernel half searches rows, so that they have to be loaded.
  [[nodiscard]] bool walks_by_rows() const;
  // How user stacks are walked.
  [[nodiscard]] unwind_mode mode() const;

  [[nodiscard]] const std::vector<perf::Event>& events() const {
    return events_;
  }
  // CPUs that are sampled.
  [[nodiscard]] const std::vector<int>& cpus() const;
  // Nanoseconds between samples, 0 when the event is not time-based.
  [[nodiscard]] std::uint64_t period_ns() const;

  // The samples are one for each period of all busy time, so that what is
  // missing can be told.
  [[nodiscard]] bool counts_busy_time() const;
  // CPUs that could not be sampled.
  [[nodiscard]] std::vector<int> skipped_cpus() const;

  // A process of -p has ended; its number may be given to another.
  void forget_target(int pid);

  // Kernel memory of all maps, in bytes.
  [[nodiscard]] std::uint64_t map_memory() const;
  [[nodiscard]] std::uint64_t recursion_misses() const;

 private:
  Sampling();
  Status choose_events(const Options& options);
  void configure_unwinding(const cli::CommonOptions& common);
  void configure(const Options& options, const bpf::FilterChoice& filters);
  Status fill_filters(const Options& options, const bpf::FilterChoice& filters);
  Status open_samplers(const Options& options);

  struct SkeletonCloser {
    void operator()(cpuprof_bpf* skeleton) const;
  };
  std::unique_ptr<cpuprof_bpf, SkeletonCloser> skeleton_;
  std::vector<bpf::Link> links_;
  std::vector<perf::Event> events_;
  std::vector<perf::Sampler> samplers_;
  bool follows_children_ = false;
};

}  // namespace sightline::cpuprof
