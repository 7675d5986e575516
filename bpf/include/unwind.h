// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Walks user stacks by the rows that user space has put into the store
// (unwind_rows.h). What a step does is in unwind_step.h; here is how its rule
// is found.
//
// What is done for each frame are global functions, which the verifier looks at
// once each, however often they are called. They may take no pointers into maps
// before 5.12, so each looks up its scratch space again.
#pragma once

#include "ring.h"
#include "scratch.h"
#include "task.h"
#include "unwind_cache.h"
#include "user_registers.h"

const volatile __u32 unwind_mode = UNWIND_MODE_FP;

struct unwind_shard {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, UNWIND_SHARD_BLOCKS);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, UNWIND_BLOCK_WORDS * sizeof(__u32));
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, UNWIND_MAX_SHARDS);
  __type(key, __u32);
  __array(values, struct unwind_shard);
} unwind_store SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, UNWIND_MAX_OBJECTS);
  __type(key, __u32);
  __type(value, struct unwind_object);
} unwind_objects SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, UNWIND_MAX_RULES);
  __type(key, __u32);
  __type(value, struct unwind_rule);
} unwind_rules SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16384);  // preallocated: perf programs need it before 6.1
  __type(key, __u32);
  __type(value, struct unwind_space);
} unwind_spaces SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, UNWIND_CACHE_ENTRIES);
  __type(key, __u32);
  __type(value, __u64);
} unwind_cache SEC(".maps");

// User space raises it when it was not told what processes do (side-band
// records were lost): what it has published before may be wrong.
__u32 unwind_era = 0;

// Copies what is known of a process; count 0 where that is nothing. What a
// lookup has found may become another process's under our eyes: the kernel uses
// elements of preallocated maps again at once (kernel/bpf/hashtab.c). So it is
// judged by the copy.
static __always_inline bool take_space(struct unwind_space *to, __u32 pid,
                                       __u64 start_ns, __u32 exec_id) {
  to->count = 0;
  struct unwind_space *found = bpf_map_lookup_elem(&unwind_spaces, &pid);
  if (!found) return false;
  *to = *found;
  bool same =
      to->any_image || (to->start_ns == start_ns && to->exec_id == exec_id);
  if (same && to->pid == pid && to->era == unwind_era &&
      found->word == to->word) {
    return true;
  }
  to->count = 0;
  return false;
}

static __always_inline struct stack_scratch *scratch_of(__u32 level) {
  return bpf_map_lookup_elem(&scratch, &level);
}

// The block that a word of the store lies in; null where there is none.
static __always_inline const __u32 *block_of(__u64 word) {
  __u32 shard = word / UNWIND_SHARD_WORDS;
  __u32 block = word / UNWIND_BLOCK_WORDS % UNWIND_SHARD_BLOCKS;
  void *blocks = bpf_map_lookup_elem(&unwind_store, &shard);
  if (!blocks) return NULL;
  return bpf_map_lookup_elem(blocks, &block);
}

// How far apart the pieces are that a compiler generates into one range: V8
// reserves 128 MiB for them, the JVM 240.
#define UNWIND_CODE_RANGE (256ULL << 20)

static __always_inline bool is_generated_near(const __u32 *block, __u64 word,
                                              __u64 address) {
  __u64 start = unwind_two_words(block, word);
  __u64 rest = unwind_two_words(block, word + 4);
  __u64 end = start + ((__u64)(__u32)rest << 12);
  __u64 gap = address < start ? start - address : address - end;
  __u32 id = rest >> 32;
  struct unwind_object *object = bpf_map_lookup_elem(&unwind_objects, &id);
  return object && object->state == UNWIND_GENERATED && gap < UNWIND_CODE_RANGE;
}

// What a frame pointer has led to lies in no mapping. Next to generated code it
// is probably more of that, of a moment ago; elsewhere it is no code at all.
static __always_inline int unmapped(const struct stack_scratch *space,
                                    const __u32 *block, __u64 word) {
  __u64 address = unwind_address(&space->walk);
  __u64 next = word + UNWIND_MAPPING_WORDS;
  __u64 end = (__u64)space->space.word +
              (__u64)space->space.count * UNWIND_MAPPING_WORDS;
  if (is_generated_near(block, word, address)) return STACK_PENDING;
  if (next < end && is_generated_near(block, next, address)) {
    return STACK_PENDING;
  }
  return unwind_unmapped(&space->walk);
}

// Finds the mapping of the walk's pc, and its object.
__noinline int unwind_enter_mapping(__u32 level) {
  struct stack_scratch *space = scratch_of(level);
  if (!space) return STACK_FAILED;
  struct unwind_walk *walk = &space->walk;
  const __u32 *block = block_of(space->space.word);
  // A search in no mappings would find what lies there of others.
  if (!block || !space->space.count) return STACK_PENDING;
  __u64 word = unwind_search_mappings(block, space->space.word,
                                      space->space.count, unwind_address(walk));
  walk->at.start = unwind_two_words(block, word);
  walk->at.bias = unwind_two_words(block, word + 2);
  __u64 rest = unwind_two_words(block, word + 4);
  walk->at.length = rest;
  walk->at.object = rest >> 32;
  if (!unwind_is_mapped(walk)) return unmapped(space, block, word);
  __u32 id = rest >> 32;
  struct unwind_object *object = bpf_map_lookup_elem(&unwind_objects, &id);
  if (!object) return STACK_PENDING;
  walk->object = *object;
  // Half of it was read before it was published: rows always have pages.
  if (unwind_has_rows(walk->object.state) && !walk->object.page_count) {
    return STACK_PENDING;
  }
  return UNWIND_GO_ON;
}

