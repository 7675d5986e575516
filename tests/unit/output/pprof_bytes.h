// SPDX-License-Identifier: Apache-2.0
// Profiles that no writer would make, byte by byte.
#pragma once

#include <cstdint>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "output/gzip.h"

namespace sightline::output {

// As gzip has it; empty when it could not be made.
inline std::string gzip(std::string_view bytes) {
  std::string packed;
  auto stream = GzipStream::open([&](std::string_view piece) -> Status {
    packed.append(piece);
    return {};
  });
  bool made = stream && stream->write(bytes) && stream->finish();
  return made ? packed : std::string();
}

// A message: fields with numbers and fields with bytes, in their order.
class Message {
 public:
  Message& number(std::uint32_t field, std::uint64_t value) {
    protozero::pbf_writer(bytes_).add_uint64(field, value);
    return *this;
  }
  Message& bytes(std::uint32_t field, std::string_view value) {
    protozero::pbf_writer(bytes_).add_bytes(field, value.data(), value.size());
    return *this;
  }
  Message& message(std::uint32_t field, const Message& inner) {
    return bytes(field, inner.text());
  }
  Message& packed(std::uint32_t field,
                  const std::vector<std::uint64_t>& values) {
    protozero::pbf_writer(bytes_).add_packed_uint64(field, values.begin(),
                                                    values.end());
    return *this;
  }
  [[nodiscard]] const std::string& text() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace sightline::output
