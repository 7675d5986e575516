// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The rules that were found last, by object and address. A search through the
// rows of a page of code goes over a dozen cache lines that nothing else keeps
// warm; the callers on a stack are the same from sample to sample.
//
// One entry is one word, so that programs on all CPUs, also one that interrupts
// another, may write it without a lock. It holds all of what it was found by:
// the number of the object's rows, which is never given twice, and the address
// are mixed into 60 bits, one to one; some of them choose the entry and the
// rest are kept in it. Pure functions, as in unwind_rows.h.
#pragma once

#include "unwind_rows.h"

#define UNWIND_CACHE_BITS 13
#define UNWIND_CACHE_ENTRIES (1 << UNWIND_CACHE_BITS)

#define UNWIND_CACHE_SERIAL_BITS 24
#define UNWIND_CACHE_ADDRESS_BITS 36
#define UNWIND_CACHE_KEY_BITS \
  (UNWIND_CACHE_SERIAL_BITS + UNWIND_CACHE_ADDRESS_BITS)
#define UNWIND_CACHE_TAG_BITS (UNWIND_CACHE_KEY_BITS - UNWIND_CACHE_BITS)
// An entry: one bit that it is one, the tag, the rule.
UNWIND_ASSERT(1 + UNWIND_CACHE_TAG_BITS + 16 <= 64, "an entry is one word");

// What cannot be told from others in that many bits is not kept: rows of more
// objects than any run has seen, code in a file of over 64 GiB.
static inline int unwind_can_be_cached(__u64 serial, __u64 address) {
  return serial && serial >> UNWIND_CACHE_SERIAL_BITS == 0 &&
         address >> UNWIND_CACHE_ADDRESS_BITS == 0;
}

// A product with an odd number, of which the low bits are kept, is different
// for each key.
static inline __u64 unwind_cache_key(__u64 serial, __u64 address) {
  __u64 key = serial << UNWIND_CACHE_ADDRESS_BITS | address;
  return key * 0x9e3779b97f4a7c15ULL & ((1ULL << UNWIND_CACHE_KEY_BITS) - 1);
}

// The highest bits, upon which all of the key has come to bear.
static inline __u32 unwind_cache_index(__u64 key) {
  return key >> UNWIND_CACHE_TAG_BITS;
}

// An entry; never 0, which is an empty one. Its rule has 16 bits.
static inline __u64 unwind_cache_entry(__u64 key, __u32 rule) {
  __u64 tag = key & ((1ULL << UNWIND_CACHE_TAG_BITS) - 1);
  return 1ULL << 63 | tag << 16 | rule;
}

static inline int unwind_cache_holds(__u64 entry, __u64 key) {
  return entry >> 16 == unwind_cache_entry(key, 0) >> 16;
}

static inline __u32 unwind_cache_rule(__u64 entry) { return entry & 0xffff; }
