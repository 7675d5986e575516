// SPDX-License-Identifier: Apache-2.0
#include "unwind/thread_memory.h"

#include <elf.h>
#include <fmt/format.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include <charconv>
#include <string>
#include <string_view>

#include "base/file.h"
#include "unwind/full_walk.h"
#include "unwind_registers.h"

namespace sightline::unwind {
namespace {

#if UNWIND_ARM64
Registers by_number(const user_regs_struct& from) {
  Registers registers;
  for (unsigned i = 0; i < 31; ++i) registers.set(i, from.regs[i]);
  registers.set(UNWIND_SP, from.sp);
  registers.set(pc_register, from.pc);
  return registers;
}
#else
// As put_registers (bpf/include/user_registers.h).
Registers by_number(const user_regs_struct& from) {
  const unsigned long long values[] = {
      from.rax, from.rdx, from.rcx, from.rbx, from.rsi, from.rdi,
      from.rbp, from.rsp, from.r8,  from.r9,  from.r10, from.r11,
      from.r12, from.r13, from.r14, from.r15, from.rip};
  Registers registers;
  unsigned number = 0;
  for (auto value : values) registers.set(number++, value);
  return registers;
}
#endif

// Takes the last word off the line; nullopt when it is no address.
std::optional<std::uint64_t> take_last(std::string_view& line) {
  const auto at = line.rfind(" 0x");
  if (at == std::string_view::npos) return std::nullopt;
  std::uint64_t value = 0;
  const auto digits = line.substr(at + 3);
  const auto* end = digits.data() + digits.size();
  auto [rest, error] = std::from_chars(digits.data(), end, value, 16);
  if (error != std::errc() || rest != end) return std::nullopt;
  line = line.substr(0, at);
  return value;
}

}  // namespace

bool ThreadMemory::operator()(std::uint64_t address,
                              std::span<std::byte> to) const {
  iovec into = {to.data(), to.size()};
  iovec from = {reinterpret_cast<void*>(address), to.size()};
  return ::process_vm_readv(pid_, &into, 1, &from, 1, 0) ==
         static_cast<ssize_t>(to.size());
}

Result<Registers> stopped_registers(pid_t tid) {
  user_regs_struct registers{};
  iovec into = {&registers, sizeof(registers)};
  if (::ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &into) != 0) {
    return fail_errno(fmt::format("cannot read the registers of {}", tid));
  }
  // A program of 32 bits has fewer.
  if (into.iov_len != sizeof(registers)) {
    return fail_errno(fmt::format("cannot walk the 32-bit thread {}", tid),
                      EOPNOTSUPP);
  }
  return by_number(registers);
}

// "NUMBER ARGUMENTS... SP PC", or "-1 SP PC" outside of a call, or "running"
// (fs/proc/base.c, proc_pid_syscall).
Result<std::optional<Sleeping>> sleeping_registers(pid_t pid, pid_t tid) {
  const auto text =
      SL_TRY(read_file(fmt::format("/proc/{}/task/{}/syscall", pid, tid)));
  std::string_view line = text;
  if (line.ends_with('\n')) line.remove_suffix(1);
  const auto pc = take_last(line);
  const auto sp = take_last(line);
  // A thread of the kernel has none.
  if (!pc || !sp || *pc == 0 || *sp == 0) return std::nullopt;
  Sleeping found{.in_syscall = !text.starts_with('-')};
  found.registers.set(UNWIND_SP, *sp);
  found.registers.set(pc_register, *pc);
  return found;
}

}  // namespace sightline::unwind
