// SPDX-License-Identifier: Apache-2.0
// Totals of waits: what the kernel half has summed up, taken over at each
// drain. Exact, whatever becomes of stacks. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "offcpu.h"

namespace sightline::offcpu {

struct WaitSum {
  std::uint64_t count = 0;
  std::uint64_t total_ns = 0;
  std::uint64_t longest_ns = 0;
  std::uint64_t open = 0;  // of count: had begun before, or go on

  WaitSum& operator+=(const WaitSum& more);
};

// Who waited, as the kernel tells; tid and cgroup are 0 unless asked for.
struct Waiter {
  std::uint64_t start_ns = 0;
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  std::uint64_t cgroup = 0;
  bool kernel_thread = false;
  std::string comm = {};  // of the thread, raw bytes

  auto operator<=>(const Waiter&) const = default;
};

struct WaitRow {
  Waiter waiter;
  wait_kind kind;
  std::string reason;

  auto operator<=>(const WaitRow&) const = default;
};

class Waits {
 public:
  // One row of the kernel's table, with the counts of each CPU.
  void add(const wait_key& key, std::span<const wait_value> cpus);
  // A wait that goes on.
  void add(const open_wait& wait);

  // Rows whose thread's name does not pass are counted instead.
  void keep_only(std::function<bool(std::string_view comm)> keep) {
    keep_ = std::move(keep);
  }

  // Rows of the command that is held until everything is attached, which is a
  // copy of this tool until then, are counted instead.
  void leave_out_held(std::uint32_t pid, std::string comm) {
    held_pid_ = pid;
    held_comm_ = std::move(comm);
  }

  [[nodiscard]] const std::map<WaitRow, WaitSum>& rows() const { return rows_; }
  // Waits in all rows so far, and those that were left out.
  [[nodiscard]] std::uint64_t delivered() const { return delivered_; }
  [[nodiscard]] std::uint64_t not_matching() const { return not_matching_; }
  [[nodiscard]] std::uint64_t held() const { return held_; }

 private:
  void put(const wait_key& key, wait_kind kind, std::string reason,
           const WaitSum& sum);

  std::function<bool(std::string_view)> keep_;
  std::map<WaitRow, WaitSum> rows_;
  std::uint64_t delivered_ = 0;
  std::uint64_t not_matching_ = 0;
  std::uint64_t held_ = 0;
  std::uint32_t held_pid_ = 0;
  std::string held_comm_;
};

}  // namespace sightline::offcpu
