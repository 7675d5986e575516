// SPDX-License-Identifier: Apache-2.0
// The kernel half of offcpu, loaded with what the options ask for.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/error.h"
#include "bpf/epoch_map.h"
#include "bpf/filters.h"
#include "bpf/object.h"
#include "offcpu.h"
#include "options.h"
#include "stack/collector.h"
#include "unwind/store.h"

struct offcpu_bpf;

namespace sightline::offcpu {

// Where a thread's stack is taken: as it comes back to a CPU, when the length
// of its wait is known, or each time that it leaves one.
enum class StackHook { arrival_tracepoint, arrival_kprobe, leave };

// Which of the two ways to the scheduler's tracepoints this kernel has: typed,
// with the storage of tasks (5.13), or raw, with a table of threads.
enum class Way { trusted, raw };

// Move-only; not thread-safe. Everything ends with it.
class Tracing {
 public:
  // Loads the programs; nothing runs yet. `command_pid` is the held command, 0
  // without one. Fails as a load does.
  static Result<Tracing> open(const Options& options, pid_t command_pid);

  Tracing(Tracing&&) noexcept;
  Tracing& operator=(Tracing&&) noexcept;
  ~Tracing();

  // Keeps each process's mappings in the kernel up to date; see
  // bpf/include/unwind_hooks.h.
  Status follow_images();

  // Attaches everything, and finds what waits already. Since when waits are
  // counted (CLOCK_MONOTONIC).
  Result<std::uint64_t> start();
  // Detaches all but what tells of waits. `end_ns`: when (CLOCK_MONOTONIC).
  Result<std::uint64_t> stop();

  // The waits that went on when stop() was called.
  Result<std::vector<open_wait>> open_waits();

  [[nodiscard]] stack::SampleMaps maps() const;
  [[nodiscard]] bpf::EpochMap::Shape waits() const;
  [[nodiscard]] unwind::StoreMaps unwind_maps() const;
  [[nodiscard]] bool walks_by_rows() const;
  [[nodiscard]] unwind_mode mode() const;
  [[nodiscard]] StackHook stack_hook() const { return stack_hook_; }
  [[nodiscard]] Way way() const { return way_; }

  // A process of -p has ended; its number may be given to another.
  void forget_target(int pid);

  // Kernel memory of all maps, in bytes, without the storage of tasks.
  [[nodiscard]] std::uint64_t map_memory() const;
  [[nodiscard]] std::uint64_t recursion_misses() const;

 private:
  Tracing();
  static Result<Tracing> open_way(const Options& options, pid_t command_pid,
                                  Way way);
  void configure(const Options& options, const bpf::FilterChoice& filters);
  void configure_unwinding(const cli::CommonOptions& common);
  void choose_programs();
  Status attach(const bpf_program* program);
  Status attach_stack_hook();
  Status pass_over_threads(const bpf_program* program,
                           const std::function<void(const open_wait&)>& take);

  struct SkeletonCloser {
    void operator()(offcpu_bpf* skeleton) const;
  };
  std::unique_ptr<offcpu_bpf, SkeletonCloser> skeleton_;
  std::vector<bpf::Link> links_;
  Way way_ = Way::trusted;
  StackHook stack_hook_ = StackHook::leave;
  bool follows_children_ = false;
  bool wants_stacks_ = true;
};

}  // namespace sightline::offcpu
