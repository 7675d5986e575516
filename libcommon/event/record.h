// SPDX-License-Identifier: Apache-2.0
// Records of a ring as plain values. Pure.
#pragma once

#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

namespace sightline::event {

// The structure at the beginning of the bytes; nothing where they are fewer.
template <typename T>
std::optional<T> record_at(std::span<const std::byte> bytes) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T record{};
  std::memcpy(&record, bytes.data(), sizeof(T));
  return record;
}

// A name in a field of fixed size, which it may fill.
template <std::size_t size>
std::string name_of(const char (&field)[size]) {
  return {field, ::strnlen(field, size)};
}

}  // namespace sightline::event
