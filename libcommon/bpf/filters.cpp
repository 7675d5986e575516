// SPDX-License-Identifier: Apache-2.0
#include "bpf/filters.h"

#include <sys/stat.h>

namespace sightline::bpf {

// PROC_PID_INIT_INO, include/linux/proc_ns.h.
std::uint32_t own_pid_namespace() {
  constexpr ino_t initial = 0xEFFFFFFC;
  struct stat info{};
  if (::stat("/proc/self/ns/pid", &info) != 0) return 0;
  return info.st_ino == initial ? 0 : static_cast<std::uint32_t>(info.st_ino);
}

}  // namespace sightline::bpf
