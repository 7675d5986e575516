// SPDX-License-Identifier: Apache-2.0
// Names for frames, in batches. The caller knows which object an address lies
// in (room process) and at which offset; here it gets its name or the reason
// why there is none.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "symbol/debug_files.h"
#include "symbol/elf_file.h"
#include "symbol/kernel_symbols.h"
#include "symbol/reason.h"

namespace sightline::symbol {

struct Named {
  std::string name;    // empty: see `reason`
  std::string module;  // of a kernel symbol: "xfs", "bpf", or empty
  std::uint64_t symbol_offset = 0;  // bytes from the symbol's start
  Reason reason = Reason::none;
};

// Every batch is ascending and without duplicates, and `out` has its size:
// out[i] belongs to the i-th address. Return addresses come already less one,
// so that a call at a function's end is not named after the next function.
// Nothing here fails: what goes wrong is a reason.
//
// Not thread-safe, because the kernel's list is read at the first need.
class Symbolizer {
 public:
  // Takes the list that was opened while there were privileges.
  explicit Symbolizer(KernelSymbols kernel) : kernel_(std::move(kernel)) {}

  // Names as in the source (the default) or as in the symbol table.
  void set_demangle(bool demangle) { demangle_ = demangle; }

  // A raw name as set_demangle() wants it.
  [[nodiscard]] std::string shown(std::string_view raw) const;

  // File offsets in one ELF file. The descriptor stays the caller's; its
  // position is not used. `place` is where its debug files are looked for
  // (debug_files.h). One pass over each symbol table, nothing is kept.
  void name_object(int fd, std::span<const std::uint64_t> file_offsets,
                   std::span<Named> out, const Place& place = {}) const;

  // Kernel addresses.
  void name_kernel(std::span<const std::uint64_t> addresses,
                   std::span<Named> out);

  // Offsets into the vDSO of a 64-bit process.
  void name_vdso(std::span<const std::uint64_t> offsets, std::span<Named> out);

 private:
  void name_in(const ElfFile& file, const Place& place,
               std::span<const std::uint64_t> file_offsets,
               std::span<Named> out) const;

  KernelSymbols kernel_;
  std::optional<std::expected<ElfFile, Reason>> vdso_;
  bool demangle_ = true;
};

}  // namespace sightline::symbol
