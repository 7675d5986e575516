// SPDX-License-Identifier: Apache-2.0
// What happens to processes while a tool runs: executable mappings, names,
// forks and exits of the whole machine, in order of time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/handle.h"
#include "perf/record.h"
#include "perf/ring.h"

namespace sightline::perf {

struct SidebandSettings {
  // Data bytes of each CPU's ring, rounded up to a power of two of pages.
  std::size_t ring_bytes = 128U << 10;
  // A descriptor becomes readable each time that this many bytes more were
  // written; 0 is half of the ring.
  std::size_t wakeup_bytes = 0;
};

// One event and one ring a CPU. The rings are needed, and the order by time
// with them, because a record is written on the CPU where its process happens
// to run: fork, exec and the mappings of one process may lie in several.
// Not thread-safe; move-only.
class Sideband {
 public:
  using Counts = RingMerge::Counts;

  // How far behind the present a horizon should stay so that no record below
  // it is still to come: between taking its time and publishing it, a CPU can
  // be interrupted, and a virtual one be paused by its host.
  static constexpr std::uint64_t settle_ns = 1'000'000;

  // Opens the events of all online CPUs, not yet enabled. A CPU that goes
  // offline meanwhile is left out. Fails as permission (with what helps) or
  // runtime. `sysfs` is the root of /sys.
  static Result<Sideband> open(const SidebandSettings& settings = {},
                               const std::string& sysfs = "/sys");

  Status enable();
  Status disable();

  // One for each ring, for epoll (EPOLLIN), in the order of cpus().
  [[nodiscard]] std::vector<int> fds() const;
  [[nodiscard]] const std::vector<int>& cpus() const { return cpus_; }
  [[nodiscard]] const std::vector<int>& skipped_cpus() const {
    return skipped_;
  }
  // Memory of the rings, control pages included.
  [[nodiscard]] std::size_t memory_bytes() const;

  // Delivers every record with time <= until_ns (CLOCK_MONOTONIC), ordered by
  // time across all CPUs; later ones stay where they are until a later call.
  // With the present less settle_ns nothing comes too late; with UINT64_MAX
  // everything there is comes, which is for the end. A record that is
  // published too late for its place is still delivered, with its time moved
  // to that of the record before it, and counted: a later call never delivers
  // an earlier time.
  void drain(std::uint64_t until_ns,
             const std::function<void(const Record&)>& deliver);

  [[nodiscard]] Counts counts() const { return merge_.counts(); }

 private:
  Sideband() : merge_({}) {}

  std::vector<UniqueFd> fds_;
  std::vector<UniqueMapping> mappings_;
  std::vector<int> cpus_;
  std::vector<int> skipped_;
  RingMerge merge_;
};

}  // namespace sightline::perf
