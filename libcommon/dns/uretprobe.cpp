// SPDX-License-Identifier: Apache-2.0
#include "dns/uretprobe.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "base/file.h"
#include "process/proc.h"

namespace sightline::dns {
namespace {

// arch/x86/entry/syscalls/syscall_64.tbl: uretprobe since 6.11, uprobe since
// 6.18.
constexpr std::uint32_t uretprobe_call = 335;
constexpr std::uint32_t uprobe_call = 336;

// Does nothing, where a uretprobe can be: a call of its own, and no tail of
// another.
[[gnu::noinline]] int probed() {
  asm volatile("");
  return 0;
}

constexpr sock_filter instruction(unsigned code, std::uint32_t value,
                                  __u8 if_true = 0, __u8 if_false = 0) {
  return {static_cast<__u16>(code), if_true, if_false, value};
}

bool refuse_the_calls() {
  std::array filter{
      instruction(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      instruction(BPF_JMP | BPF_JEQ | BPF_K, uretprobe_call, 1),
      instruction(BPF_JMP | BPF_JEQ | BPF_K, uprobe_call, 0, 1),
      instruction(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      instruction(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  sock_fprog program{.len = filter.size(), .filter = filter.data()};
  return ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

constexpr int could_not_try = 2;

// Where the function lies in the file that we run.
Result<std::uint64_t> offset_of(int (*function)()) {
  auto address = reinterpret_cast<std::uint64_t>(function);
  auto lines =
      SL_TRY(process::read_maps(static_cast<std::uint32_t>(::getpid())));
  auto line = std::ranges::find_if(lines, [&](const auto& each) {
    return each.start <= address && address < each.end;
  });
  if (line != lines.end()) return address - line->start + line->file_offset;
  return fail(ErrorKind::runtime, "cannot find our own code in /proc");
}

Result<bpf::Link> attach_to_probed(const bpf_program& program) {
  auto file = SL_TRY(open_file("/proc/self/exe", O_RDONLY));
  auto offset = SL_TRY(offset_of(probed));
  return bpf::attach_to_function(program, file.get(), offset, true);
}

struct FreeCapabilities {
  void operator()(cap_t set) const { cap_free(set); }
};
using Capabilities =
    std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCapabilities>;

bool set_effective(const Capabilities& all, cap_flag_value_t value) {
  constexpr cap_value_t admin = CAP_SYS_ADMIN;
  return cap_set_flag(all.get(), CAP_EFFECTIVE, 1, &admin, value) == 0 &&
         cap_set_proc(all.get()) == 0;
}

}  // namespace

bool only_admins_attach(const bpf_program& program) {
  Capabilities all(cap_get_proc());
  auto held = CAP_CLEAR;
  bool can_try =
      all && cap_get_flag(all.get(), CAP_SYS_ADMIN, CAP_EFFECTIVE, &held) == 0;
  if (!can_try || held == CAP_CLEAR) return false;
  if (!set_effective(all, CAP_CLEAR)) return false;
  auto link = attach_to_probed(program);
  set_effective(all, CAP_SET);
  return !link && link.error().kind == ErrorKind::permission;
}

Result<bool> survives_refusal(int (*function)()) {
  auto child = ::fork();
  if (child < 0) return fail_errno("cannot start a process to try uretprobes");
  if (child == 0) ::_exit(refuse_the_calls() ? function() : could_not_try);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return fail_errno("cannot wait for a process of ours");
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == could_not_try) {
    return fail(ErrorKind::unsupported,
                "cannot try whether uretprobes do harm: no seccomp filters");
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

Status check_uretprobes(const bpf_program& program) {
  auto link = SL_TRY(attach_to_probed(program));
  if (SL_TRY(survives_refusal(probed))) return {};
  return fail(ErrorKind::unsupported,
              "uretprobes of this kernel end processes with seccomp filters",
              "a kernel from 6.14 on, or one with its fix, has seccomp let the "
              "uretprobe system call pass");
}

}  // namespace sightline::dns
