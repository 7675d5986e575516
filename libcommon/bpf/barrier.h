// SPDX-License-Identifier: Apache-2.0
// What detaching does not do: wait for programs that are just running.
#pragma once

#include "base/error.h"

namespace sightline::bpf {

// Returns when each program that had begun has ended: all that it sends is in
// its ring, all that it counts is counted. After programs were detached nothing
// writes to their maps any more.
//
// To detach a program takes it out of the list of those to be called, and does
// not wait for who has it from there (tracepoint_remove_func(),
// kernel/tracepoint.c; bpf_tramp_image_put(), kernel/bpf/trampoline.c).
// Programs that cannot sleep run under rcu_read_lock() (__bpf_trace_run(),
// kernel/trace/bpf_trace.c; __bpf_prog_enter(), kernel/bpf/trampoline.c; 5.10
// to 7.2), and the update of an array of maps waits for these: the kernel's own
// promise to user space (maybe_wait_bpf_programs(), kernel/bpf/syscall.c, since
// 5.0). membarrier(2), whose MEMBARRIER_CMD_GLOBAL waits for the same, does so
// neither with a single CPU nor with nohz_full (kernel/sched/membarrier.c).
//
// A task may stand still between the list and the program where tracepoints are
// preempted: those of system calls since 6.13, all of them in 7.2. Its program
// begins later; it is one that had not begun.
//
// Costs an RCU grace period, some 10 ms, and needs CAP_BPF (CAP_SYS_ADMIN
// before 5.8). Fails with errno. Thread-safe.
Status wait_for_programs();

}  // namespace sightline::bpf
