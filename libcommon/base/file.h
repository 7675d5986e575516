// SPDX-License-Identifier: Apache-2.0
// Small files of /proc and /sys, read whole and within a bound.
#pragma once

#include <cstddef>
#include <string>

#include "base/error.h"
#include "base/handle.h"

namespace sightline {

// Opens with O_CLOEXEC | O_NOCTTY added. Fails with errno.
Result<UniqueFd> open_file(const std::string& path, int flags,
                           unsigned mode = 0);

// Everything up to end of file. Fails with errno, or with EFBIG when there is
// more than `limit` bytes, which it then stops reading.
Result<std::string> read_file(const std::string& path,
                              std::size_t limit = 1U << 20);

// The same from an open descriptor, from where it stands.
Result<std::string> read_fd(int fd, std::size_t limit);

// All bytes, over short writes, EINTR and a descriptor that somebody else made
// non-blocking (a shell's other job may, on a shared terminal). Fails with
// errno.
Status write_all(int fd, const void* data, std::size_t size);

}  // namespace sightline
