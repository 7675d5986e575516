// SPDX-License-Identifier: Apache-2.0
// Registers and memory of a thread of another process, for a walk of its stack
// from outside. All of it wants the right to trace the process: the same user
// and a program that may be dumped, or CAP_SYS_PTRACE, and a kernel without
// restrictions of its own (Yama's ptrace_scope).
//
//   the thread        registers                         who stops it
//   ----------------  --------------------------------  -------------------
//   stopped by us     all (stopped_registers)           we, with ptrace: it
//                                                       is disturbed
//   sleeps in a call  stack pointer and program         nobody
//                     counter (sleeping_registers)
//   runs              none                              -
//
// Without the frame pointer a walk gets on through all that counts from the
// stack pointer, finds the frame pointer where a frame has saved its caller's,
// and ends as `unsupported` where it is needed before.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/error.h"
#include "unwind/cfi_expression.h"

namespace sightline::unwind {

// The memory of a process, by process_vm_readv: nobody is stopped, and pages
// that are not resident are brought in. A thread that goes on meanwhile leaves
// a stack of two moments, of which a walk may make anything but a crash.
class ThreadMemory {
 public:
  explicit ThreadMemory(pid_t pid) : pid_(pid) {}

  // All of `to`, or false: not mapped, the process is gone, or not permitted.
  bool operator()(std::uint64_t address, std::span<std::byte> to) const;

 private:
  pid_t pid_;
};

// The user registers of a thread that this thread has stopped by ptrace
// (PTRACE_GETREGSET). Fails with ESRCH when it is not stopped, and with
// EOPNOTSUPP for a program of 32 bits.
Result<Registers> stopped_registers(pid_t tid);

// What /proc/PID/task/TID/syscall tells of a thread that sleeps in the kernel,
// which it does in a system call unless it waits for a page.
struct Sleeping {
  Registers registers = {};
  bool in_syscall = true;
};

// nullopt: it runs (the caller itself is in its read), or it has no user
// registers. Fails with the errno of open() or read(): gone, or not permitted.
// That it still sleeps is certain only if a second call after the walk tells
// the same.
Result<std::optional<Sleeping>> sleeping_registers(pid_t pid, pid_t tid);

}  // namespace sightline::unwind
