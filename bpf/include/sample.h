// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the two halves of the samples core say to each other: the key under
// which the kernel counts, and the records that cross the ring. Plain types,
// explicit padding, sizes asserted on both sides; no helper calls, so the same
// header compiles on the host.
#pragma once

#include <linux/types.h>

#ifdef __cplusplus
#define SAMPLE_ASSERT(...) static_assert(__VA_ARGS__)
#else
#define SAMPLE_ASSERT(...) _Static_assert(__VA_ARGS__)
#endif

// Frames kept of one side of a stack. The kernel's own limit is the sysctl
// kernel.perf_event_max_stack (127 unless raised).
#define STACK_MAX_FRAMES 1024

#define SAMPLE_COMM_SIZE 16

// Why a stack is empty or not whole. A side without frames has its reason in
// the key, in place of a hash (hashes are never that small).
enum stack_reason {
  STACK_WHOLE = 0,          // as far as the walk could tell
  STACK_NOT_ASKED = 1,      // -U or -K
  STACK_EMPTY = 2,          // a user-mode sample has no kernel side
  STACK_KERNEL_THREAD = 3,  // no user side
  STACK_FAILED = 4,         // the helper returned an error
  STACK_NESTED = 5,         // no scratch space at this nesting depth
  STACK_GUEST = 6,          // a virtual machine was running
  STACK_CUT = 7,            // deeper than the limit; the leaf end is kept
  STACK_PENDING = 8,        // rows were not loaded yet
  STACK_LEFT_OUT = 9,       // there was no room for rows
  STACK_NO_ROWS = 10,  // nothing is said of some code, nor did guessing help
  STACK_UNSUPPORTED = 11,  // a rule that this walk cannot follow
  STACK_UNREADABLE = 12,   // the stack's memory, or it is not resident
  STACK_NOT_CODE = 13,     // what should be a return address is none
  STACK_REASONS = 14
};

enum stack_side { STACK_KERNEL = 0, STACK_USER = 1 };

// The tool decides which of the optional fields it fills (0 otherwise, cpu -1).
// start_ns (CLOCK_MONOTONIC) and exec_id tell two lives of one PID apart.
struct sample_key {
  __u64 start_ns;
  __u64 kernel_hash;
  __u64 user_hash;
  __u64 cgroup;  // optional
  __u64 word;    // optional, the tool's own
  __u32 pid;     // thread group, in the tool's PID namespace
  __u32 tid;     // optional
  __u32 exec_id;
  __s32 cpu;    // optional
  __u32 event;  // which of several sampled events
  __u32 reserved;
  char comm[SAMPLE_COMM_SIZE];  // of the thread
};

struct sample_value {
  __u64 count;
  __u64 sum;  // of weights: sample periods, waiting times, ...
};

enum record_type {
  RECORD_IMAGE = 1,
  RECORD_STACK = 2,
  RECORD_PRESSURE = 3,
  RECORD_COPY = 4,
  RECORD_COPY_MORE = 5
};

struct record_header {
  __u32 type;
  __u32 size;     // of the whole record
  __u64 time_ns;  // CLOCK_MONOTONIC
};

// A process image (PID, start time, exec id) that was not seen lately.
struct image_record {
  struct record_header header;
  __u64 start_ns;
  __u64 start_boottime_ns;  // as /proc/PID/stat counts, in nanoseconds
  __u32 pid;
  __u32 exec_id;
  __u32 uid;
  __u32 kernel_thread;
  char comm[SAMPLE_COMM_SIZE];  // of the thread group's leader
};

// A stack that was not seen lately; its frames follow (u64 each, leaf first).
struct stack_record {
  struct record_header header;
  __u64 hash;
  __u32 frame_count;
  __u8 side;
  __u8 reason;
  __u16 reserved;
};

// By DWARF numbers; as many as arm64 has.
#define COPY_REGISTERS 32
#define COPY_PIECE 4096   // what is read at a time
#define COPY_BYTES 16384  // in one record
#define COPY_RECORDS 4    // of one stack
// Below the stack pointer lies what an epilogue has popped, which call frame
// information speaks of all the same, and a leaf's red zone (x86-64
// psABI 3.2.2).
#define COPY_BELOW 128

// User registers and the stack from the stack pointer up, to be walked when the
// rows are there. Its hash is its own: it stands for one sample.
struct copy_record {
  struct record_header header;  // size: of a whole one
  __u64 hash;
  __u64 partial_hash;  // of what the kernel half could walk; 0: nothing
  __u64 start_ns;
  __u32 pid;
  __u32 exec_id;
  __u64 pc;
  __u64 registers[COPY_REGISTERS];
  __u32 byte_count;   // of the stack
  __u32 from_call;    // 1: pc is behind the instruction of a system call
  __u32 below_count;  // COPY_BELOW, or 0 where it could not be read
  __u32 holes;        // bit N: the N-th piece of bytes could not be read
  __u8 below[COPY_BELOW];
  __u8 bytes[COPY_BYTES];
};

// What lies behind the stack's bytes that have been sent: in its order, at
// once, where the record before is full.
struct copy_more_record {
  struct record_header header;
  __u64 hash;
  __u32 byte_count;
  __u32 holes;
  __u8 bytes[COPY_BYTES];
};

// Where the N-th piece begins: at a page but for the first, which begins at the
// address itself.
static inline __u64 copy_piece_begin(__u64 address, __u32 number) {
  return number ? number * COPY_PIECE - (address & (COPY_PIECE - 1)) : 0;
}

// A record of a stack from which more follows: its last piece could be read.
static inline int copy_is_full(__u64 byte_count) {
  return byte_count > COPY_BYTES - COPY_PIECE;
}

SAMPLE_ASSERT(sizeof(struct copy_record) == 328 + COPY_BELOW + COPY_BYTES,
              "no padding");
SAMPLE_ASSERT(sizeof(struct copy_more_record) == 32 + COPY_BYTES, "no padding");
SAMPLE_ASSERT(sizeof(struct sample_key) == 80, "no padding");
SAMPLE_ASSERT(sizeof(struct image_record) == 64, "no padding");
SAMPLE_ASSERT(sizeof(struct stack_record) == 32, "no padding");

// The second multiplier is the secret: without it nobody can choose two words
// whose differences cancel.
static inline __u64 hash_step(__u64 seed, __u64 hash, __u64 word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
  hash = (hash ^ (hash >> 32)) * (seed | 1);
  return hash ^ (hash >> 29);
}

// The last step: spreads the bits and keeps clear of the reason codes.
static inline __u64 hash_finish(__u64 hash) {
  hash ^= hash >> 32;
  hash *= 0xd6e8feb86659fd93ULL;
  hash ^= hash >> 32;
  return hash < STACK_REASONS ? hash + STACK_REASONS : hash;
}

// The set-associative memory of what was sent lately: forgetting is harmless
// (it is sent again), so a slot is simply overwritten when its set is full.
#define SEEN_WAYS 8
#define SEEN_SETS 16384

struct seen_set {
  __u64 slots[SEEN_WAYS];
};

static inline int seen_find(const struct seen_set *set, __u64 hash) {
  for (int way = 0; way < SEEN_WAYS; ++way) {
    if (set->slots[way] == hash) return way;
  }
  return -1;
}

// Where to put a new hash: an empty slot, else one chosen by the hash itself.
static inline int seen_victim(const struct seen_set *set, __u64 hash) {
  for (int way = 0; way < SEEN_WAYS; ++way) {
    if (set->slots[way] == 0) return way;
  }
  return (hash >> 56) & (SEEN_WAYS - 1);
}
