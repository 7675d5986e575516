// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The system call that the current task is in.
#pragma once

#include <stdbool.h>

#include "kernel_types.h"
#include "saved_registers.h"
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

// include/linux/err.h.
#define MAX_ERRNO 4095

static __always_inline bool is_failure(long result) {
  return result < 0 && result >= -MAX_ERRNO;
}

struct syscall_args {
  __u64 values[6];
  long number;
  bool compat;
};

// x86: 64 bits pass arguments in rdi, rsi, rdx, r10, r8 and r9, 32 bits in ebx,
// ecx, edx, esi, edi and ebp (arch/x86/entry/entry_64.S, entry_64_compat.S).
// They keep their values until the call returns.
static __always_inline void read_syscall(struct syscall_args *args) {
  struct pt_regs regs = {};
  struct task_struct *task = (struct task_struct *)bpf_get_current_task();
  bpf_probe_read_kernel(&regs, sizeof(regs), saved_registers(task));
  args->number = regs.orig_rax;
  args->compat = BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
  if (args->compat) {
    args->values[0] = (__u32)regs.rbx;
    args->values[1] = (__u32)regs.rcx;
    args->values[2] = (__u32)regs.rdx;
    args->values[3] = (__u32)regs.rsi;
    args->values[4] = (__u32)regs.rdi;
    args->values[5] = (__u32)regs.rbp;
  } else {
    args->values[0] = regs.rdi;
    args->values[1] = regs.rsi;
    args->values[2] = regs.rdx;
    args->values[3] = regs.r10;
    args->values[4] = regs.r8;
    args->values[5] = regs.r9;
  }
}
