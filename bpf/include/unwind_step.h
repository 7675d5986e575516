// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One step of a walk: from a frame, by its rule, to its caller. The kernel half
// and the user half walk with this same code. Whoever includes it says first
// how the stack is read:
//
//   UNWIND_READ(walk, to, size, address)   0, or else it could not be read
#pragma once

#include <stdbool.h>

#include "sample.h"
#include "unwind_registers.h"
#include "unwind_rows.h"

// What a step comes to: go on, or why the walk ends (enum stack_reason).
#define UNWIND_GO_ON STACK_REASONS

// What is read of the stack at once: a frame's saved registers, or all of a
// signal frame's (arm64: fault address, 31 registers, sp, pc).
#define UNWIND_WINDOW 34
#define UNWIND_FRAME_WINDOW 8

// Frame pointers that lead downwards, to another stack, before it must be
// assumed that they go in circles.
#define UNWIND_MOST_SWITCHES 8

struct unwind_walk {
  __u64 pc;
  __u64 registers[UNWIND_REGISTERS];
  __u64 valid;               // one bit a register
  __u64 from_call;           // 1: pc is behind a call, or a system call
  __u64 interrupted;         // 1: a signal frame was left for this one
  __u64 guessed;             // 1: pc was found without a rule
  __u64 switches;            // of stacks
  __u64 frame_pointers;      // 1: they are followed where there are no rows
  struct unwind_mapping at;  // the mapping that pc was in, and its object
  struct unwind_object object;
  __u64 window[UNWIND_WINDOW];
};

// An address that the code of this frame has, also after a call that never
// returns, behind which another function may begin.
static inline __u64 unwind_address(const struct unwind_walk *walk) {
  return walk->pc - walk->from_call;
}

// Readers take one from every frame but the first to come to the call.
static inline __u64 unwind_frame(const struct unwind_walk *walk) {
  return walk->pc + walk->interrupted;
}

static inline bool unwind_is_mapped(const struct unwind_walk *walk) {
  return unwind_address(walk) - walk->at.start < (__u64)walk->at.length << 12;
}

// The address is in no mapping. What runs is code all the same, and so is what
// a rule leads to: then it was mapped lately.
static inline int unwind_unmapped(const struct unwind_walk *walk) {
  if (!walk->guessed) return STACK_PENDING;
  return unwind_has_rows(walk->object.state) ? STACK_NO_ROWS : STACK_NOT_CODE;
}

static inline bool unwind_has(const struct unwind_walk *walk, __u64 number) {
  return walk->valid >> (number & (UNWIND_REGISTERS - 1)) & 1;
}

static inline __u64 unwind_register(const struct unwind_walk *walk,
                                    __u64 number) {
  return walk->registers[number & (UNWIND_REGISTERS - 1)];
}

// In the caller only these two are known; bit UNWIND_FP of `known` says whether
// the frame pointer is.
static inline int unwind_to_caller(struct unwind_walk *walk, __u64 pc, __u64 sp,
                                   __u64 known) {
#if UNWIND_ARM64
  pc &= UNWIND_BIT(48) - 1;  // without its signature
#endif
  walk->pc = pc;
  walk->registers[UNWIND_SP] = sp;
  walk->valid = UNWIND_BIT(UNWIND_SP) | (known & UNWIND_BIT(UNWIND_FP));
  walk->from_call = 1;
  walk->interrupted = 0;
  return pc ? UNWIND_GO_ON : STACK_WHOLE;
}

