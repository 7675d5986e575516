// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the two halves of execsnoop share: the records of the ring.
#pragma once

#include <linux/types.h>

#include "event.h"

#define EXEC_NAME_SIZE 16  // TASK_COMM_LEN, include/linux/sched.h
#define EXEC_TTY_SIZE 16

// Bytes of text in a record; a power of two.
#define EXEC_TEXT_SIZE 16384
// The longest string that is read at once: PATH_MAX.
#define EXEC_STRING_SIZE 4096
// Of the components of a path, so that two of them leave room for the rest.
#define EXEC_PATH_SIZE 3584

// Arguments and environment that cross the ring, at most, in records of
// EXEC_TEXT_SIZE, each of the two: fewer than event_header.rest can number. The
// ring holds twice as much.
#define EXEC_MOST_ARGS (1 << 20)

// Arguments of a failed exec, which lie apart in memory.
#define EXEC_MOST_TRIED 512

enum exec_type {
  EXEC_DONE = 1,  // a new program runs
  EXEC_FAILED,
  EXEC_TEXT,  // more of the text of one of these
  EXEC_EXIT,  // a process has ended
};

enum exec_flag {
  EXEC_DELETED = 1,     // the executable has that name no more
  EXEC_EXE_CUT = 2,     // its path is longer than what was read
  EXEC_CWD_CUT = 4,     // so is that of the working directory
  EXEC_UNREADABLE = 8,  // arguments that were not in memory
  EXEC_TRIED_CUT = 16,  // of a failed exec: more or longer than what is read
  EXEC_COMPAT = 32,     // a failed exec by a program of 32 bits
  EXEC_NOWHERE = 64,    // the executable never had a path, only a name
  EXEC_FROM_FD = 128,   // a failed execveat(): `directory` is its descriptor
};

// Times are in nanoseconds of CPU, of all threads of the process so far. utime
// and stime are counted at ticks, and only good for their ratio, as the kernel
// uses them (cputime_adjust, kernel/sched/cputime.c).
//
// The kernel adds to the runtime at ticks and switches (update_curr,
// kernel/sched/fair.c). What the current thread has used since then is
// `uncounted`, plus what the clocks of the record and of the scheduler differ
// by: only the difference of two of them means something, and only as long as
// the clocks have not drifted apart. 0 is unknown.
struct exec_times {
  __u64 runtime;
  __u64 uncounted;
  __u64 utime;
  __u64 stime;
};

// The text behind it is, in this order: the components of the path of the
// executable and of the working directory, from the last to the first, each
// with a NUL; the file as it was given; the interpreter; the ancestors, parent
// first; the arguments; the environment. Lengths are in bytes.
struct exec_record {
  struct event_header header;
  __u64 start_ns;  // of the process, CLOCK_MONOTONIC
  __u64 cgroup;
  struct exec_times times;
  __u32 pid;  // in the tool's PID namespace, as all but header.tid
  __u32 old_tid;
  __u32 parent;
  __u32 uid;
  __s32 error;  // errno, 0 for a new program
  __s32 directory;
  __u32 flags;
  __u32 args_count;  // all there are
  __u32 args_size;   // of the whole area
  __u32 env_size;
  __u16 exe_length;
  __u16 cwd_length;
  __u16 file_length;
  __u16 interpreter_length;
  __u16 ancestors;    // how many
  __u16 args_length;  // here; more comes in EXEC_TEXT
  char comm[EXEC_NAME_SIZE];
  char parent_comm[EXEC_NAME_SIZE];
  char tty[EXEC_TTY_SIZE];  // empty: none
};

enum exec_area { EXEC_ARGS, EXEC_ENV };

struct exec_text {
  struct event_header header;
  __u32 area;
  __u32 offset;  // in the area
};

struct exec_exit {
  struct event_header header;
  __u64 start_ns;
  struct exec_times times;
  __u64 max_rss_pages;
  __u32 process;  // in the initial PID namespace
  __u32 code;     // as wait(2) has it
};
