// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Why a thread sleeps, without its stack: the system call that it is in, and
// what that waits for. Read from the task itself, which need not be current:
// its registers and its call stay as they are until it runs again.
#pragma once

#include "offcpu.h"
#include "saved_registers.h"
#include "socket.h"
#include "thread_waits.h"

// System calls whose first argument is a descriptor that they wait for, one bit
// a number; set by user space, which has their names.
#define REASON_SYSCALLS 512
const volatile __u64 descriptor_calls[REASON_SYSCALLS / 64] = {};

// include/uapi/linux/stat.h, include/uapi/linux/magic.h.
#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#define S_IFIFO 0010000
#define ANON_INODE_FS_MAGIC 0x09041934

#define AF_UNIX 1
#define AF_NETLINK 16
#define PROTOCOL_UDP 17
#define PROTOCOL_MPTCP 262

// How far above the beginning of a stack a task's user registers lie: the same
// in all. Above them there may be a gap (x86 with FRED, 6.9: 16 bytes), so it
// is measured on a task that an iterator has, which every program may ask the
// helper for.
__u64 saved_registers_offset = KERNEL_STACK_SIZE - KERNEL_PT_REGS_SIZE;

static __always_inline void measure_saved_registers(struct task_struct *task) {
  if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs)) {
    return;
  }
  long registers = bpf_task_pt_regs(task);
  __u64 address = 0;  // a number, with which the verifier lets us count
  if (bpf_probe_read_kernel(&address, sizeof(address), &registers)) return;
  saved_registers_offset = address - (__u64)BPF_CORE_READ(task, stack);
}

static __always_inline const void *saved_registers_of(
    struct task_struct *task) {
  return BPF_CORE_READ(task, stack) + saved_registers_offset;
}

// Where a task that is not current left its registers; as saved_registers().
static __always_inline const void *registers_of(struct task_struct *task,
                                                bool trusted) {
  if (trusted &&
      bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs)) {
    return (const void *)bpf_task_pt_regs(task);
  }
  return saved_registers_of(task);
}

static __always_inline __u8 socket_object(struct file *file) {
  struct socket *socket = BPF_CORE_READ(file, private_data);
  struct sock *sk = BPF_CORE_READ(socket, sk);
  __u16 family = family_of(sk);
  if (family == AF_UNIX) return WAIT_OBJECT_UNIX_SOCKET;
  if (family == AF_NETLINK) return WAIT_OBJECT_NETLINK;
  if (family != AF_INET && family != AF_INET6) return WAIT_OBJECT_OTHER_SOCKET;
  __u16 protocol = BPF_CORE_READ(sk, sk_protocol);
  if (protocol == PROTOCOL_TCP || protocol == PROTOCOL_MPTCP) {
    return WAIT_OBJECT_TCP;
  }
  return protocol == PROTOCOL_UDP ? WAIT_OBJECT_UDP : WAIT_OBJECT_OTHER_SOCKET;
}

// Four bytes of a name, as they lie in memory.
#define NAME_WORD(a, b, c, d) \
  ((__u32)(a) | (__u32)(b) << 8 | (__u32)(c) << 16 | (__u32)(d) << 24)

// By the name that its maker gave it: "[eventfd]" or "inotify".
static __always_inline __u8 anonymous_object(struct file *file) {
  __u32 name = 0;
  bpf_probe_read_kernel(&name, sizeof(name),
                        BPF_CORE_READ(file, f_path.dentry, d_name.name));
  if (name == NAME_WORD('[', 'e', 'v', 'e')) return WAIT_OBJECT_EVENTFD;
  if (name == NAME_WORD('[', 't', 'i', 'm')) return WAIT_OBJECT_TIMERFD;
  if (name == NAME_WORD('[', 's', 'i', 'g')) return WAIT_OBJECT_SIGNALFD;
  if (name == NAME_WORD('i', 'n', 'o', 't')) return WAIT_OBJECT_INOTIFY;
  return WAIT_OBJECT_ANONYMOUS;
}

