// SPDX-License-Identifier: Apache-2.0
#include "reason.h"

#include <fmt/format.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>

namespace sightline::offcpu {
namespace {

struct Call {
  long number;
  std::string_view name;
};

// What threads are found waiting in. Calls that differ in nothing that matters
// to who reads have one name.
constexpr std::array calls{
    Call{SYS_futex, "futex"},
    Call{SYS_epoll_wait, "epoll"},
    Call{SYS_epoll_pwait, "epoll"},
    Call{441, "epoll"},  // epoll_pwait2, 5.11
    Call{SYS_poll, "poll"},
    Call{SYS_ppoll, "poll"},
    Call{SYS_select, "select"},
    Call{SYS_pselect6, "select"},
    Call{SYS_nanosleep, "sleep"},
    Call{SYS_clock_nanosleep, "sleep"},
    Call{SYS_pause, "signal"},
    Call{SYS_rt_sigsuspend, "signal"},
    Call{SYS_rt_sigtimedwait, "signal"},
    Call{SYS_wait4, "child"},
    Call{SYS_waitid, "child"},
    Call{SYS_vfork, "vfork"},
    Call{SYS_clone, "clone"},
    Call{SYS_execve, "exec"},
    Call{SYS_execveat, "exec"},
    Call{SYS_exit, "exit"},
    Call{SYS_exit_group, "exit"},
    Call{SYS_read, "read"},
    Call{SYS_readv, "read"},
    Call{SYS_pread64, "read"},
    Call{SYS_preadv, "read"},
    Call{SYS_preadv2, "read"},
    Call{SYS_write, "write"},
    Call{SYS_writev, "write"},
    Call{SYS_pwrite64, "write"},
    Call{SYS_pwritev, "write"},
    Call{SYS_pwritev2, "write"},
    Call{SYS_recvfrom, "receive"},
    Call{SYS_recvmsg, "receive"},
    Call{SYS_recvmmsg, "receive"},
    Call{SYS_sendto, "send"},
    Call{SYS_sendmsg, "send"},
    Call{SYS_sendmmsg, "send"},
    Call{SYS_sendfile, "sendfile"},
    Call{SYS_splice, "splice"},
    Call{SYS_accept, "accept"},
    Call{SYS_accept4, "accept"},
    Call{SYS_connect, "connect"},
    Call{SYS_open, "open"},
    Call{SYS_openat, "open"},
    Call{437, "open"},  // openat2, 5.6
    Call{SYS_close, "close"},
    Call{SYS_stat, "stat"},
    Call{SYS_lstat, "stat"},
    Call{SYS_fstat, "stat"},
    Call{SYS_newfstatat, "stat"},
    Call{SYS_statx, "stat"},
    Call{SYS_getdents64, "readdir"},
    Call{SYS_rename, "rename"},
    Call{SYS_renameat2, "rename"},
    Call{SYS_unlink, "unlink"},
    Call{SYS_unlinkat, "unlink"},
    Call{SYS_fsync, "fsync"},
    Call{SYS_fdatasync, "fsync"},
    Call{SYS_sync, "sync"},
    Call{SYS_syncfs, "sync"},
    Call{SYS_sync_file_range, "fsync"},
    Call{SYS_flock, "file lock"},
    Call{SYS_fcntl, "fcntl"},
    Call{SYS_ioctl, "ioctl"},
    Call{SYS_mmap, "mmap"},
    Call{SYS_munmap, "munmap"},
    Call{SYS_mprotect, "mprotect"},
    Call{SYS_madvise, "madvise"},
    Call{SYS_sched_yield, "yield"},
    Call{SYS_io_getevents, "aio"},
    Call{SYS_io_uring_enter, "io_uring"},
    Call{SYS_semop, "semaphore"},
    Call{SYS_semtimedop, "semaphore"},
    Call{SYS_msgrcv, "message queue"},
    Call{SYS_msgsnd, "message queue"},
    Call{SYS_mq_timedreceive, "message queue"},
    Call{SYS_mq_timedsend, "message queue"},
    Call{SYS_restart_syscall, "sleep"},
};

constexpr std::array<std::string_view, WAIT_OBJECTS> objects{
    "",        "descriptor", "file",    "directory", "block device",
    "device",  "pipe",       "TCP",     "UDP",       "unix socket",
    "netlink", "socket",     "eventfd", "timerfd",   "signalfd",
    "inotify", "anonymous"};

std::string call_name(const wait_reason& reason) {
  if (reason.flags & WAIT_COMPAT) {
    return fmt::format("32-bit call {}", reason.syscall);
  }
  const auto* found =
      std::ranges::find(calls, long{reason.syscall}, &Call::number);
  return found != calls.end() ? std::string(found->name)
                              : fmt::format("call {}", reason.syscall);
}

// Outside of system calls a thread sleeps for a page, or where the kernel makes
// it wait on its way back to user mode.
std::string base_name(const wait_reason& reason) {
  if (reason.flags & WAIT_EXITING) return "exit";
  if (reason.flags & WAIT_STOPPED) return "stopped";
  if (reason.syscall == WAIT_UNSEEN) return "end not seen";
  if (reason.syscall == WAIT_NO_SYSCALL) return "page fault";
  auto name = call_name(reason);
  if (reason.object == WAIT_OBJECT_NONE || reason.object >= WAIT_OBJECTS) {
    return name;
  }
  return fmt::format("{} ({})", name, objects[reason.object]);
}

}  // namespace

std::string_view kind_name(wait_kind kind) {
  switch (kind) {
    case WAIT_BLOCKED:
      return "blocked";
    case WAIT_UNINTERRUPTIBLE:
      return "uninterruptible";
    case WAIT_RUN_QUEUE:
      return "run queue";
    case WAIT_THROTTLED:
      return "throttled";
    case WAIT_KINDS:
      break;
  }
  return "unknown";
}

std::string reason_name(const wait_reason& reason) {
  if (reason.flags & WAIT_PREEMPTED) return "preempted";
  if (reason.flags & WAIT_NEW) return "new thread";
  auto name = base_name(reason);
  return reason.flags & WAIT_IO ? name + ", I/O" : name;
}

std::string queue_reason_name(const wait_reason& reason) {
  if (reason.flags & WAIT_PREEMPTED) return "preempted";
  if (reason.flags & WAIT_NEW) return "new thread";
  return "woken";
}

}  // namespace sightline::offcpu
