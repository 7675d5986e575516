// SPDX-License-Identifier: Apache-2.0
// Names of kernel code: the kernel itself, its modules and BPF programs, as
// /proc/kallsyms lists them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.h"
#include "symbol/reason.h"

namespace sightline::symbol {

// The views point into KernelSymbols and hold until its next find().
struct KernelSymbol {
  std::string_view name = {};
  std::string_view module = {};  // "xfs", "bpf"; empty for the kernel proper
  std::uint64_t offset = 0;      // of the address in the symbol
  Reason reason = Reason::none;
};

// Opened early, read late: the kernel decides at open() whether this reader
// may see addresses (kernel/kallsyms.c, kallsyms_open, since 4.15), so the
// privileges may be dropped in between; and making the text costs the kernel
// about 0.6 us a line, which a run without kernel frames need not pay.
//
// kallsyms has no sizes. A symbol reaches to the next one; the last of a module
// or BPF program, behind which another module or nothing begins, for at most
// 64 KiB; the marks at the end of a section (`_etext`) name nothing.
// Of several names for one address the rule of elf_symbols.h decides: visible
// before local, fewer leading underscores, strong before weak, the first.
//
// Not thread-safe.
class KernelSymbols {
 public:
  // Cannot fail: what went wrong is the reason of every later lookup.
  static KernelSymbols open(const std::string& path = "/proc/kallsyms");

  // The symbol that holds `address`. Reads the list at the first call, and
  // again when an address is unknown (a module or BPF program may be new), but
  // not before `reload_after_ns` have passed since the last reading.
  KernelSymbol find(std::uint64_t address);

  // Reads the list now, 40 to 80 ms, so that find() need not.
  void load();

  void set_reload_after(std::uint64_t ns) { reload_after_ns_ = ns; }
  [[nodiscard]] std::size_t size() const { return symbols_.size(); }

 private:
  friend class KernelSymbolParser;

  struct Symbol {
    std::uint64_t address;
    std::uint32_t name;    // offset into names_, ends with NUL
    std::uint16_t module;  // index into modules_, 0 is the kernel proper
    std::uint8_t rank;     // for aliases: higher wins
  };

  [[nodiscard]] const Symbol* covering(std::uint64_t address) const;
  [[nodiscard]] std::string_view name_of(const Symbol& symbol) const;

  UniqueFd fd_;
  Reason reason_ = Reason::no_symbols;  // of what is not found
  bool loaded_ = false;
  std::uint64_t loaded_at_ns_ = 0;
  std::uint64_t reload_after_ns_ = 1'000'000'000;
  std::vector<Symbol> symbols_;  // ascending and unique addresses
  std::string names_;
  std::vector<std::string> modules_;
};

}  // namespace sightline::symbol
