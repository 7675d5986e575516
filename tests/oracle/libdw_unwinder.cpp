// SPDX-License-Identifier: Apache-2.0
#include "libdw_unwinder.h"

#include <dwarf.h>
#include <fmt/format.h>

#include <stdexcept>

namespace sightline::oracle {
namespace {

// No debug information is looked for: .eh_frame and .symtab suffice.
int no_debug_info(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*,
                  const char*, GElf_Word, char**) {
  return -1;
}

const Dwfl_Callbacks callbacks = {dwfl_linux_proc_find_elf, no_debug_info,
                                  nullptr, nullptr};

constexpr std::size_t most_frames = 1024;

int take(Dwfl_Frame* frame, void* into) {
  auto chain = static_cast<std::vector<std::uint64_t>*>(into);
  Dwarf_Addr pc = 0;
  if (!dwfl_frame_pc(frame, &pc, nullptr)) return DWARF_CB_ABORT;
  chain->push_back(pc);
  return chain->size() < most_frames ? DWARF_CB_OK : DWARF_CB_ABORT;
}

}  // namespace

LibdwUnwinder::LibdwUnwinder(pid_t pid) : dwfl_(dwfl_begin(&callbacks)) {
  dwfl_report_begin(dwfl_.get());
  if (dwfl_linux_proc_report(dwfl_.get(), pid) != 0 ||
      dwfl_report_end(dwfl_.get(), nullptr, nullptr) != 0 ||
      dwfl_linux_proc_attach(dwfl_.get(), pid, true) != 0)
    throw std::runtime_error("libdw cannot read the process");
}

std::vector<std::uint64_t> LibdwUnwinder::walk(pid_t tid) const {
  std::vector<std::uint64_t> chain;
  dwfl_getthread_frames(dwfl_.get(), tid, take, &chain);
  return chain;
}

const std::string& LibdwUnwinder::name(std::uint64_t address) const {
  auto [found, is_new] = names_.try_emplace(address);
  if (is_new) found->second = look_up(address);
  return found->second;
}

std::string LibdwUnwinder::look_up(std::uint64_t address) const {
  Dwfl_Module* module = dwfl_addrmodule(dwfl_.get(), address);
  if (module == nullptr) return "nothing";
  if (const char* found = dwfl_module_addrname(module, address)) return found;
  Dwarf_Addr start = 0;
  std::string file = dwfl_module_info(module, nullptr, &start, nullptr, nullptr,
                                      nullptr, nullptr, nullptr);
  return fmt::format("{}+{:#x}", file.substr(file.rfind('/') + 1),
                     address - start);
}

}  // namespace sightline::oracle
