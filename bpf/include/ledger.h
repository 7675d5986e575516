// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The loss ledger: one list of everything that can become of a sample or an
// event, read by both halves. Each early return of a BPF program counts under
// one of these names; user space adds the ones it alone can know.
//
// X(name, scope, class, sentence). Scopes: which tools have it, ANY, SAMPLES or
// EVENTS. Classes:
//   FLOW      neither good nor bad: what came in
//   FILTERED  left out because the user asked for it
//   LOST      a record that is missing from the result
//   PARTIAL   a record that is in the result, but not whole
#pragma once

#define LEDGER_LIST(X)                                                         \
  X(entered, ANY, FLOW, "samples or events that reached the program")          \
  X(entered_idle, SAMPLES, FLOW, "of these, with the idle task running")       \
  X(idle, SAMPLES, FILTERED, "taken while the CPU was idle")                   \
  X(self, SAMPLES, FILTERED, "taken in this tool itself")                      \
  X(not_target, ANY, FILTERED, "in a task that the filters leave out")         \
  X(not_matching, ANY, FILTERED, "command name does not match --name")         \
  X(not_failed, EVENTS, FILTERED, "successes, which --failed leaves out")      \
  X(other_destination, EVENTS, FILTERED,                                       \
    "to a port or of a family that was not asked for")                         \
  X(other_latency, EVENTS, FILTERED,                                           \
    "shorter than --min or longer than --max")                                 \
  X(table_full, SAMPLES, LOST, "no room in the kernel's table of counts")      \
  X(skipped, SAMPLES, LOST, "never delivered by the kernel")                   \
  X(recursion, ANY, LOST, "skipped because the program was already running")   \
  X(unaccounted, ANY, LOST, "entered, but neither counted nor in this list")   \
  X(event_ring_full, EVENTS, LOST, "no room in the ring: read too slowly")     \
  X(scratch_full, EVENTS, LOST, "no memory to gather the event in")            \
  X(attempts_full, EVENTS, LOST, "too many attempts at the same time")         \
  X(attempts_unfollowed, EVENTS, LOST,                                         \
    "began beside too many others, and did not end")                           \
  X(target_table_full, ANY, PARTIAL, "processes that could not be followed")   \
  X(scratch_busy, SAMPLES, PARTIAL,                                            \
    "counted without stacks: nested too deeply")                               \
  X(kernel_stack_failed, SAMPLES, PARTIAL, "kernel stack could not be read")   \
  X(user_stack_failed, SAMPLES, PARTIAL, "user stack could not be read")       \
  X(kernel_stack_cut, SAMPLES, PARTIAL, "kernel stack deeper than the limit")  \
  X(user_stack_cut, SAMPLES, PARTIAL, "user stack deeper than the limit")      \
  X(user_stack_pending, SAMPLES, PARTIAL,                                      \
    "user stack: unwind information not loaded")                               \
  X(user_stack_left_out, SAMPLES, PARTIAL,                                     \
    "user stack: no room for unwind information")                              \
  X(user_stack_no_rows, SAMPLES, PARTIAL, "user stack: no unwind information") \
  X(user_stack_unsupported, SAMPLES, PARTIAL,                                  \
    "user stack: unwind rule not supported")                                   \
  X(user_stack_unreadable, SAMPLES, PARTIAL,                                   \
    "user stack: stack memory not readable")                                   \
  X(user_stack_not_code, SAMPLES, PARTIAL,                                     \
    "user stack: no code at return address")                                   \
  X(ring_full, SAMPLES, PARTIAL,                                               \
    "stacks or processes to send again: ring full")                            \
  X(stack_missing, SAMPLES, PARTIAL, "counted, but the frames never arrived")  \
  X(sideband_lost, SAMPLES, PARTIAL, "process and mapping records lost")       \
  X(text_lost, EVENTS, PARTIAL, "arguments of which a record was lost")        \
  X(text_unreadable, EVENTS, PARTIAL, "arguments that were not in memory")     \
  X(path_cut, EVENTS, PARTIAL, "path longer than what is read")                \
  X(exit_missing, EVENTS, PARTIAL, "ended, but nothing told how")              \
  X(failures_missed, EVENTS, PARTIAL,                                          \
    "calls whose failure may have been missed")                                \
  X(changes_missed, EVENTS, PARTIAL,                                           \
    "changes of a socket that may have been missed")                           \
  X(start_unseen, EVENTS, PARTIAL, "ended, but the start was not seen")        \
  X(parents_lost, EVENTS, PARTIAL, "parents whose record was lost")            \
  X(lookups_lost, EVENTS, PARTIAL, "lookups of names that were not seen")      \
  X(answers_lost, EVENTS, PARTIAL, "answers of name servers not seen")         \
  X(answers_unasked, EVENTS, PARTIAL,                                          \
    "answers of name servers that fit no question")

enum ledger_index {
#define LEDGER_ENUM(name, scope, class, sentence) LEDGER_##name,
  LEDGER_LIST(LEDGER_ENUM)
#undef LEDGER_ENUM
      LEDGER_COUNT
};
