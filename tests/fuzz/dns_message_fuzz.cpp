// SPDX-License-Identifier: Apache-2.0
// Bytes as a name server's answer, and as a packet that may hold one.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dns/message.h"
#include "dns/packet.h"
#include "input.h"

namespace {

using namespace sightline;

// A byte becomes four at most (\DDD).
constexpr std::size_t most_name = 4 * 255;

void read(std::span<const std::byte> message) {
  auto answer = dns::parse_answer(message);
  if (!answer) return;
  fuzz::must(!answer->name.empty() && answer->name.size() <= most_name);
  for (char c : answer->name) fuzz::must(c > ' ' && c <= '~');
  fuzz::must(!answer->addresses.empty() &&
             answer->addresses.size() <= dns::most_records);
  // An owner, type, class, time, size and 4 bytes; a question and a header.
  fuzz::must(answer->addresses.size() * 15 + 17 <= message.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  // Of exactly that size, as libFuzzer's own memory is not.
  const auto* first = reinterpret_cast<const std::byte*>(data);
  std::vector<std::byte> bytes(first, first + size);
  read(bytes);
  if (auto payload = dns::payload_from_server(bytes)) read(*payload);
  return 0;
}
