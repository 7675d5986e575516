// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// execsnoop: each new program, from the memory and the files that it has when
// it starts; each exec that failed, from the registers that it returns with;
// and the end of processes.
#include "kernel_types.h"
#include <linux/bpf.h>
#include <bpf/bpf_tracing.h>

#include "execsnoop.h"
#include "exec_text.h"
#include "exec_times.h"
#include "filter.h"
#include "event_ring.h"
#include "syscall_args.h"

const volatile __u32 most_args = 128 << 10;
const volatile bool want_env = false;
const volatile bool want_ancestry = false;
const volatile bool filter_parents = false;

// System calls that exec, arch/x86/entry/syscalls/syscall_{64,32}.tbl.
#define NR_EXECVE 59
#define NR_EXECVEAT 322
#define NR_COMPAT_EXECVE 11
#define NR_COMPAT_EXECVEAT 358

// In an argument of send_piece(), which can have no more than five.
#define MORE_FOLLOWS (1U << 31)

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// A kernel that preempts the programs of tracepoints (7.2) leaves a program out
// for one task while the same program of another task stands still on that CPU
// (bpf_prog.active, __bpf_trace_run, kernel/trace/bpf_trace.c). So two programs
// see each exec and each end, and the first says here that it had it.
struct seen_key {
  __u64 start_ns;
  __u32 tid;
  __u32 exec_id;  // SEEN_EXIT for the end
};

#define SEEN_EXIT (~0U)

// Of what the second program was kept from the key stays, until it is the one
// that was used least lately.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 2048);
  __type(key, struct seen_key);
  __type(value, __u8);
} seen SEC(".maps");

// What the second program saw instead of the first.
__u64 execs_seen_late = 0;
__u64 exits_seen_late = 0;

static __always_inline struct seen_key key_of(struct task_struct *task,
                                              __u32 exec_id) {
  struct seen_key key = {
      .start_ns = BPF_CORE_READ(task, start_time),
      .tid = bpf_get_current_pid_tgid(),
      .exec_id = exec_id,
  };
  return key;
}

static __always_inline void see(struct task_struct *task, __u32 exec_id) {
  struct seen_key key = key_of(task, exec_id);
  __u8 yes = 1;
  bpf_map_update_elem(&seen, &key, &yes, BPF_ANY);
}

// Whether the first program was left out.
static __always_inline bool was_missed(struct task_struct *task,
                                       __u32 exec_id) {
  struct seen_key key = key_of(task, exec_id);
  return bpf_map_delete_elem(&seen, &key) != 0;
}

// The process itself, or with --parent the one that started it, is chosen.
static __always_inline bool is_chosen(struct task_struct *task) {
  __u64 parent =
      TARGET_PARENT | task_pid(BPF_CORE_READ(task, group_leader, real_parent));
  bool wrong_parent = filter_parents && !bpf_map_lookup_elem(&targets, &parent);
  if (!wrong_parent && passes_filters(task_pid(task), task_tid(task))) {
    return true;
  }
  ledger_count(LEDGER_not_target);
  return false;
}

static __always_inline void begin_event(struct event_header *header,
                                        __u16 type) {
  header->time_ns = bpf_ktime_get_ns();
  header->tid = bpf_get_current_pid_tgid();
  header->type = type;
  header->more = 0;
  header->rest = 0;
}

// What is the same whether the exec succeeded or not. The text starts empty.
static __always_inline void describe_task(struct exec_record *record,
                                          struct task_struct *task) {
  struct task_struct *parent =
      BPF_CORE_READ(task, group_leader, real_parent, group_leader);
  struct tty_struct *tty = BPF_CORE_READ(task, signal, tty);
  record->start_ns = BPF_CORE_READ(task, group_leader, start_time);
  record->cgroup = bpf_get_current_cgroup_id();
  read_times(&record->times, task, record->header.time_ns);
  record->pid = task_pid(task);
  record->old_tid = task_tid(task);
  record->parent = task_pid(parent);
  record->uid = bpf_get_current_uid_gid();
  record->error = 0;
  record->flags = 0;
  record->env_size = 0;
  record->interpreter_length = 0;
  record->exe_length = 0;
  record->ancestors = 0;
  record->args_length = 0;
  bpf_get_current_comm(record->comm, sizeof(record->comm));
  bpf_core_read_str(record->parent_comm, sizeof(record->parent_comm),
                    &parent->comm);
  record->tty[0] = 0;
  if (tty) bpf_core_read_str(record->tty, sizeof(record->tty), &tty->name);
}

static __always_inline void put_working_directory(struct exec_text_slot *slot,
                                                  struct task_struct *task) {
  struct fs_struct *fs = BPF_CORE_READ(task, fs);
  slot->record.cwd_length =
      put_path(slot->number, (__u64)&fs->pwd, EXEC_CWD_CUT);
}

