// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The user registers of the current task, by their DWARF numbers.
#pragma once

#include <stdbool.h>

#include "kernel_types.h"
#include "saved_registers.h"
#include "unwind_step.h"
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

static __always_inline bool are_user_mode(const user_registers *registers) {
#if UNWIND_ARM64
  return (registers->pstate & 0xf) == 0;  // EL0t
#else
  return (registers->cs & 3) == 3;
#endif
}

// A program of 32 bits has other frames (__USER32_CS; PSR_MODE32_BIT).
static __always_inline bool are_32_bit(const user_registers *registers) {
#if UNWIND_ARM64
  return registers->pstate & 0x10;
#else
  return registers->cs == 0x23;
#endif
}

// Whether the pc of a task in the kernel is behind the instruction that made a
// system call: where that is a function's last, already outside (__restore_rt).
// Interrupts and faults leave a negative number
// (arch/x86/entry/entry_64.S, 5.10 to 6.18); a signal that is delivered at the
// end of a call has led elsewhere.
static __always_inline bool are_behind_syscall(
    const user_registers *registers) {
#if UNWIND_ARM64
  return false;  // user_pt_regs does not say
#else
  __u16 instruction = 0;
  if ((__s64)registers->orig_rax < 0) return false;
  bpf_probe_read_user(&instruction, sizeof(instruction),
                      (const void *)(registers->rip - 2));
  return instruction == 0x050f || instruction == 0x80cd;  // syscall, int 0x80
#endif
}

static __always_inline void put_registers(struct unwind_walk *walk,
                                          const user_registers *from) {
#if UNWIND_ARM64
#pragma unroll
  for (int i = 0; i < 31; ++i) walk->registers[i] = from->regs[i];
  walk->registers[UNWIND_SP] = from->sp;
  walk->pc = from->pc;
  walk->valid = UNWIND_BIT(32) - 1;
#else
  walk->registers[0] = from->rax;
  walk->registers[1] = from->rdx;
  walk->registers[2] = from->rcx;
  walk->registers[3] = from->rbx;
  walk->registers[4] = from->rsi;
  walk->registers[5] = from->rdi;
  walk->registers[6] = from->rbp;
  walk->registers[7] = from->rsp;
  walk->registers[8] = from->r8;
  walk->registers[9] = from->r9;
  walk->registers[10] = from->r10;
  walk->registers[11] = from->r11;
  walk->registers[12] = from->r12;
  walk->registers[13] = from->r13;
  walk->registers[14] = from->r14;
  walk->registers[15] = from->r15;
  walk->pc = from->rip;
  walk->valid = UNWIND_BIT(16) - 1;
#endif
}

// `interrupted`: the registers that the program's context has, or null. False
// when there are none, or those of a program of 32 bits.
static __always_inline bool take_user_registers(struct unwind_walk *walk,
                                                struct task_struct *task,
                                                const void *interrupted) {
  user_registers *to = (user_registers *)walk->window;
  bool taken = interrupted &&
               !bpf_probe_read_kernel(to, sizeof(*to), interrupted) &&
               are_user_mode(to);
  if (!taken && bpf_probe_read_kernel(to, sizeof(*to), saved_registers(task))) {
    return false;
  }
  if (are_32_bit(to)) return false;
  put_registers(walk, to);
  walk->from_call = !taken && are_behind_syscall(to);
  return true;
}
