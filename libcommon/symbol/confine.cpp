// SPDX-License-Identifier: Apache-2.0
#include "symbol/confine.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <vector>

namespace sightline::symbol {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_AARCH64;
#endif

#if defined(__SANITIZE_ADDRESS__)
// Its shadow alone is terabytes, and it makes pipes to see what is readable.
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

// What reading a file that is open, taking memory, and ending come down to.
constexpr std::array allowed_calls = {
    SYS_read,           SYS_pread64, SYS_write,      SYS_writev,
    SYS_lseek,          SYS_fstat,   SYS_newfstatat, SYS_mmap,
    SYS_mremap,         SYS_munmap,  SYS_madvise,    SYS_brk,
    SYS_mprotect,       SYS_futex,   SYS_exit,       SYS_exit_group,
    SYS_rt_sigreturn,   SYS_fcntl,   SYS_getrandom,  SYS_clock_gettime,
    SYS_rt_sigprocmask, SYS_getpid,  SYS_close,      SYS_gettid};

void limit(__rlimit_resource resource, std::uint64_t most) {
  rlimit bounds{};
  if (::getrlimit(resource, &bounds) != 0) return;
  bounds.rlim_max = std::min<rlim_t>(bounds.rlim_max, most);
  bounds.rlim_cur = std::min(bounds.rlim_cur, bounds.rlim_max);
  ::setrlimit(resource, &bounds);
}

// RLIMIT_DATA counts what a process can write to and shares with none; so does
// the sixth number of statm, with the stack (proc(5)).
std::uint64_t writable_bytes() {
  unsigned long pages = 0;
  if (std::FILE* const file = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(file, "%*u %*u %*u %*u %*u %lu", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return std::uint64_t{pages} * static_cast<std::uint64_t>(getpagesize());
}

void set_limits(std::uint64_t memory_bytes, std::uint64_t cpu_seconds) {
  if (!sanitized) {
    limit(RLIMIT_DATA, writable_bytes() + memory_bytes);
    limit(RLIMIT_NOFILE, 0);
  }
  limit(RLIMIT_CPU, cpu_seconds);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
}

void close_others(std::span<const int> keep) {
  std::vector<int> kept(keep.begin(), keep.end());
  std::erase_if(kept, [](int fd) { return fd < 0; });
  std::ranges::sort(kept);
  unsigned next = 0;
  for (const int fd : kept) {
    const auto number = static_cast<unsigned>(fd);
    if (number > next) ::close_range(next, number - 1, 0);
    next = number + 1;
  }
  ::close_range(next, UINT_MAX, 0);
}

// Keys of the terminal are meant for the tool, which ends this process itself.
void set_signals(void (*on_crash)(int)) {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  for (const int number : {SIGINT, SIGQUIT, SIGHUP, SIGTSTP}) {
    ::signal(number, SIG_IGN);
  }
  struct sigaction crash{};
  crash.sa_handler = on_crash;
  crash.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGSEGV, &crash, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Everything else is refused: libdw tries to open further files by names that a
// file gives.
void filter_calls() {
#if defined(__x86_64__) || defined(__aarch64__)
  std::vector<sock_filter> program{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const auto call : allowed_calls) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                               static_cast<std::uint32_t>(call), 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  const sock_fprog filter{static_cast<unsigned short>(program.size()),
                          program.data()};
  ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
#endif
}

}  // namespace

void confine(pid_t parent, std::span<const int> keep,
             std::uint64_t memory_bytes, std::uint64_t cpu_seconds,
             void (*on_crash)(int)) {
  set_signals(on_crash);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  close_others(keep);
  set_limits(memory_bytes, cpu_seconds);
  ::prctl(PR_SET_DUMPABLE, 0);
  drop_all_capabilities();
  if (!sanitized) filter_calls();
}

// By the call itself (capset(2)): libcap is the room cli's.
void drop_all_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  ::syscall(SYS_capset, &header, none.data());
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

}  // namespace sightline::symbol