// Without a rule. A frame pointer that leads nowhere says that there was none.
static inline int unwind_by_frame_pointer(struct unwind_walk *walk) {
  __u32 state = walk->object.state;
  int lost = unwind_has_rows(state) ? STACK_NO_ROWS : STACK_NOT_CODE;
  int end = unwind_begins_threads(state) ? STACK_WHOLE : lost;
  __u64 fp = walk->registers[UNWIND_FP];
  if (!walk->frame_pointers || !unwind_has(walk, UNWIND_FP)) {
    return STACK_NO_ROWS;
  }
  if (fp == 0) return end;
  if (fp & 7) return lost;
  if (fp < walk->registers[UNWIND_SP]) {
    if (walk->switches == UNWIND_MOST_SWITCHES) return lost;
    walk->switches += 1;
  }
  if (UNWIND_READ(walk, walk->window, 16, fp)) {
    return lost == STACK_NO_ROWS ? lost : STACK_UNREADABLE;
  }
  if (walk->window[1] == 0) return end;
  walk->guessed = 1;
  walk->registers[UNWIND_FP] = walk->window[0];
  return unwind_to_caller(walk, walk->window[1], fp + 16,
                          UNWIND_BIT(UNWIND_FP));
}

// The usual frame: both lie in it, and near each other, so that one read gets
// both. False: they have to be read one by one.
static inline bool unwind_read_together(struct unwind_walk *walk,
                                        const struct unwind_rule *rule,
                                        __u64 cfa) {
  __u64 gap = (__u64)(rule->ra_offset - (__s64)rule->fp_offset);
  if (rule->fp != UNWIND_AT_CFA || rule->ra != UNWIND_AT_CFA) return false;
  if (gap > 8 * (UNWIND_FRAME_WINDOW - 1) || gap & 7) return false;
  if (UNWIND_READ(walk, walk->window, 8 * UNWIND_FRAME_WINDOW,
                  cfa + (__s64)rule->fp_offset)) {
    return false;
  }
  walk->registers[UNWIND_FP] = walk->window[0];
  walk->window[0] = walk->window[(gap / 8) & (UNWIND_FRAME_WINDOW - 1)];
  return true;
}

// Reads a register of the caller into window[0]. `same` is where it still is.
static inline int unwind_restore(struct unwind_walk *walk, __u64 how,
                                 __u64 same, __u64 moved_to, __u64 address) {
  if (how == UNWIND_AT_CFA || how == UNWIND_AT_BASE) {
    return UNWIND_READ(walk, walk->window, 8, address) ? STACK_UNREADABLE
                                                       : UNWIND_GO_ON;
  }
  if (how == UNWIND_SAME) moved_to = same;
  if (how == UNWIND_LOST || !unwind_has(walk, moved_to)) {
    return STACK_UNSUPPORTED;
  }
  walk->window[0] = unwind_register(walk, moved_to);
  return UNWIND_GO_ON;
}

// The return address into window[0], the frame pointer into its register;
// `known` loses its bit where it has no value any more.
static inline int unwind_read_apart(struct unwind_walk *walk,
                                    const struct unwind_rule *rule, __u64 cfa,
                                    __u64 base, __u64 *known) {
  __u64 from = rule->fp == UNWIND_AT_BASE ? base : cfa;
  int result = unwind_restore(walk, rule->fp, UNWIND_FP, rule->fp_register,
                              from + (__s64)rule->fp_offset);
  __u64 fp = walk->window[0];
  if (result == STACK_UNREADABLE) return result;
  if (result == STACK_UNSUPPORTED) *known = 0;
#if UNWIND_ARM64
  __u64 same = UNWIND_RETURN;
#else
  __u64 same = UNWIND_REGISTERS - 1;  // none
#endif
  from = rule->ra == UNWIND_AT_BASE ? base : cfa;
  result = unwind_restore(walk, rule->ra, same, rule->ra_register,
                          from + (__s64)rule->ra_offset);
  walk->registers[UNWIND_FP] = fp;
  return result;
}

