// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Unwinding without frame pointers: what a program's .eh_frame says, as rows
// that the kernel half can search. Plain types and pure functions that both
// halves compile; who fills them is libcommon/unwind.
//
//   process ──▶ space: its executable mappings, by address
//                 │ mapping: which object, and its bias
//                 ▼
//   object ──▶ pages: one entry for each 64 KiB of its code
//                 │
//                 ▼
//   rows of that page, by address ──▶ rule: how to find the caller
//
// Spaces, page tables and rows lie in one store of 32-bit words: shards of
// 4 MiB that are added when they are needed (the kernel waits for a grace
// period of RCU at each), each of blocks of 32 KiB. What is searched lies
// within one block, so that a search is a walk inside one map value and no
// lookup for each step.
#pragma once

#include <linux/types.h>

#ifdef __cplusplus
#define UNWIND_ASSERT(...) static_assert(__VA_ARGS__)
#else
#define UNWIND_ASSERT(...) _Static_assert(__VA_ARGS__)
#endif

#define UNWIND_BLOCK_WORDS 8192  // 32 KiB: one value of a shard's array
#define UNWIND_SHARD_BLOCKS 128  // 4 MiB: one array
#define UNWIND_SHARD_WORDS (UNWIND_BLOCK_WORDS * UNWIND_SHARD_BLOCKS)
#define UNWIND_MAX_SHARDS 256
#define UNWIND_PAGE_BITS 16  // code addresses that one page entry stands for
#define UNWIND_MAX_RULES 65536
#define UNWIND_MAX_OBJECTS 16384

// A row: where in its page it begins to hold, and its rule. Rows are sorted,
// and compare as plain numbers. Each page with rows begins with one at 0, so
// that nothing is looked up in the page before.
typedef __u32 unwind_row;

static inline unwind_row unwind_make_row(__u32 offset, __u32 rule) {
  return offset << 16 | rule;
}
static inline __u32 unwind_row_offset(unwind_row row) { return row >> 16; }
static inline __u32 unwind_row_rule(unwind_row row) { return row & 0xffff; }

// 64 KiB of an object's code. No rows: nothing is known about it.
struct unwind_page {
  __u32 word;   // of the first row, in the store
  __u32 count;  // at most UNWIND_BLOCK_WORDS, all in one block
};

// What the walk does where a row holds.
enum unwind_kind {
  UNWIND_NO_ROWS = 0,      // nothing is said of this code
  UNWIND_END = 1,          // a thread begins here: the stack is whole
  UNWIND_UNSUPPORTED = 2,  // said in a way that rules cannot express
  UNWIND_FRAME = 3,        // an ordinary frame
  UNWIND_PLT = 4,          // CFA = SP + 8, + 8 more late in a stub of 16 bytes
  UNWIND_SIGNAL = 5,       // the kernel's signal frame: all registers lie in it
};

// How a register of the caller is found.
enum unwind_saved {
  UNWIND_SAME = 0,         // it still is in the register
  UNWIND_AT_CFA = 1,       // saved at CFA + offset
  UNWIND_AT_BASE = 2,      // saved at the rule's base register + offset
  UNWIND_IN_REGISTER = 3,  // moved to another register
  UNWIND_LOST = 4,         // its value is not kept
};

// The rows' rules, shared by all objects. Registers have their DWARF numbers
// (x86-64: psABI figure 3.36; arm64: AADWARF64 4.1). Other registers than stack
// and frame pointer hold their value only in the frame that was interrupted.
struct unwind_rule {
  __u8 kind;
  __u8 base;         // of the CFA: CFA = base + cfa_offset, or, if deref,
  __u8 deref;        //   *(base + cfa_offset) + cfa_add
  __u8 fp;           // enum unwind_saved, of the frame pointer
  __u8 fp_register;  // where it was moved to
  __u8 ra;           // enum unwind_saved, of the return address
  __u8 ra_register;
  __u8 flags;
  __s32
      cfa_offset;  // of UNWIND_PLT: the first (address & 15) with 8 bytes more
  __s32 fp_offset;
  __s16 cfa_add;
  __s16 ra_offset;
};

#define UNWIND_RULE_SIGNED_RA 1  // arm64: the saved address carries a signature

// Rules that are the same in every table.
#define UNWIND_RULE_NO_ROWS 0
#define UNWIND_RULE_END 1
#define UNWIND_RULE_UNSUPPORTED 2
#define UNWIND_FIRST_RULE 3

enum unwind_mode {
  UNWIND_MODE_FP = 0,     // frame pointers only, in the kernel's own helper
  UNWIND_MODE_AUTO = 1,   // rows, and frame pointers where there are none
  UNWIND_MODE_DWARF = 2,  // rows only
  UNWIND_MODE_COPY = 3,   // each stack is copied, and walked in user space
};

