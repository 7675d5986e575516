// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The user registers of the current task, which it left at the top of its
// kernel stack when it came into the kernel.
#pragma once

#include "kernel_types.h"
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#ifdef __TARGET_ARCH_arm64
// struct user_pt_regs, with which the kernel's own begins.
typedef struct {
  __u64 regs[31];
  __u64 sp;
  __u64 pc;
  __u64 pstate;
} user_registers;
#define KERNEL_PT_REGS_SIZE 336  // arch/arm64/include/asm/ptrace.h, 5.10
#else
typedef struct pt_regs user_registers;
#define KERNEL_PT_REGS_SIZE sizeof(user_registers)
#endif

// arch/x86/include/asm/page_64_types.h; arm64 with pages of 4 KiB.
#define KERNEL_STACK_SIZE (16 << 10)

// Where they lie. The helper is there since 5.15; before, nothing lay above
// them.
static __always_inline const void *saved_registers(struct task_struct *task) {
  if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs)) {
    return (const void *)bpf_task_pt_regs(bpf_get_current_task_btf());
  }
  return BPF_CORE_READ(task, stack) + KERNEL_STACK_SIZE - KERNEL_PT_REGS_SIZE;
}