static __always_inline void describe_program(struct exec_text_slot *slot,
                                             struct task_struct *task,
                                             struct linux_binprm *bprm) {
  struct exec_record *record = &slot->record;
  struct file *exe = BPF_CORE_READ(task, mm, exe_file);
  const char *file = BPF_CORE_READ(bprm, filename);
  const char *interpreter = BPF_CORE_READ(bprm, interp);
  record->exe_length = put_executable(slot->number, (__u64)&exe->f_path);
  put_working_directory(slot, task);
  record->file_length = put_kernel_string(slot, file);
  if (interpreter != file) {
    record->interpreter_length = put_kernel_string(slot, interpreter);
  }
}

// The arguments and the environment lie behind one another, each string with
// its NUL, as /proc/PID/cmdline and environ have them.
static __always_inline void describe_args(struct exec_record *record,
                                          struct task_struct *task,
                                          struct linux_binprm *bprm) {
  struct mm_struct *mm = BPF_CORE_READ(task, mm);
  record->args_count = BPF_CORE_READ(bprm, argc);
  record->args_size = BPF_CORE_READ(mm, arg_end) - BPF_CORE_READ(mm, arg_start);
  if (want_env) {
    record->env_size =
        BPF_CORE_READ(mm, env_end) - BPF_CORE_READ(mm, env_start);
  }
}

// A piece of an area that starts at `address`, up to `to`, in a record of its
// own; MORE_FOLLOWS says that one of another area comes behind the last.
__noinline int send_piece(__u32 number, __u32 area, __u64 address, __u32 offset,
                          __u32 to_and_more) {
  struct exec_text_slot *slot = slot_at(number);
  __u32 to = to_and_more & ~MORE_FOLLOWS;
  if (!slot || offset >= to) return 0;
  struct exec_text *chunk = &slot->chunk;
  __u64 size = bounded(to - offset, EXEC_TEXT_SIZE);
  chunk->header.time_ns = slot->record.header.time_ns;
  chunk->header.tid = slot->record.header.tid;
  chunk->header.type = EXEC_TEXT;
  chunk->header.rest = ++slot->pieces;
  chunk->header.more = (to_and_more & MORE_FOLLOWS) || offset + size < to;
  chunk->area = area;
  chunk->offset = offset;
  if (bpf_probe_read_user(slot->text, size, (void *)(address + offset))) {
    ledger_count(LEDGER_text_unreadable);
    size = 0;
  }
  // Whether it had room or not: user space counts the events that lack one.
  send_event(chunk, sizeof(*chunk) + size);
  return 0;
}

// The rest of an area.
__noinline int send_rest(__u32 number, __u32 area, __u64 address, __u32 from,
                         __u32 to_and_more) {
  __u32 to = to_and_more & ~MORE_FOLLOWS;
  for (int i = 0; i < EXEC_MOST_ARGS / EXEC_TEXT_SIZE + 1; ++i) {
    if (from >= to) break;
    send_piece(number, area, address, from, to_and_more);
    from += EXEC_TEXT_SIZE;
  }
  return 0;
}

static __always_inline __u32 least(__u32 a, __u32 b) { return a < b ? a : b; }

// Counts the event as lost when there was no room. The record goes out with as
// much of the arguments as it has room for; few need more.
static __always_inline bool send_record(struct exec_text_slot *slot) {
  __u32 size = slot->used & (EXEC_TEXT_SIZE - 1);
  if (send_event(&slot->record, sizeof(slot->record) + size)) return true;
  ledger_count(LEDGER_event_ring_full);
  return false;
}

static __always_inline void send_program(struct exec_text_slot *slot,
                                         struct task_struct *task) {
  struct exec_record *record = &slot->record;
  struct mm_struct *mm = BPF_CORE_READ(task, mm);
  __u32 args = least(record->args_size, most_args);
  __u32 env = least(record->env_size, EXEC_MOST_ARGS);
  __u64 args_start = BPF_CORE_READ(mm, arg_start);
  __u64 env_start = BPF_CORE_READ(mm, env_start);
  __u32 here = put_user_bytes(slot, args_start, args);
  record->args_length = here;
  if (record->flags & EXEC_UNREADABLE) args = 0;
  record->header.more = here < args || env > 0;
  if (!send_record(slot)) return;
  if (here < args) {
    send_rest(slot->number, EXEC_ARGS, args_start, here,
              args | (env > 0 ? MORE_FOLLOWS : 0));
  }
  if (env > 0) send_rest(slot->number, EXEC_ENV, env_start, 0, env);
}

// In the context of the new program. Arguments are where the kernel has just
// put them, so that they are in memory.
static __always_inline int program_starts(struct task_struct *task, int old_tid,
                                          struct linux_binprm *bprm) {
  ledger_count(LEDGER_entered);
  if (!is_chosen(task)) return 0;
  struct exec_text_slot *slot = claim_text();
  if (!slot) return 0;
  begin_event(&slot->record.header, EXEC_DONE);
  describe_task(&slot->record, task);
  slot->record.old_tid = old_tid;
  describe_program(slot, task, bprm);
  if (want_ancestry) put_ancestors(slot->number);
  describe_args(&slot->record, task, bprm);
  send_program(slot, task);
  release_text(slot);
  return 0;
}