// What there is of an object (a program, a library, the vDSO).
enum unwind_object_state {
  UNWIND_PENDING = 0,  // its rows are not loaded yet
  UNWIND_LOADED = 1,
  UNWIND_FRAME_POINTERS = 2,  // it has none: generated code, no .eh_frame
  UNWIND_LEFT_OUT = 3,        // no room
  UNWIND_NO_INFORMATION = 4,  // its file cannot be read
  UNWIND_GENERATED = 5,       // no file: frame pointers, and no thread's root
  UNWIND_LOADED_GO = 6,       // rows, and where there are none frame pointers
};

static inline int unwind_has_rows(__u32 state) {
  return state == UNWIND_LOADED || state == UNWIND_LOADED_GO;
}

// Whether a frame pointer of 0 says that a thread begins. In code that has none
// it is some number.
static inline int unwind_begins_threads(__u32 state) {
  return state == UNWIND_FRAME_POINTERS || state == UNWIND_LOADED_GO;
}

// Published in two steps: everything else first, the state then.
struct unwind_object {
  __u32 pages_word;  // its unwind_pages in the store; may span blocks
  __u32 page_count;
  __u32 first_page;  // address >> UNWIND_PAGE_BITS
  __u32 state;
  __u32 serial;  // of its rows: never another's, 0 for none
  __u32 reserved;
};

// An executable mapping; addresses in an object are offsets in its file, which
// is all that a mapping tells. Six words; a space's are sorted and in one
// block.
struct unwind_mapping {
  __u64 start;
  __u64 bias;    // mapped address - address in the object
  __u32 length;  // in pages of 4 KiB
  __u32 object;
};

#define UNWIND_MAPPING_WORDS 6
#define UNWIND_MAX_MAPPINGS (UNWIND_BLOCK_WORDS / UNWIND_MAPPING_WORDS)

// A process's mappings, found by its PID. It is another process's, or an
// earlier image's, where start_ns or exec_id are not the task's.
struct unwind_space {
  __u64 start_ns;
  __u32 exec_id;
  __u32 any_image;  // found in /proc, which tells neither: both are unknown
  __u32 word;
  __u32 count;
  __u32 era;  // in which it was published: nothing is known from an earlier one
  __u32 pid;  // its key once more
};

// Searches. Without a branch, and with indices that cannot leave the block: the
// verifier then sees one path through them.

#ifdef __clang__
#define UNWIND_UNROLL _Pragma("unroll")
#else
#define UNWIND_UNROLL
#endif

// All ones if a <= b, else 0; both below 2^63. BPF has no conditional move, so
// the compiler must not see what the mask is made from.
static inline __u64 unwind_mask_at_most(__u64 a, __u64 b) {
  __u64 mask = (__u64)((__s64)(a - b - 1) >> 63);
  __asm__("" : "+r"(mask));
  return mask;
}

// Two words at an even index.
static inline __u64 unwind_two_words(const __u32 *block, __u64 word) {
  __u64 value;
  __builtin_memcpy(
      &value,
      __builtin_assume_aligned(&block[word & (UNWIND_BLOCK_WORDS - 2)], 8), 8);
  return value;
}

// The last row at or before `offset`, of `count` rows from word `first` of
// their block on; the first one when all lie behind it.
static inline unwind_row unwind_search_rows(const __u32 *block, __u64 first,
                                            __u64 count, __u64 offset) {
  __u64 wanted = offset << 16 | 0xffff;
  UNWIND_UNROLL
  for (int step = 0; step < 13; ++step) {
    __u64 half = count / 2;
    __u64 row = block[(first + half) & (UNWIND_BLOCK_WORDS - 1)];
    first += half & unwind_mask_at_most(row, wanted);
    count -= half;
  }
  return block[first & (UNWIND_BLOCK_WORDS - 1)];
}

// The word of the last mapping that starts at or before `address` (of the first
// one when none does).
static inline __u64 unwind_search_mappings(const __u32 *block, __u64 first,
                                           __u64 count, __u64 address) {
  UNWIND_UNROLL
  for (int step = 0; step < 11; ++step) {
    __u64 half = count / 2;
    __u64 middle = half * UNWIND_MAPPING_WORDS;
    __u64 start = unwind_two_words(block, first + middle);
    first += middle & unwind_mask_at_most(start, address);
    count -= half;
  }
  return first;
}

UNWIND_ASSERT(sizeof(struct unwind_page) == 8, "no padding");
UNWIND_ASSERT(sizeof(struct unwind_rule) == 20, "no padding");
UNWIND_ASSERT(sizeof(struct unwind_object) == 24, "no padding");
UNWIND_ASSERT(sizeof(struct unwind_mapping) == 4 * UNWIND_MAPPING_WORDS,
              "no padding");
UNWIND_ASSERT(sizeof(struct unwind_space) == 32, "no padding");
