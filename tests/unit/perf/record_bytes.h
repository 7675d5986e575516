// SPDX-License-Identifier: Apache-2.0
// Side-band records written by hand, byte by byte as the kernel lays them out.
#pragma once

#include <linux/perf_event.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <vector>

namespace sightline::perf {

class RecordBytes {
 public:
  explicit RecordBytes(std::uint32_t type, std::uint16_t misc = 0) {
    add(perf_event_header{type, misc, 0});
  }

  template <typename T>
  RecordBytes& add(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    auto at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    std::memcpy(bytes_.data() + at, &value, sizeof(T));
    return *this;
  }
  template <typename... T>
  RecordBytes& add_u32(T... values) {
    (add(static_cast<std::uint32_t>(values)), ...);
    return *this;
  }
  template <typename... T>
  RecordBytes& add_u64(T... values) {
    (add(static_cast<std::uint64_t>(values)), ...);
    return *this;
  }
  // NUL-terminated and padded to eight bytes, as the kernel does.
  RecordBytes& add_text(std::string_view text) {
    for (char c : text) add(c);
    do {
      add('\0');
    } while (bytes_.size() % 8 != 0);
    return *this;
  }

  // The trailer for TID | TIME | CPU, and the size in the header.
  std::vector<std::byte> finish(std::uint64_t time_ns, std::uint32_t pid = 1,
                                std::uint32_t tid = 1, std::uint32_t cpu = 0) {
    add_u32(pid, tid).add_u64(time_ns).add_u32(cpu, 0);
    auto size = static_cast<std::uint16_t>(bytes_.size());
    std::memcpy(bytes_.data() + offsetof(perf_event_header, size), &size,
                sizeof(size));
    return bytes_;
  }

 private:
  std::vector<std::byte> bytes_;
};

inline std::vector<std::byte> comm_bytes(std::uint64_t time_ns,
                                         std::string_view comm) {
  return RecordBytes(PERF_RECORD_COMM)
      .add_u32(7, 8)
      .add_text(comm)
      .finish(time_ns);
}

}  // namespace sightline::perf
