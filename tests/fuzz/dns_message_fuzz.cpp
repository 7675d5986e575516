// SPDX-License-Identifier: Apache-2.0
// Bytes as a name server's answer, as a question to it, as a packet that may
// hold one, and as the name that a program looks up.
#include <arpa/inet.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dns/host_name.h"
#include "dns/message.h"
#include "dns/packet.h"
#include "input.h"

namespace {

using namespace sightline;

// A byte becomes four at most (\DDD).
constexpr std::size_t most_name = 4 * dns::most_host_name_bytes;

// One word, and none that stands for an address.
void check(const std::string& name) {
  fuzz::must(!name.empty() && name.size() <= most_name);
  for (char c : name) fuzz::must(c > ' ' && c <= '~' && c != '[' && c != ':');
  fuzz::must(dns::is_host_name(name));
  in_addr address{};
  fuzz::must(::inet_aton(name.c_str(), &address) == 0);
}

void read(std::span<const std::byte> message) {
  auto answer = dns::parse_answer(message);
  if (auto question = dns::parse_question(message)) {
    fuzz::must(!answer);
    check(question->name);
  }
  if (!answer) return;
  check(answer->question.name);
  fuzz::must(!answer->addresses.empty() &&
             answer->addresses.size() <= dns::most_records);
  // An owner, type, class, time, size and 4 bytes; a question and a header.
  fuzz::must(answer->addresses.size() * 15 + 17 <= message.size());
}

void read_name(std::span<const std::byte> bytes) {
  auto name = dns::host_name(
      {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (name) check(*name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  // Of exactly that size, as libFuzzer's own memory is not.
  const auto* first = reinterpret_cast<const std::byte*>(data);
  std::vector<std::byte> bytes(first, first + size);
  read(bytes);
  read_name(bytes);
  if (auto datagram = dns::datagram_of(bytes)) read(datagram->payload);
  return 0;
}
