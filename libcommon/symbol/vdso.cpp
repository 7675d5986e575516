// SPDX-License-Identifier: Apache-2.0
#include "symbol/vdso.h"

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include <cstring>
#include <utility>

#include "base/file.h"

namespace sightline::symbol {

std::expected<ElfFile, Reason> open_vdso() {
  const unsigned long address = getauxval(AT_SYSINFO_EHDR);
  if (address == 0) return std::unexpected(Reason::not_mapped);
  const void* const image = reinterpret_cast<const void*>(address);
  ElfW(Ehdr) header{};
  std::memcpy(&header, image, sizeof header);
  // The section headers are the last thing in the image
  // (arch/x86/entry/vdso/vdso2c.h, 5.10 to 6.18: the image is the linker's
  // output, padded to whole pages). A wrong size ends in EFAULT, not SIGSEGV:
  // it is the kernel that reads.
  const std::size_t size =
      header.e_shoff + std::size_t{header.e_shnum} * header.e_shentsize;
  UniqueFd fd(memfd_create("vdso", MFD_CLOEXEC));
  if (!fd || !write_all(fd.get(), image, size)) {
    return std::unexpected(Reason::not_permitted);
  }
  return ElfFile::open(std::move(fd));
}

}  // namespace sightline::symbol
