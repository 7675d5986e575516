// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What programs ask their C library for: the name that getaddrinfo() was called
// with and the addresses that it returned, at uprobes of the function
// (libcommon/dns/lookups.h). Costs nobody who does not call it.
#include "kernel_types.h"
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_tracing.h>

#include "event_ring.h"
#include "getaddrinfo.h"
#include "task.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// struct addrinfo of 64-bit glibc and musl alike (netdb.h), and where the
// addresses lie in struct sockaddr_in and sockaddr_in6 (netinet/in.h).
struct list_entry {
  __s32 flags;
  __s32 family;
  __s32 type;
  __s32 protocol;
  __u64 address_size;
  __u64 address;
  __u64 canonical_name;
  __u64 next;
};
#define FAMILY_INET 2
#define FAMILY_INET6 10
#define INET_ADDRESS_AT 4
#define INET6_ADDRESS_AT 8
#define MAPPED_ADDRESS_AT 12  // in lookup_address, behind ::ffff:

// A call that has not returned.
struct call {
  __u64 name;
  __u64 result;  // where the list's address is put
};

// Of a thread that ends in the call, or leaves it by a jump, the entry stays
// until it is the one that was used least lately.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, __u64);
  __type(value, struct call);
} calls SEC(".maps");

struct lookup_slot {
  __u64 next;  // entry of the list
  struct lookup_record record;
};

#define SCRATCH_SLOT struct lookup_slot
#include "scratch_pool.h"

static __always_inline struct lookup_slot *slot_at(__u32 number) {
  return bpf_map_lookup_elem(&scratch_slots, &number);
}

// False when that is not in memory.
static __always_inline bool read_address(struct lookup_address *to,
                                         const struct list_entry *entry) {
  to->words[0] = 0;
  to->words[1] = 0;
  if (entry->family == FAMILY_INET6) {
    return !bpf_probe_read_user(to, sizeof(*to),
                                (void *)(entry->address + INET6_ADDRESS_AT));
  }
  __u8 *bytes = (__u8 *)to;
  bytes[MAPPED_ADDRESS_AT - 2] = 0xff;
  bytes[MAPPED_ADDRESS_AT - 1] = 0xff;
  return !bpf_probe_read_user(&bytes[MAPPED_ADDRESS_AT],
                              sizeof(*to) - MAPPED_ADDRESS_AT,
                              (void *)(entry->address + INET_ADDRESS_AT));
}

// An address stands there once for each kind of socket, one after the other.
static __always_inline void keep_address(struct lookup_record *record,
                                         const struct lookup_address *address) {
  __u32 count = record->count;
  __u32 last = (count - 1) & (LOOKUP_MOST_ADDRESSES - 1);
  if (count >= LOOKUP_MOST_ADDRESSES) return;
  if (count && record->addresses[last].words[0] == address->words[0] &&
      record->addresses[last].words[1] == address->words[1]) {
    return;
  }
  record->addresses[count & (LOOKUP_MOST_ADDRESSES - 1)] = *address;
  record->count = count + 1;
}

// One entry; returns whether there may be another. Global, as all that is in a
// loop: see exec_text.h.
__noinline int take_entry(__u32 number) {
  struct lookup_slot *slot = slot_at(number);
  struct list_entry entry = {};
  struct lookup_address address;
  if (!slot || !slot->next) return 0;
  if (bpf_probe_read_user(&entry, sizeof(entry), (void *)slot->next)) {
    ledger_count(LEDGER_text_unreadable);
    return 0;
  }
  slot->next = entry.next;
  if (entry.family != FAMILY_INET && entry.family != FAMILY_INET6) return 1;
  if (!read_address(&address, &entry)) {
    ledger_count(LEDGER_text_unreadable);
    return 0;
  }
  keep_address(&slot->record, &address);
  return 1;
}

__noinline int take_entries(__u32 number) {
  for (int i = 0; i < LOOKUP_MOST_ENTRIES; ++i) {
    if (!take_entry(number)) break;
  }
  return 0;
}

static __always_inline void describe(struct lookup_record *record) {
  record->header.time_ns = bpf_ktime_get_ns();
  record->header.tid = bpf_get_current_pid_tgid();
  record->header.type = LOOKUP_DONE;
  record->header.more = 0;
  record->header.rest = 0;
  record->cgroup = bpf_get_current_cgroup_id();
  record->uid = bpf_get_current_uid_gid();
  record->unused = 0;
  record->pid = task_pid((struct task_struct *)bpf_get_current_task());
  record->count = 0;
}

static __always_inline void send_lookup(struct lookup_record *record) {
  __u32 count = record->count;
  if (!count || count > LOOKUP_MOST_ADDRESSES) return;
  if (!send_event(record, offsetof(struct lookup_record, addresses) +
                              count * sizeof(struct lookup_address))) {
    ledger_count(LEDGER_event_ring_full);
  }
}

// Both are read now: a name that nobody had touched yet when the call began, as
// a constant of the program, is in memory after it.
static __always_inline void gather(struct lookup_slot *slot, __u32 number,
                                   const struct call *call) {
  long size = bpf_probe_read_user_str(
      slot->record.name, sizeof(slot->record.name), (void *)call->name);
  if (size < 0 || bpf_probe_read_user(&slot->next, sizeof(slot->next),
                                      (void *)call->result)) {
    ledger_count(LEDGER_text_unreadable);
    return;
  }
  if (size == LOOKUP_NAME_SIZE) return;
  describe(&slot->record);
  take_entries(number);
  send_lookup(&slot->record);
}

SEC("uprobe")
int BPF_KPROBE(on_getaddrinfo, const char *name, const char *service,
               const void *hints, void *result) {
  __u64 thread = bpf_get_current_pid_tgid();
  struct call call = {.name = (__u64)name, .result = (__u64)result};
  // Without a name nothing is looked up but a port.
  if (name) bpf_map_update_elem(&calls, &thread, &call, BPF_ANY);
  return 0;
}

SEC("uretprobe")
int BPF_KRETPROBE(after_getaddrinfo, int error) {
  __u64 thread = bpf_get_current_pid_tgid();
  struct call *found = bpf_map_lookup_elem(&calls, &thread);
  if (!found) return 0;
  struct call call = *found;
  bpf_map_delete_elem(&calls, &thread);
  if (error) return 0;
  __u32 number = claim_slot();
  struct lookup_slot *slot = slot_at(number);
  if (!slot) {
    ledger_count(LEDGER_scratch_full);
    return 0;
  }
  gather(slot, number, &call);
  release_slot(number);
  return 0;
}