static inline int unwind_by_cfa(struct unwind_walk *walk,
                                const struct unwind_rule *rule, __u64 cfa,
                                __u64 base) {
  __u64 sp = walk->registers[UNWIND_SP];
  __u64 known = UNWIND_BIT(UNWIND_FP);
  // Only a frame that keeps its return address in a register can be empty: one
  // that calls nothing, as vfork's or the end of an exception's.
  if (cfa < sp || (cfa == sp && rule->ra != UNWIND_IN_REGISTER)) {
    return STACK_UNSUPPORTED;
  }
  if (rule->ra == UNWIND_AT_CFA && rule->fp == UNWIND_SAME) {
    if (UNWIND_READ(walk, walk->window, 8, cfa + (__s64)rule->ra_offset)) {
      return STACK_UNREADABLE;
    }
    known = walk->valid;
  } else if (!unwind_read_together(walk, rule, cfa)) {
    int result = unwind_read_apart(walk, rule, cfa, base, &known);
    if (result != UNWIND_GO_ON) return result;
  }
  walk->guessed = 0;
  return unwind_to_caller(walk, walk->window[0], cfa, known);
}

static inline int unwind_by_rule(struct unwind_walk *walk,
                                 const struct unwind_rule *rule) {
  if (!unwind_has(walk, rule->base)) return STACK_UNSUPPORTED;
  __u64 base = unwind_register(walk, rule->base);
  __u64 cfa = base + (__s64)rule->cfa_offset;
  if (rule->deref) {
    if (UNWIND_READ(walk, walk->window, 8, cfa)) return STACK_UNREADABLE;
    cfa = walk->window[0] + (__s64)rule->cfa_add;
  }
  return unwind_by_cfa(walk, rule, cfa, base);
}

// A stub of the procedure linkage table pushes a word late in its 16 bytes.
static inline int unwind_by_plt(struct unwind_walk *walk,
                                const struct unwind_rule *rule) {
  __u64 cfa = walk->registers[UNWIND_SP] + 8;
  if ((__s64)(walk->pc & 15) >= rule->cfa_offset) cfa += 8;
  if (UNWIND_READ(walk, walk->window, 8, cfa - 8)) return STACK_UNREADABLE;
  walk->guessed = 0;
  return unwind_to_caller(walk, walk->window[0], cfa, walk->valid);
}

// The handler has returned to the restorer: the stack pointer is at what the
// kernel has laid out.
static inline int unwind_by_signal(struct unwind_walk *walk) {
  __u64 sp = walk->registers[UNWIND_SP];
#if UNWIND_ARM64
  // rt_sigframe: siginfo (128), ucontext, in which the sigcontext is at 176 and
  // begins with the fault address (arch/arm64/include/uapi/asm/ucontext.h).
  if (UNWIND_READ(walk, walk->window, 8 * 33, sp + 128 + 176 + 8)) {
    return STACK_UNREADABLE;
  }
  UNWIND_UNROLL
  for (int i = 0; i < 32; ++i) walk->registers[i] = walk->window[i];
  walk->pc = walk->window[32];
  walk->valid = UNWIND_BIT(32) - 1;
#else
  // ucontext: flags, link and stack (40 bytes), then the sigcontext
  // (arch/x86/include/uapi/asm/{ucontext,sigcontext}.h).
  static const __u8 dwarf_numbers[16] = {8, 9, 10, 11, 12, 13, 14, 15,
                                         5, 4, 6,  3,  1,  0,  2,  7};
  if (UNWIND_READ(walk, walk->window, 8 * 17, sp + 40)) return STACK_UNREADABLE;
  UNWIND_UNROLL
  for (int i = 0; i < 16; ++i) {
    walk->registers[dwarf_numbers[i]] = walk->window[i];
  }
  walk->pc = walk->window[16];
  walk->valid = UNWIND_BIT(16) - 1;
#endif
  walk->from_call = 0;
  walk->interrupted = 1;
  walk->guessed = 0;
  return UNWIND_GO_ON;
}

static inline int unwind_apply(struct unwind_walk *walk,
                               const struct unwind_rule *rule) {
  if (rule->kind == UNWIND_FRAME) return unwind_by_rule(walk, rule);
  if (rule->kind == UNWIND_NO_ROWS) return unwind_by_frame_pointer(walk);
  if (rule->kind == UNWIND_PLT) return unwind_by_plt(walk, rule);
  if (rule->kind == UNWIND_SIGNAL) return unwind_by_signal(walk);
  return rule->kind == UNWIND_END ? STACK_WHOLE : STACK_UNSUPPORTED;
}
