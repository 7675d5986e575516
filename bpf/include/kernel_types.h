// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The kernel's own types, cut down to the fields that are read. CO-RE finds the
// real offsets at load time, so only names and rough types matter here. Sources
// are named where a field has moved.
#pragma once

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), \
                             apply_to = record)

struct ns_common {
  unsigned int inum;
};

struct pid_namespace {
  struct ns_common ns;
};

struct upid {
  int nr;
  struct pid_namespace *ns;
};

struct pid {
  unsigned int level;
  struct upid numbers[1];
};

typedef struct {
  int counter;
} atomic_t;

struct list_head {
  struct list_head *next, *prev;
};

typedef struct {
} seqlock_t;

struct inode {
  unsigned short i_mode;
  unsigned int i_nlink;
};

struct qstr {
  const unsigned char *name;
};

struct hlist_bl_node {
  struct hlist_bl_node *next, **pprev;
};

struct dentry {
  struct hlist_bl_node d_hash;
  struct dentry *d_parent;
  struct qstr d_name;
  struct inode *d_inode;
};

struct vfsmount {
  struct dentry *mnt_root;
};

struct mount {
  struct mount *mnt_parent;
  struct dentry *mnt_mountpoint;
  struct vfsmount mnt;
};

struct path {
  struct vfsmount *mnt;
  struct dentry *dentry;
};

struct file {
  struct path f_path;
  struct inode *f_inode;
  void *private_data;
};

struct fdtable {
  unsigned int max_fds;
  struct file **fd;
};

struct files_struct {
  struct fdtable *fdt;
};

struct fs_struct {
  struct path pwd;
};

struct mm_struct {
  unsigned long arg_start, arg_end, env_start, env_end;
  struct file *exe_file;
};

struct linux_binprm {
  int argc;
  const char *filename;
  const char *interp;
};

struct tty_struct {
  char name[64];
};

struct signal_struct {
  atomic_t live;
  struct list_head thread_head;
  seqlock_t stats_lock;
  struct tty_struct *tty;
  unsigned int flags;
  int group_exit_code;
  unsigned long long utime;  // of threads that have ended, as stime
  unsigned long long stime;
  unsigned long maxrss;  // pages
  unsigned long long sum_sched_runtime;
};

struct rq {
  unsigned long long clock;
  unsigned long long clock_task;  // less interrupts and what a host has stolen
};

struct cfs_rq {
  struct rq *rq;
};

struct sched_entity {
  unsigned long long exec_start;  // clock_task, as of sum_exec_runtime
  unsigned long long sum_exec_runtime;
  struct cfs_rq *cfs_rq;  // with CONFIG_FAIR_GROUP_SCHED
};

// x86: include/asm/thread_info.h.
struct thread_info {
  unsigned int status;
};

struct task_struct {
  struct thread_info thread_info;
  unsigned int flags;
  int pid;
  int tgid;
  unsigned long long start_time;      // CLOCK_MONOTONIC, at fork
  unsigned long long start_boottime;  // 5.5; /proc/PID/stat field 22
  unsigned long long self_exec_id;    // u32 before 5.7: only 32 bits are used
  struct task_struct *real_parent;
  struct task_struct *group_leader;
  struct list_head thread_node;  // of signal->thread_head
  struct pid *thread_pid;
  struct signal_struct *signal;
  struct fs_struct *fs;
  struct files_struct *files;
  struct sched_entity se;
  unsigned long long utime;
  unsigned long long stime;
  int exit_code;
  // none: a kernel thread, or one that has given it up
  struct mm_struct *mm;
  void *stack;  // the kernel's
  char comm[16];
};

// What a perf-event program's context really points at (kernel/events/core.c,
// include/linux/perf_event.h).
struct perf_event_attr___tag {
  __u32 wakeup_events;
};

struct perf_event {
  struct perf_event_attr___tag attr;
};

struct bpf_perf_event_data_kern {
  void *regs;
  struct perf_event *event;
};

#pragma clang attribute pop

// include/linux/sched.h; stable since 2.6.
#define PF_VCPU 0x00000001
#define PF_KTHREAD 0x00200000
// include/linux/sched/signal.h: the whole group ends with group_exit_code.
#define SIGNAL_GROUP_EXIT 0x00000004
// arch/x86/include/asm/thread_info.h: in a system call of 32 bits.
#define TS_COMPAT 0x0002