// The rule of an address of the object; no rows where nothing is known of it.
static __always_inline __u32 search_rule(const struct unwind_object *object,
                                         __u64 address) {
  __u64 page = (address >> UNWIND_PAGE_BITS) - object->first_page;
  if (page >= object->page_count) return UNWIND_RULE_NO_ROWS;
  __u64 word = object->pages_word + 2 * page;
  const __u32 *block = block_of(word);
  if (!block) return UNWIND_RULE_NO_ROWS;
  __u64 entry = unwind_two_words(block, word);
  if (!(entry >> 32)) return UNWIND_RULE_NO_ROWS;
  block = block_of((__u32)entry);
  if (!block) return UNWIND_RULE_NO_ROWS;
  return unwind_row_rule(
      unwind_search_rows(block, (__u32)entry, entry >> 32, address & 0xffff));
}

static __always_inline __u32 rule_at(const struct unwind_object *object,
                                     __u64 address) {
  __u64 key = unwind_cache_key(object->serial, address);
  __u32 index = unwind_cache_index(key);
  volatile __u64 *cached = NULL;
  if (unwind_can_be_cached(object->serial, address)) {
    cached = bpf_map_lookup_elem(&unwind_cache, &index);
  }
  __u64 entry = cached ? *cached : 0;
  if (unwind_cache_holds(entry, key)) return unwind_cache_rule(entry);
  __u32 rule = search_rule(object, address);
  if (cached) *cached = unwind_cache_entry(key, rule);
  return rule;
}

__noinline int unwind_follow(__u32 level, __u32 number) {
  struct stack_scratch *space = scratch_of(level);
  struct unwind_rule *rule = bpf_map_lookup_elem(&unwind_rules, &number);
  if (!space || !rule) return STACK_FAILED;
  return unwind_apply(&space->walk, rule);
}

// Notes the frame that the walk is in, and goes to its caller.
__noinline int unwind_step(__u32 level) {
  struct stack_scratch *space = scratch_of(level);
  if (!space) return STACK_FAILED;
  struct unwind_walk *walk = &space->walk;
  __u64 count = space->frame_count;
  if (count >= STACK_MAX_FRAMES) return STACK_CUT;
  int found = UNWIND_GO_ON;
  if (!unwind_is_mapped(walk)) found = unwind_enter_mapping(level);
  // What was interrupted is a frame, wherever it is.
  if (found == UNWIND_GO_ON || !walk->from_call || count == 0) {
    space->frames[count] = unwind_frame(walk);
    space->frame_count = count + 1;
  }
  if (found != UNWIND_GO_ON) return found;
  __u32 state = walk->object.state;
  if (state == UNWIND_PENDING) return STACK_PENDING;
  if (state == UNWIND_LEFT_OUT) return STACK_LEFT_OUT;
  if (state == UNWIND_NO_INFORMATION) return STACK_NO_ROWS;
  __u32 rule = UNWIND_RULE_NO_ROWS;
  if (unwind_has_rows(state)) {
    rule = rule_at(&walk->object, unwind_address(walk) - walk->at.bias);
  }
  return unwind_follow(level, rule);
}

// A loop within a loop: the verifier goes through the turns of each once.
#define UNWIND_TURNS 32

__noinline int unwind_steps(__u32 level) {
  for (int i = 0; i < UNWIND_TURNS; ++i) {
    int result = unwind_step(level);
    if (result != UNWIND_GO_ON) return result;
  }
  return UNWIND_GO_ON;
}

// The registers that the walk begins with must be in place.
static __always_inline int walk_frames(__u32 level) {
  for (int i = 0; i <= STACK_MAX_FRAMES / UNWIND_TURNS; ++i) {
    int result = unwind_steps(level);
    if (result != UNWIND_GO_ON) return result;
  }
  return STACK_CUT;
}

// Puts the process's mappings and the user registers in place. False where
// there is nothing that this walk could begin with.
static __always_inline bool begin_walk(struct stack_scratch *space,
                                       const struct sample_key *key,
                                       struct task_struct *task,
                                       const void *interrupted) {
  struct unwind_walk *walk = &space->walk;
  if (!take_user_registers(walk, task, interrupted)) return false;
  take_space(&space->space, key->pid, key->start_ns, key->exec_id);
  space->frame_count = 0;
  walk->interrupted = walk->guessed = walk->switches = 0;
  walk->frame_pointers = unwind_mode != UNWIND_MODE_DWARF;
  walk->at.start = walk->at.length = 0;
  return true;
}
