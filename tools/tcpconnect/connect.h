// SPDX-License-Identifier: Apache-2.0
// One attempt to connect, as it was measured: plain data, and what can be told
// from it.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/ancestry.h"

namespace sightline::tcpconnect {

// IPv6, or IPv4 mapped into it (RFC 4291, 2.5.5.2), in network byte order.
using Address = std::array<std::uint8_t, 16>;

struct Endpoint {
  Address address = {};
  std::uint16_t port = 0;  // 0: none
  // Index of the interface that a link-local address belongs to (RFC 4007, 11);
  // 0 for all others.
  std::uint32_t scope = 0;

  bool operator==(const Endpoint&) const = default;
};

enum class Outcome {
  ok,
  refused,
  timeout,
  unreachable,
  reset,
  denied,   // by a security module, a cgroup's program, or the routes
  aborted,  // the program closed the socket
  failed,   // of another reason
  pending,  // still, at the end of the measurement
  unknown,  // it ended, but nothing told how
};
inline constexpr std::size_t outcomes = 10;

// All bytes as the kernel has them; nothing is escaped.
struct Connect {
  std::uint64_t time_ns = 0;  // of the start, CLOCK_MONOTONIC
  bool start_seen = true;     // else that of the end, and nobody knows who
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  std::uint32_t parent = 0;
  uid_t uid = 0;
  std::uint64_t cgroup = 0;
  std::uint32_t netns = 0;      // inode
  std::uint32_t interface = 0;  // index of what the socket is bound to, or 0
  std::string comm = {};        // of the thread
  std::string parent_comm = {};
  Outcome outcome = Outcome::unknown;
  int error = 0;  // errno, 0 where there is none
  // Until the end, or while it is pending its age. None where the call failed
  // before the socket tried, and where the start was not seen.
  std::optional<std::uint64_t> latency_ns = {};
  std::uint64_t retransmits = 0;  // of the SYN
  int family = 0;                 // of the socket: AF_INET or AF_INET6
  Endpoint local = {};
  std::optional<Endpoint> remote = {};
  // What the program asked for, where the socket went elsewhere.
  std::optional<Endpoint> asked = {};
  int asked_family = 0;    // of an address that is none of the internet
  bool immediate = false;  // the call failed before the socket tried
  bool fast_open = false;  // the SYN has the Fast Open option
  bool syn_data = false;   // ... and data
  bool mptcp = false;      // the SYN asks for it
  std::vector<event::Ancestor> ancestors = {};  // parent first
  bool parents_lost = false;  // their record was announced and never came
  // What the program called the remote address, where that is known.
  std::optional<std::string> name = {};
  std::string_view name_source = {};  // how: docs/schema.md has the words
  bool own_name = false;              // the process itself looked it up
  // The address means another host in each network namespace, and this one is
  // not the tool's own.
  bool elsewhere = false;
};

// `ok`, `refused`, …
std::string_view outcome_name(Outcome outcome);

// It has come to an end, and that is not a connection.
bool has_failed(const Connect& connect);

// What an attempt that failed with an error comes to.
Outcome outcome_of(int error);

bool is_ipv4(const Address& address);

// fe80::/10, RFC 4291, 2.5.6.
bool is_link_local(const Address& address);

// Loopback and link-local addresses (RFC 6890) are those of other hosts in each
// network namespace.
bool is_local(const Address& address);

// `10.0.0.1`, `2001:db8::1`.
std::string address_text(const Address& address);
// `10.0.0.1:443`, `[2001:db8::1]:443`, `[fe80::1%2]:443`.
std::string endpoint_text(const Endpoint& endpoint);
// The remote endpoint, by its name where there is one: `db.example:80`, or
// `~db.example:80` where it was not the process itself that asked for it; or
// what is known instead.
std::string remote_text(const Connect& connect);
// What attempts are counted by: remote_text(), and behind it what tells apart
// whatever a stranger may have given one name: `~db.example:80 [10.0.0.1]`.
// What the process looked up itself goes by the name alone, wherever it leads.
// Local addresses of another network namespace have its number, as lsns(8)
// shows it: `127.0.0.1:80 [netns 4026532281]`.
std::string destination(const Connect& connect);

}  // namespace sightline::tcpconnect
