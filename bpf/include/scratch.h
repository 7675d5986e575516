// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Where stacks are walked into: per CPU, once for each context that can nest.
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "sample.h"

#define UNWIND_READ(walk, to, size, address) \
  bpf_probe_read_user(to, size, (const void *)(address))
#include "unwind_step.h"

// Contexts that can nest on one CPU: task, softirq, hardirq, NMI.
#define SCRATCH_LEVELS 4

// Frames that are hashed in one turn of the loop.
#define HASH_BLOCK 16

struct stack_scratch {
  struct stack_record record;
  __u64 frames[STACK_MAX_FRAMES + HASH_BLOCK];
  __u64 frame_count;  // this and the rest: unwind.h
  struct unwind_space space;
  struct unwind_walk walk;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, SCRATCH_LEVELS);
  __type(key, __u32);
  __type(value, struct stack_scratch);
} scratch SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} scratch_depth SEC(".maps");
