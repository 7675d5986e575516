// SPDX-License-Identifier: Apache-2.0
// Questions to name servers as they leave, and answers as they come in: copies
// of the datagrams to port 53 that this network namespace sends and of those
// from port 53 that reach it, by whatever device, the loopback included.
// Nothing is sent, and nobody's packet is held up.
//
// One packet socket (packet(7)) for all protocols, with a filter that the
// kernel runs. Only such a socket sees what leaves, and only in one is the
// order of a question and its answer the one in which they passed. The price:
// while it is open, of each packet that the host sends the head is cloned
// before the filter is asked (dev_queue_xmit_nit(), net/core/dev.c, 5.10 to
// 6.18). On a host whose device is part of a bridge or a bond, both show each
// packet.
//
// Not seen: fragments, datagrams behind IPv6 extension headers, TCP, encrypted
// protocols, other network namespaces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/error.h"
#include "base/handle.h"
#include "dns/packet.h"

namespace sightline::dns {

// Not thread-safe.
class Capture {
 public:
  // A datagram, whether it leaves this host (to port 53) or comes in (from port
  // 53), and when that was (CLOCK_MONOTONIC, nanoseconds): before anybody on
  // this host can have read it.
  using Handler = std::function<void(const Datagram& datagram, bool leaves,
                                     std::uint64_t time_ns)>;

  // Needs CAP_NET_RAW in the user namespace of the network namespace, now and
  // not later. Fails with errno: EPERM without it.
  static Result<Capture> open();

  // To be watched for EPOLLIN.
  [[nodiscard]] int fd() const { return socket_.get(); }

  // Hands over what has come by, at most `most_at_once` packets, so that a
  // flood does not keep the caller. Fails with errno.
  Status read(const Handler& handler);

  // Packets so far that found no room in the socket's buffer, as the kernel
  // counts them. Fails with errno.
  Result<std::uint64_t> lost();

  static constexpr std::size_t most_at_once = 4096;

 private:
  UniqueFd socket_;
  std::vector<std::byte> buffer_;
  std::uint64_t lost_ = 0;
};

}  // namespace sightline::dns
