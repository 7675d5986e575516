// SPDX-License-Identifier: Apache-2.0
// What the fuzz targets share.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/file.h"
#include "base/handle.h"

namespace sightline::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// The input as a file, for readers that take a descriptor or a path
// (/proc/self/fd/N).
inline UniqueFd file_of(std::string_view bytes) {
  UniqueFd fd(memfd_create("input", MFD_CLOEXEC));
  if (!fd || !write_all(fd.get(), bytes.data(), bytes.size())) std::abort();
  return fd;
}

// What a reader promises; a broken promise is a crash, which libFuzzer keeps.
inline void must(bool holds) {
  if (!holds) std::abort();
}

}  // namespace sightline::fuzz
