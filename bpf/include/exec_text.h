// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The text of an exec's record: paths, names, parents, arguments. What is put
// comes behind what is there, as far as there is room; each function returns
// how many bytes it was.
//
// Functions with a loop are global: the verifier looks at each of them once, by
// itself, where it would otherwise follow all ways through one loop after all
// ways through the one before. Their arguments have to be numbers (pointers to
// memory only since 5.12), so that they find their slot again.
#pragma once

#include <stdbool.h>

#include "ancestry.h"
#include "count.h"
#include "execsnoop.h"
#include "path.h"
#include "task.h"

struct exec_text_slot {
  __u32 number;  // in the pool
  __u32 used;    // below EXEC_TEXT_SIZE
  __u32 pieces;  // of the rest that were sent
  union {
    struct exec_record record;
    struct {  // once the record has left, all but its header
      char gone[sizeof(struct exec_record) - sizeof(struct exec_text)];
      struct exec_text chunk;
    };
  };
  char text[EXEC_TEXT_SIZE + EXEC_STRING_SIZE];
};

#define SCRATCH_SLOT struct exec_text_slot
#include "scratch_pool.h"

static __always_inline struct exec_text_slot *slot_at(__u32 number) {
  return bpf_map_lookup_elem(&scratch_slots, &number);
}

static __always_inline struct exec_text_slot *claim_text(void) {
  __u32 number = claim_slot();
  struct exec_text_slot *slot = slot_at(number);
  if (!slot) {
    ledger_count(LEDGER_scratch_full);
    return NULL;
  }
  slot->number = number;
  slot->used = 0;
  slot->pieces = 0;
  return slot;
}

static __always_inline void release_text(struct exec_text_slot *slot) {
  release_slot(slot->number);
}

// Where the next bytes go. Behind it EXEC_STRING_SIZE bytes are writable.
static __always_inline char *text_end(struct exec_text_slot *slot) {
  return &slot->text[slot->used & (EXEC_TEXT_SIZE - 1)];
}

// Keeps `size` bytes that were written at the end; not if they do not fit.
static __always_inline __u32 keep(struct exec_text_slot *slot, long size) {
  if (size <= 0 || slot->used + size >= EXEC_TEXT_SIZE) return 0;
  slot->used += size;
  return size;
}

// The value, which the verifier is shown to be at most `most`.
static __always_inline __u64 bounded(__u64 value, __u64 most) {
  asm volatile("" : "+r"(value));
  return value > most ? most : value;
}

static __always_inline __u32 put_kernel_string(struct exec_text_slot *slot,
                                               const void *from) {
  return keep(
      slot, bpf_probe_read_kernel_str(text_end(slot), EXEC_STRING_SIZE, from));
}

// Bytes with the NUL, or below 0. The NUL of an empty string is not counted by
// every kernel (strncpy_from_user_nofault, mm/maccess.c, 5.10 to 6.12).
static __always_inline long read_user_string(struct exec_text_slot *slot,
                                             __u64 from) {
  long size = bpf_probe_read_user_str(text_end(slot), EXEC_STRING_SIZE,
                                      (const void *)from);
  return size ? size : 1;
}

static __always_inline __u32 put_user_string(struct exec_text_slot *slot,
                                             __u64 from) {
  return keep(slot, read_user_string(slot, from));
}

// At most EXEC_STRING_SIZE bytes. Counts them when they are not in memory.
static __always_inline __u32 put_user_bytes(struct exec_text_slot *slot,
                                            __u64 from, __u32 size) {
  __u64 some = bounded(size, EXEC_STRING_SIZE);
  if (!bpf_probe_read_user(text_end(slot), some, (const void *)from)) {
    return keep(slot, some);
  }
  ledger_count(LEDGER_text_unreadable);
  slot->record.flags |= EXEC_UNREADABLE;
  return 0;
}

// One component; returns whether the walk is at its end, which is not the root
// where there is no room for more. A function of its own: clang puts the turn
// of a loop with so many ways through it in front of its head, where the
// verifier calls the step into it a back-edge (check_cfg,
// kernel/bpf/verifier.c, 6.1).
static __noinline bool put_component(struct exec_text_slot *slot,
                                     struct path_walk *walk) {
  const unsigned char *name = step_up(walk);
  if (name) {
    long size = bpf_probe_read_kernel_str(text_end(slot), PATH_NAME_SIZE, name);
    if (size <= 0 || slot->used + size > walk->most) {
      walk->whole = false;
      return true;
    }
    slot->used += size;
  }
  return walk->whole;
}

