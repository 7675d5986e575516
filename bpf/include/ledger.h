// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The loss ledger: one list of everything that can become of a sample, read by
// both halves. Each early return of a BPF program counts under one of these
// names; user space adds the ones it alone can know.
//
// X(name, class, sentence). Classes:
//   FLOW      neither good nor bad: what came in
//   FILTERED  left out because the user asked for it
//   LOST      a record that is missing from the result
//   PARTIAL   a record that is in the result, but not whole
#pragma once

#define LEDGER_LIST(X)                                                        \
  X(entered, FLOW, "samples that reached the program")                        \
  X(entered_idle, FLOW, "of these, with the idle task running")               \
  X(idle, FILTERED, "taken while the CPU was idle")                           \
  X(self, FILTERED, "taken in this tool itself")                              \
  X(not_target, FILTERED, "taken in a task that the filters leave out")       \
  X(not_matching, FILTERED, "command name does not match --name")             \
  X(table_full, LOST, "no room in the kernel's table of counts")              \
  X(skipped, LOST, "never delivered by the kernel")                           \
  X(recursion, LOST, "skipped because the program was already running")       \
  X(unaccounted, LOST, "entered, but neither counted nor in this list")       \
  X(target_table_full, PARTIAL, "processes that could not be followed")       \
  X(scratch_busy, PARTIAL, "counted without stacks: nested too deeply")       \
  X(kernel_stack_failed, PARTIAL, "kernel stack could not be read")           \
  X(user_stack_failed, PARTIAL, "user stack could not be read")               \
  X(kernel_stack_cut, PARTIAL, "kernel stack deeper than the limit")          \
  X(user_stack_cut, PARTIAL, "user stack deeper than the limit")              \
  X(user_stack_pending, PARTIAL, "user stack: unwind information not loaded") \
  X(user_stack_left_out, PARTIAL,                                             \
    "user stack: no room for unwind information")                             \
  X(user_stack_no_rows, PARTIAL, "user stack: no unwind information")         \
  X(user_stack_unsupported, PARTIAL, "user stack: unwind rule not supported") \
  X(user_stack_unreadable, PARTIAL, "user stack: stack memory not readable")  \
  X(user_stack_not_code, PARTIAL, "user stack: no code at return address")    \
  X(ring_full, PARTIAL, "stacks or processes to send again: ring full")       \
  X(stack_missing, PARTIAL, "counted, but the frames never arrived")          \
  X(sideband_lost, PARTIAL, "process and mapping records lost")

enum ledger_index {
#define LEDGER_ENUM(name, class, sentence) LEDGER_##name,
  LEDGER_LIST(LEDGER_ENUM)
#undef LEDGER_ENUM
      LEDGER_COUNT
};
