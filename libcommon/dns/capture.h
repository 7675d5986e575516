// SPDX-License-Identifier: Apache-2.0
// Answers of name servers as they come in: copies of the datagrams from port 53
// that reach this network namespace, by whatever device, the loopback included.
// Nothing is sent, and nobody's packet is held up.
//
// Two packet sockets (packet(7)), one for each version of IP, with a filter
// that the kernel runs. A socket for all protocols would see answers on their
// way out, too, and some twice; each packet that the host sends would then be
// cloned for it before the filter is asked (dev_queue_xmit_nit(),
// net/core/dev.c, 5.10 to 6.18).
//
// Not seen: fragments, datagrams behind IPv6 extension headers, TCP, encrypted
// protocols, other network namespaces.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/handle.h"

namespace sightline::dns {

// Not thread-safe.
class Capture {
 public:
  // A message of a server, and when it came in (CLOCK_MONOTONIC, nanoseconds):
  // before anybody on this host can have read it.
  using Handler = std::function<void(std::span<const std::byte> message,
                                     std::uint64_t time_ns)>;

  // Needs CAP_NET_RAW in the user namespace of the network namespace, now and
  // not later. Fails with errno: EPERM without it.
  static Result<Capture> open();

  // To be watched for EPOLLIN.
  [[nodiscard]] std::vector<int> fds() const;

  // Hands over what has come in, at most `most_at_once` packets of each socket,
  // so that a flood does not keep the caller. Fails with errno.
  Status read(const Handler& handler);

  // Answers so far that found no room in a socket's buffer, each IP version's
  // counted by the kernel. Fails with errno.
  Result<std::uint64_t> lost();

  static constexpr std::size_t most_at_once = 4096;

 private:
  Status read_from(int fd, const Handler& handler);

  std::array<UniqueFd, 2> sockets_;
  std::vector<std::byte> buffer_;
  std::uint64_t lost_ = 0;
};

}  // namespace sightline::dns