// The struct path at that address, from the last component to the first. Sets
// the flag `cut` when there were more than there is room for.
__noinline int put_path(__u32 number, __u64 path, __u32 cut) {
  struct exec_text_slot *slot = slot_at(number);
  if (!slot) return 0;
  struct path_walk walk = begin_walk((const struct path *)path);
  __u32 before = slot->used;
  walk.most = bounded(before + EXEC_PATH_SIZE, EXEC_TEXT_SIZE - 1);
  for (int i = 0; i < PATH_MOST_STEPS; ++i) {
    if (put_component(slot, &walk)) break;
  }
  if (!walk.whole) {
    ledger_count(LEDGER_path_cut);
    slot->record.flags |= cut;
  }
  return slot->used - before;
}

// The real executable.
__noinline int put_executable(__u32 number, __u64 path) {
  struct exec_text_slot *slot = slot_at(number);
  const struct path *exe = (const struct path *)path;
  if (!slot) return 0;
  if (is_unlinked(BPF_CORE_READ(exe, dentry))) {
    slot->record.flags |= EXEC_DELETED;
  }
  if (is_nowhere(exe)) slot->record.flags |= EXEC_NOWHERE | EXEC_DELETED;
  return put_path(number, path, EXEC_EXE_CUT);
}

// Parent first, up to the first process of the PID namespace.
__noinline int put_ancestors(__u32 number) {
  struct exec_text_slot *slot = slot_at(number);
  struct task_struct *task = (struct task_struct *)bpf_get_current_task();
  struct task_struct *at = BPF_CORE_READ(task, group_leader);
  int count = 0;
  if (!slot) return 0;
  for (; count < MOST_ANCESTORS && !is_first_process(at); ++count) {
    struct event_ancestor entry = {};
    if (!step_to_parent(&at, &entry)) break;
    bpf_probe_read_kernel(text_end(slot), sizeof(entry), &entry);
    if (!keep(slot, sizeof(entry))) break;
  }
  slot->record.ancestors = count;
  return 0;
}

// The string, unless one before it was cut already: then it is only counted.
// One that nobody has touched yet, as of a program's constants, is not in
// memory. What went wrong is kept in the record, where the verifier does not
// follow it.
static __always_inline void put_tried_string(struct exec_text_slot *slot,
                                             __u64 string) {
  if (slot->record.flags & (EXEC_UNREADABLE | EXEC_TRIED_CUT)) return;
  long size = read_user_string(slot, string);
  if (size < 0) {
    slot->record.flags |= EXEC_UNREADABLE;
    ledger_count(LEDGER_text_unreadable);
  } else if (!keep(slot, size) || size == EXEC_STRING_SIZE) {
    slot->record.flags |= EXEC_TRIED_CUT;
  }
}

// Returns whether there was one at that place in the array.
__noinline int put_tried(__u32 number, __u64 at, __u32 width) {
  struct exec_text_slot *slot = slot_at(number);
  __u64 string = 0;
  if (!slot) return 0;
  if (bpf_probe_read_user(&string, width == 4 ? 4 : 8, (const void *)at)) {
    slot->record.flags |= EXEC_UNREADABLE;
    ledger_count(LEDGER_text_unreadable);
    return 0;
  }
  if (!string) return 0;
  put_tried_string(slot, string);
  return 1;
}

// The arguments that an exec was tried with: pointers, 0 behind the last.
__noinline int put_tried_args(__u32 number, __u64 pointers, __u32 width) {
  struct exec_text_slot *slot = slot_at(number);
  if (!slot) return 0;
  __u32 before = slot->used;
  __u32 count = 0;
  // None at all is allowed, and the same as an array without any.
  for (; pointers && count < EXEC_MOST_TRIED; ++count) {
    if (!put_tried(number, pointers + count * width, width)) break;
  }
  if (count == EXEC_MOST_TRIED) slot->record.flags |= EXEC_TRIED_CUT;
  slot->record.args_count = count;
  slot->record.args_length = slot->used - before;
  slot->record.args_size = slot->record.args_length;
  return 0;
}
