// SPDX-License-Identifier: Apache-2.0
#include "waits.h"

#include <algorithm>
#include <cstring>

#include "reason.h"

namespace sightline::offcpu {
namespace {

WaitSum sum_of(const wait_sum& sum, bool open) {
  return {.count = sum.count,
          .total_ns = sum.total_ns,
          .longest_ns = sum.longest_ns,
          .open = open ? sum.count : 0};
}

WaitSum one(std::uint64_t ns) {
  return {.count = 1, .total_ns = ns, .longest_ns = ns, .open = 1};
}

// Threads of the kernel are in no system call and have no page faults.
std::string reason_in(const wait_key& key) {
  auto reason = reason_name(key.reason);
  bool own = key.kernel_thread != 0 && key.reason.syscall == WAIT_NO_SYSCALL;
  return own && reason.starts_with("page fault") ? "kernel thread" : reason;
}

Waiter waiter_of(const wait_key& key) {
  return {.start_ns = key.start_ns,
          .pid = key.pid,
          .tid = key.tid,
          .cgroup = key.cgroup,
          .kernel_thread = key.kernel_thread != 0,
          .comm = {key.comm, ::strnlen(key.comm, sizeof(key.comm))}};
}

}  // namespace

WaitSum& WaitSum::operator+=(const WaitSum& more) {
  count += more.count;
  total_ns += more.total_ns;
  longest_ns = std::max(longest_ns, more.longest_ns);
  open += more.open;
  return *this;
}

void Waits::put(const wait_key& key, wait_kind kind, std::string reason,
                const WaitSum& sum) {
  if (sum.count == 0) return;
  auto waiter = waiter_of(key);
  if (held_pid_ != 0 && waiter.pid == held_pid_ && waiter.comm == held_comm_) {
    held_ += sum.count;
    return;
  }
  if (keep_ && !keep_(waiter.comm)) {
    not_matching_ += sum.count;
    return;
  }
  delivered_ += sum.count;
  rows_[{std::move(waiter), kind, std::move(reason)}] += sum;
}

// A wait that had begun before has one part that is open: the first.
void Waits::add(const wait_key& key, std::span<const wait_value> cpus) {
  bool open = (key.reason.flags & WAIT_OPEN_START) != 0;
  auto kind = static_cast<wait_kind>(key.kind);
  bool first_is_queue = kind == WAIT_RUN_QUEUE;
  WaitSum wait;
  WaitSum queue;
  for (const auto& value : cpus) {
    wait += sum_of(value.wait, open && !first_is_queue);
    queue += sum_of(value.queue, open && first_is_queue);
  }
  put(key, kind, kind == WAIT_THROTTLED ? "quota" : reason_in(key), wait);
  put(key, WAIT_RUN_QUEUE, queue_reason_name(key.reason), queue);
}

void Waits::add(const open_wait& wait) {
  auto kind = static_cast<wait_kind>(wait.key.kind);
  if (wait.wait_ns > 0) {
    put(wait.key, kind, reason_in(wait.key), one(wait.wait_ns));
  }
  if (wait.queue_ns > 0) {
    put(wait.key, WAIT_RUN_QUEUE, queue_reason_name(wait.key.reason),
        one(wait.queue_ns));
  }
  if (wait.throttled_ns > 0) {
    put(wait.key, WAIT_THROTTLED, "quota", one(wait.throttled_ns));
  }
}

}  // namespace sightline::offcpu
