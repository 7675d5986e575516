// SPDX-License-Identifier: Apache-2.0
// Reads numbers as DWARF writes them, one behind the other, out of bytes that
// a stranger may have written: what goes past the end is a 0 and a failure.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace sightline::unwind {

class Cursor {
 public:
  // Of `bytes`, what lies from `at` to `end`.
  Cursor(std::string_view bytes, std::uint64_t at, std::uint64_t end)
      : data_(bytes.data()),
        at_(at),
        end_(end < bytes.size() ? end : bytes.size()) {
    if (at_ > end_) fail();
  }
  Cursor() = default;

  [[nodiscard]] bool more() const { return at_ < end_; }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] std::uint64_t at() const { return at_; }
  [[nodiscard]] std::uint64_t left() const { return end_ - at_; }
  [[nodiscard]] const char* here() const { return data_ + at_; }

  void fail() {
    failed_ = true;
    at_ = end_;
  }

  void skip(std::uint64_t size) {
    if (size > left()) return fail();
    at_ += size;
  }

  template <typename Number>
  Number take() {
    Number number = 0;
    if (sizeof number > left()) {
      fail();
      return 0;
    }
    std::memcpy(&number, data_ + at_, sizeof number);
    at_ += sizeof number;
    return number;
  }

  std::uint8_t byte() {
    if (at_ < end_) return static_cast<std::uint8_t>(data_[at_++]);
    fail();
    return 0;
  }

  // At most ten bytes; bits beyond 64 are dropped, as libgcc does.
  std::uint64_t uleb() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      const std::uint8_t part = byte();
      if (shift < 64) value |= (part & 0x7fULL) << shift;
      if ((part & 0x80) == 0) return value;
    }
    fail();
    return 0;
  }

  std::int64_t sleb() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70;) {
      const std::uint8_t part = byte();
      if (shift < 64) value |= (part & 0x7fULL) << shift;
      shift += 7;
      if ((part & 0x80) != 0) continue;
      if ((part & 0x40) != 0 && shift < 64) value |= ~0ULL << shift;
      return static_cast<std::int64_t>(value);
    }
    fail();
    return 0;
  }

 private:
  const char* data_ = nullptr;
  std::uint64_t at_ = 0;
  std::uint64_t end_ = 0;
  bool failed_ = false;
};

}  // namespace sightline::unwind