SEC("raw_tp/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_tid,
             struct linux_binprm *bprm) {
  see(task, BPF_CORE_READ(task, self_exec_id));
  return program_starts(task, old_tid, bprm);
}

// Comes behind on_exec, and does its work where the kernel left that out.
SEC("raw_tp/sched_process_exec")
int BPF_PROG(on_exec_again, struct task_struct *task, int old_tid,
             struct linux_binprm *bprm) {
  if (!was_missed(task, BPF_CORE_READ(task, self_exec_id))) return 0;
  __sync_fetch_and_add(&execs_seen_late, 1);
  return program_starts(task, old_tid, bprm);
}

// What was tried is still in the memory of who tried it.
static __always_inline int exec_failed(long error) {
  struct task_struct *task = current_task();
  struct syscall_args args = {};
  ledger_count(LEDGER_entered);
  if (!is_chosen(task)) return 0;
  struct exec_text_slot *slot = claim_text();
  if (!slot) return 0;
  read_syscall(&args);
  bool at = args.number == NR_EXECVEAT || args.number == NR_COMPAT_EXECVEAT;
  begin_event(&slot->record.header, EXEC_FAILED);
  describe_task(&slot->record, task);
  slot->record.error = -error;
  slot->record.directory = args.values[0];
  if (at) slot->record.flags |= EXEC_FROM_FD;
  if (args.compat) slot->record.flags |= EXEC_COMPAT;
  put_working_directory(slot, task);
  slot->record.file_length =
      put_user_string(slot, at ? args.values[1] : args.values[0]);
  if (want_ancestry) put_ancestors(slot->number);
  put_tried_args(slot->number, at ? args.values[2] : args.values[1],
                 args.compat ? 4 : 8);
  send_record(slot);
  release_text(slot);
  return 0;
}

// Where functions can be traced, failures cost nothing but themselves. Their
// own argument is left alone: to some kernels it is of no known type (5.10).
#define ON_RETURN(name, function)                        \
  SEC("fexit/" #function)                                \
  int BPF_PROG(name, const void *unused, long result) {  \
    return is_failure(result) ? exec_failed(result) : 0; \
  }
ON_RETURN(after_execve, __x64_sys_execve)
ON_RETURN(after_execveat, __x64_sys_execveat)
ON_RETURN(after_compat_execve, __ia32_compat_sys_execve)
ON_RETURN(after_compat_execveat, __ia32_compat_sys_execveat)

// Elsewhere at the end of every system call of the machine. The tracepoint of
// the one call (syscalls:sys_exit_execve) would make every call take the same
// slow way, and is silent for programs of 32 bits.
SEC("raw_tp/sys_exit")
int BPF_PROG(on_return, const void *unused, long result) {
  if (!is_failure(result)) return 0;
  struct syscall_args args = {};
  read_syscall(&args);
  bool execs =
      args.compat
          ? args.number == NR_COMPAT_EXECVE || args.number == NR_COMPAT_EXECVEAT
          : args.number == NR_EXECVE || args.number == NR_EXECVEAT;
  return execs ? exec_failed(result) : 0;
}

// signal->live has already been counted down here (do_exit, kernel/exit.c), so
// 0 means the whole process; several of its threads may find it so.
static __always_inline bool process_ends(struct task_struct *task) {
  return BPF_CORE_READ(task, signal, live.counter) == 0;
}

// The leader has the exit code unless a signal or exit_group() ended all
// threads (wait_task_zombie()).
static __always_inline int send_exit(struct task_struct *task) {
  struct signal_struct *signal = BPF_CORE_READ(task, signal);
  struct task_struct *leader = BPF_CORE_READ(task, group_leader);
  struct exec_exit record = {};
  begin_event(&record.header, EXEC_EXIT);
  record.start_ns = BPF_CORE_READ(leader, start_time);
  record.process = bpf_get_current_pid_tgid() >> 32;
  read_ending(&record.times, task, record.header.time_ns);
  record.max_rss_pages = BPF_CORE_READ(signal, maxrss);
  record.code = BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT
                    ? BPF_CORE_READ(signal, group_exit_code)
                    : BPF_CORE_READ(leader, exit_code);
  if (!send_event(&record, sizeof(record))) {
    ledger_count(LEDGER_exit_missing);
  }
  return 0;
}

SEC("raw_tp/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task) {
  if (!process_ends(task)) return 0;
  see(task, SEEN_EXIT);
  return send_exit(task);
}

SEC("raw_tp/sched_process_exit")
int BPF_PROG(on_exit_again, struct task_struct *task) {
  if (!process_ends(task) || !was_missed(task, SEEN_EXIT)) return 0;
  __sync_fetch_and_add(&exits_seen_late, 1);
  return send_exit(task);
}