// Files without a name have no type before 6.16, and that of a regular file
// since (anon_inode_make_secure_inode(), fs/anon_inodes.c).
static __always_inline __u8 file_object(struct file *file) {
  struct inode *inode = BPF_CORE_READ(file, f_inode);
  switch (BPF_CORE_READ(inode, i_mode) & S_IFMT) {
    case S_IFSOCK:
      return socket_object(file);
    case S_IFIFO:
      return WAIT_OBJECT_PIPE;
    case S_IFCHR:
      return WAIT_OBJECT_CHARACTER_DEVICE;
    case S_IFBLK:
      return WAIT_OBJECT_BLOCK_DEVICE;
    case S_IFDIR:
      return WAIT_OBJECT_DIRECTORY;
    case S_IFREG:
    case 0:
      if (BPF_CORE_READ(inode, i_sb, s_magic) == ANON_INODE_FS_MAGIC) {
        return anonymous_object(file);
      }
      return WAIT_OBJECT_FILE;
  }
  return WAIT_OBJECT_UNKNOWN;
}

static __always_inline __u8 descriptor_object(struct task_struct *task,
                                              __u32 descriptor, bool trusted) {
  struct fdtable *table =
      trusted ? task->files->fdt : BPF_CORE_READ(task, files, fdt);
  __u32 most = trusted ? table->max_fds : BPF_CORE_READ(table, max_fds);
  if (descriptor >= most) return WAIT_OBJECT_UNKNOWN;
  struct file **files = trusted ? table->fd : BPF_CORE_READ(table, fd);
  struct file *file = NULL;
  bpf_probe_read_kernel(&file, sizeof(file), &files[descriptor]);
  return file ? file_object(file) : WAIT_OBJECT_UNKNOWN;
}

static __always_inline bool waits_for_descriptor(__u32 syscall) {
  if (syscall >= REASON_SYSCALLS) return false;
  return descriptor_calls[syscall / 64 & (REASON_SYSCALLS / 64 - 1)] >>
             (syscall & 63) &
         1;
}

static __always_inline __u8 reason_flags(struct task_struct *task,
                                         bool trusted) {
  __u32 flags = trusted ? task->flags : BPF_CORE_READ(task, flags);
  __u64 io = trusted ? BPF_CORE_READ_BITFIELD(task, in_iowait)
                     : BPF_CORE_READ_BITFIELD_PROBED(task, in_iowait);
  return (io ? WAIT_IO : 0) | (flags & PF_EXITING ? WAIT_EXITING : 0);
}

// x86: what entry code leaves of a call lies in this order, and the number is
// negative in exceptions and interrupts (arch/x86/entry/entry_64.S). Threads of
// the kernel have never been in user mode and have zeros there.
struct call_registers {
  __u64 rsi, rdi, orig_rax, rip;
};

// Why a thread sleeps, or has just slept. `flags`: what is known already.
static __always_inline struct wait_reason reason_of(struct task_struct *task,
                                                    __u8 flags, bool trusted) {
  struct wait_reason reason = {.syscall = WAIT_NO_SYSCALL, .flags = flags};
  struct call_registers call;
  reason.flags |= reason_flags(task, trusted);
  if (reason.flags & WAIT_EXITING) return reason;
  const void *registers = registers_of(task, trusted);
  if (bpf_probe_read_kernel(&call, sizeof(call),
                            registers + offsetof(struct pt_regs, rsi)) ||
      (__s64)call.orig_rax < 0 || !call.rip) {
    return reason;
  }
  reason.syscall = call.orig_rax;
  __u32 status = trusted ? task->thread_info.status
                         : BPF_CORE_READ(task, thread_info.status);
  if (status & TS_COMPAT) {
    reason.flags |= WAIT_COMPAT;
  } else if (waits_for_descriptor(reason.syscall)) {
    reason.object = descriptor_object(task, call.rdi, trusted);
  }
  return reason;
}
