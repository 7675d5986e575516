// SPDX-License-Identifier: Apache-2.0
// jitdump files made to measure, for tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sightline::symbol::testing {

class JitdumpImage {
 public:
  static constexpr std::uint32_t pid = 42;

  explicit JitdumpImage(std::uint64_t flags = 0, std::uint32_t of = pid) {
    put<std::uint32_t>(0x4A695444);
    put<std::uint32_t>(1);
    put<std::uint32_t>(40);
    put<std::uint32_t>(62);
    put<std::uint32_t>(0);
    put(of);
    put<std::uint64_t>(1);
    put(flags);
  }

  JitdumpImage& load(std::uint64_t time, std::uint64_t address,
                     std::uint64_t size, std::uint64_t index,
                     std::string_view name) {
    const std::string code(16, '\xcc');
    record(0, 56 + name.size() + 1 + code.size(), time);
    put<std::uint64_t>(0);  // pid and tid
    put(address);
    put(address);
    put(size);
    put(index);
    bytes_.append(name).push_back('\0');
    bytes_ += code;
    return *this;
  }

  JitdumpImage& move(std::uint64_t time, std::uint64_t from, std::uint64_t to,
                     std::uint64_t size, std::uint64_t index) {
    record(1, 64, time);
    put<std::uint64_t>(0);
    put(to);
    put(from);
    put(to);
    put(size);
    put(index);
    return *this;
  }

  // Any record: `size` is what its header says.
  JitdumpImage& other(std::uint32_t id, std::uint64_t size,
                      std::string_view payload = {}) {
    record(id, size, 0);
    bytes_ += payload;
    return *this;
  }

  template <typename Value>
  void put(Value value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }

  std::string bytes_;

 private:
  void record(std::uint32_t id, std::uint64_t size, std::uint64_t time) {
    put(id);
    put(static_cast<std::uint32_t>(size));
    put(time);
  }
};

}  // namespace sightline::symbol::testing
