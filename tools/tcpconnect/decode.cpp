// SPDX-License-Identifier: Apache-2.0
#include "decode.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "event/record.h"

namespace sightline::tcpconnect {
namespace {

using event::name_of;
using event::record_at;

// A socket that goes to a link-local address is bound to an interface.
Endpoint endpoint_of(const connect_record& record,
                     const __u8 (&address)[CONNECT_ADDRESS_SIZE],
                     std::uint16_t port) {
  Endpoint endpoint{.port = port};
  std::memcpy(endpoint.address.data(), address, endpoint.address.size());
  if (is_link_local(endpoint.address)) endpoint.scope = record.interface;
  return endpoint;
}

Outcome outcome_of_record(const connect_record& record) {
  if ((record.flags & CONNECT_OK) != 0) return Outcome::ok;
  if ((record.flags & CONNECT_ABORTED) != 0) return Outcome::aborted;
  if (record.error != 0) return outcome_of(record.error);
  return Outcome::unknown;
}

void take_process(Connect& connect, const connect_record& record) {
  connect.time_ns = record.header.time_ns;
  connect.start_seen = (record.flags & CONNECT_START_UNSEEN) == 0;
  connect.pid = record.pid;
  connect.tid = record.tid;
  connect.parent = record.parent;
  connect.uid = record.uid;
  connect.cgroup = record.cgroup;
  connect.netns = record.netns;
  connect.interface = record.interface;
  connect.comm = name_of(record.comm);
  connect.parent_comm = name_of(record.parent_comm);
}

void take_addresses(Connect& connect, const connect_record& record) {
  connect.family = record.family;
  connect.local = endpoint_of(record, record.local, record.local_port);
  connect.asked_family = record.asked_family;
  if ((record.flags & CONNECT_NO_REMOTE) == 0) {
    connect.remote = endpoint_of(record, record.remote, record.remote_port);
  }
  bool internet =
      record.asked_family == AF_INET || record.asked_family == AF_INET6;
  if ((record.flags & CONNECT_REWRITTEN) != 0 && internet) {
    connect.asked = endpoint_of(record, record.asked, record.asked_port);
  }
}

Connect connect_of(const connect_record& record) {
  Connect connect;
  take_process(connect, record);
  take_addresses(connect, record);
  connect.outcome = outcome_of_record(record);
  connect.error = record.error;
  connect.retransmits = record.retransmits;
  connect.immediate = (record.flags & CONNECT_IMMEDIATE) != 0;
  connect.fast_open = (record.flags & CONNECT_FAST_OPEN) != 0;
  connect.syn_data = (record.flags & CONNECT_SYN_DATA) != 0;
  connect.mptcp = (record.flags & CONNECT_MPTCP) != 0;
  if (connect.start_seen && !connect.immediate) {
    connect.latency_ns = record.latency_ns;
  }
  return connect;
}

void take_ancestors(Connect& connect, const connect_ancestry& ancestry) {
  auto count =
      std::min<std::uint64_t>(ancestry.count, std::size(ancestry.parents));
  for (const auto& parent : std::span(ancestry.parents).first(count)) {
    connect.ancestors.push_back({parent.pid, name_of(parent.comm)});
  }
}

Connect open_one(const connect_record& record, std::uint64_t now_ns) {
  auto connect = connect_of(record);
  if (record.state == CONNECT_PENDING) {
    connect.outcome = Outcome::pending;
    connect.latency_ns =
        now_ns - std::min<std::uint64_t>(now_ns, connect.time_ns);
  }
  return connect;
}

// Which event a record belongs to.
using EventId = std::pair<std::uint64_t, std::uint32_t>;

EventId id_of(const event_header& header) {
  return {header.time_ns, header.tid};
}

}  // namespace

std::optional<Connect> decode(const event::Pieces& pieces) {
  auto record = record_at<connect_record>(pieces.first);
  if (!record || record->header.type != CONNECT_ATTEMPT) return std::nullopt;
  auto connect = connect_of(*record);
  for (const auto& piece : pieces.rest) {
    auto ancestry = record_at<connect_ancestry>(piece);
    if (ancestry) take_ancestors(connect, *ancestry);
  }
  connect.parents_lost = !pieces.whole;
  return connect;
}

std::vector<Connect> decode_open(std::span<const connect_record> attempts,
                                 std::span<const connect_ancestry> ancestries,
                                 std::uint64_t now_ns) {
  std::map<EventId, const connect_ancestry*> parents;
  for (const auto& ancestry : ancestries) {
    parents.emplace(id_of(ancestry.header), &ancestry);
  }
  std::vector<Connect> connects;
  for (const auto& record : attempts) {
    auto& connect = connects.emplace_back(open_one(record, now_ns));
    auto found = parents.find(id_of(record.header));
    if (found != parents.end()) take_ancestors(connect, *found->second);
  }
  std::ranges::stable_sort(connects, {}, &Connect::time_ns);
  return connects;
}

}  // namespace sightline::tcpconnect
