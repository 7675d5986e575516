// SPDX-License-Identifier: Apache-2.0
#include "stepper.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <utility>

#include "marks.h"

namespace sightline::oracle {
namespace {

constexpr std::size_t longest_instruction = 15;

pid_t start(const std::string& path) {
  pid_t pid = fork();
  if (pid != 0) return pid;
  ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  // Symbols are bound when they are called first: that is watched too.
  unsetenv("LD_BIND_NOW");
  execl(path.c_str(), path.c_str(), static_cast<char*>(nullptr));
  _exit(127);
}

std::uint64_t auxiliary(pid_t pid, std::uint64_t type) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/auxv",
                     std::ios::binary);
  Elf64_auxv_t entry;
  while (file.read(reinterpret_cast<char*>(&entry), sizeof entry)) {
    if (entry.a_type == type) return entry.a_un.a_val;
  }
  return 0;
}

bool begins_with(const Bytes& instruction, const char* mark) {
  return instruction.size() >= MARK_SIZE &&
         memcmp(instruction.data(), mark, MARK_SIZE) == 0;
}

class Stepper {
 public:
  Stepper(pid_t pid, const Stepping& options) : pid_(pid), options_(options) {}

  // The dynamic linker's own work is not watched.
  bool run_to_entry() {
    if (waitpid(pid_, &status_, 0) != pid_ || !WIFSTOPPED(status_))
      return false;
    return run_to(auxiliary(pid_, AT_ENTRY));
  }

  int step_through(const std::function<void(const Place&)>& visit);

 private:
  bool run_to(std::uint64_t address);
  bool step();
  bool resume(int signal);
  int signal_due();
  bool may_be_watched() const { return WIFSTOPPED(status_); }

  pid_t pid_;
  Stepping options_;
  int status_ = 0;
  int pending_ = 0;  // a signal that stopped it, to be delivered
  bool watched_ = false;
  std::uint64_t steps_ = 0;
  Registers now_ = {};
  ShadowStack shadow_;
};

bool Stepper::run_to(std::uint64_t address) {
  std::uint64_t word = 0;
  if (!read_word(pid_, address, word)) return false;
  auto place = reinterpret_cast<void*>(address);
  ptrace(PTRACE_POKETEXT, pid_, place, (word & ~0xffULL) | 0xcc);
  ptrace(PTRACE_CONT, pid_, nullptr, nullptr);
  if (waitpid(pid_, &status_, 0) != pid_ || !may_be_watched()) return false;
  ptrace(PTRACE_POKETEXT, pid_, place, word);
  ptrace(PTRACE_GETREGS, pid_, nullptr, &now_);
  now_.rip = address;
  return ptrace(PTRACE_SETREGS, pid_, nullptr, &now_) == 0;
}

bool Stepper::resume(int signal) {
  if (ptrace(PTRACE_SINGLESTEP, pid_, nullptr, signal) != 0) return false;
  return waitpid(pid_, &status_, 0) == pid_ && may_be_watched();
}

int Stepper::signal_due() {
  if (pending_ != 0) return std::exchange(pending_, 0);
  bool due = watched_ && options_.signal_each != 0 &&
             steps_ % options_.signal_each == 0 && !shadow_.in_handler();
  return due ? options_.signal : 0;
}

// One instruction, or the delivery of a signal, which executes none.
bool Stepper::step() {
  Registers before = now_;
  Bytes instruction = read_memory(pid_, before.rip, longest_instruction);
  int signal = signal_due();
  ++steps_;
  if (!resume(signal)) return false;
  ptrace(PTRACE_GETREGS, pid_, nullptr, &now_);
  if (signal != 0)
    shadow_.signalled(before, now_);
  else
    shadow_.stepped(before, instruction, now_);
  if (WSTOPSIG(status_) != SIGTRAP) pending_ = WSTOPSIG(status_);
  return true;
}

int Stepper::step_through(const std::function<void(const Place&)>& visit) {
  for (;;) {
    Bytes instruction = read_memory(pid_, now_.rip, MARK_SIZE);
    if (begins_with(instruction, MARK_BEGIN)) watched_ = true;
    if (begins_with(instruction, MARK_END)) break;
    if (watched_) visit({pid_, now_, &shadow_});
    if (!step()) return -1;
  }
  ptrace(PTRACE_DETACH, pid_, nullptr, nullptr);
  waitpid(pid_, &status_, 0);
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : -1;
}

}  // namespace

std::vector<std::uint64_t> Place::truth(std::uint64_t interrupted) const {
  std::vector<std::uint64_t> chain = {registers.rip};
  for (const ShadowStack::Entry& entry : shadow->innermost_first()) {
    std::uint64_t word = 0;
    if (entry.interrupted == 0) read_word(pid, entry.place, word);
    chain.push_back(entry.interrupted != 0 ? entry.interrupted + interrupted
                                           : word);
  }
  return chain;
}

int step_program(const std::string& path, const Stepping& options,
                 const std::function<void(const Place&)>& visit) {
  pid_t pid = start(path);
  if (pid < 0) return -1;
  Stepper stepper(pid, options);
  if (stepper.run_to_entry()) {
    int status = stepper.step_through(visit);
    if (status >= 0) return status;
  }
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  return -1;
}

std::vector<std::uint8_t> read_memory(pid_t pid, std::uint64_t address,
                                      std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  iovec into = {bytes.data(), size};
  iovec from = {reinterpret_cast<void*>(address), size};
  ssize_t got = process_vm_readv(pid, &into, 1, &from, 1, 0);
  bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return bytes;
}

bool read_word(pid_t pid, std::uint64_t address, std::uint64_t& word) {
  iovec into = {&word, sizeof word};
  iovec from = {reinterpret_cast<void*>(address), sizeof word};
  return process_vm_readv(pid, &into, 1, &from, 1, 0) == sizeof word;
}

}  // namespace sightline::oracle
