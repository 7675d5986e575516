// SPDX-License-Identifier: Apache-2.0
#include "dns/capture.h"

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <span>

#include "base/clock.h"
#include "base/units.h"
#include "dns/packet.h"

namespace sightline::dns {
namespace {

// A packet takes up some 800 bytes of it, some 2,300 with many drivers. The
// kernel takes twice what it is told: room for what comes by in a tenth of a
// second at 35,000 questions a second, or more.
constexpr int receive_buffer = 8 << 20;
constexpr std::size_t largest_packet = 1 << 16;

// What the kernel calls a filter's instructions (linux/filter.h), here without
// the casts of its macros.
constexpr sock_filter load(unsigned size_and_mode, std::uint32_t at) {
  return {static_cast<__u16>(BPF_LD | size_and_mode), 0, 0, at};
}
constexpr sock_filter jump(unsigned test, std::uint32_t value, __u8 if_true,
                           __u8 if_false) {
  return {static_cast<__u16>(BPF_JMP | test | BPF_K), if_true, if_false, value};
}
constexpr sock_filter accept_bytes(std::uint32_t count) {
  return {BPF_RET | BPF_K, 0, 0, count};
}

constexpr std::uint32_t extra(int what) {
  return static_cast<std::uint32_t>(SKF_AD_OFF + what);
}
constexpr sock_filter skip(std::uint32_t count) {
  return {BPF_JMP | BPF_JA, 0, 0, count};
}

// Packets begin with the IP header, on SOCK_DGRAM. The same is asked again of
// what comes out (dns/packet.h); here it is asked so that nothing else does.
// Of what leaves the port that it goes to is looked at, of what comes in the
// one that it is from: so on the loopback, too, each is seen once.
constexpr std::array filter{
    load(BPF_H | BPF_ABS, extra(SKF_AD_PROTOCOL)),
    jump(BPF_JEQ, ETH_P_IP, 0, 6),
    load(BPF_B | BPF_ABS, 9),  // the protocol
    jump(BPF_JEQ, IPPROTO_UDP, 0, 14),
    load(BPF_H | BPF_ABS, 6),  // a fragment?
    jump(BPF_JSET, 0x3fff, 12, 0),
    sock_filter{BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0},  // X: the header's size
    skip(4),
    jump(BPF_JEQ, ETH_P_IPV6, 0, 9),
    load(BPF_B | BPF_ABS, 6),  // the next header
    jump(BPF_JEQ, IPPROTO_UDP, 0, 7),
    sock_filter{BPF_LDX | BPF_IMM, 0, 0, 40},  // X: of version 6
    load(BPF_B | BPF_ABS, extra(SKF_AD_PKTTYPE)),
    jump(BPF_JEQ, PACKET_OUTGOING, 0, 2),
    load(BPF_H | BPF_IND, 2),  // the port that it goes to
    skip(1),
    load(BPF_H | BPF_IND, 0),  // the port that it is from
    jump(BPF_JEQ, server_port, 1, 0),
    accept_bytes(0),
    accept_bytes(largest_packet)};

template <typename T>
bool set_option(int fd, int option, const T& value) {
  return ::setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value)) == 0;
}

// Without CAP_NET_ADMIN it is as much as net.core.rmem_max allows.
void ask_for_room(int fd) {
  if (set_option(fd, SO_RCVBUFFORCE, receive_buffer)) return;
  (void)set_option(fd, SO_RCVBUF, receive_buffer);
}

// Without a protocol it receives nothing until it is bound, filter and all.
Result<UniqueFd> open_socket() {
  UniqueFd fd(
      ::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) {
    return fail_errno("cannot open a packet socket", errno,
                      "answers of name servers are seen with CAP_NET_RAW");
  }
  sock_fprog program{.len = static_cast<unsigned short>(filter.size()),
                     .filter = const_cast<sock_filter*>(filter.data())};
  sockaddr_ll all_devices{};
  all_devices.sll_family = AF_PACKET;
  all_devices.sll_protocol = htons(ETH_P_ALL);
  ask_for_room(fd.get());
  if (!set_option(fd.get(), SO_ATTACH_FILTER, program) ||
      !set_option(fd.get(), SO_TIMESTAMPNS, 1) ||
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&all_devices),
             sizeof(all_devices)) != 0) {
    return fail_errno("cannot watch for answers of name servers");
  }
  return fd;
}

// When the kernel saw the packet, which it tells by the wall clock. The
// monotonic clock is read first: if we are interrupted between the two, the
// packet seems to have come earlier, never later than it did.
std::uint64_t arrival_ns(const msghdr& message) {
  auto now = monotonic_ns();
  auto wall_now = realtime_ns();
  auto* control = CMSG_FIRSTHDR(&message);
  bool stamped = control != nullptr && control->cmsg_level == SOL_SOCKET &&
                 control->cmsg_type == SCM_TIMESTAMPNS;
  if (!stamped) return now;
  timespec stamp{};
  std::memcpy(&stamp, CMSG_DATA(control), sizeof(stamp));
  auto wall = static_cast<std::uint64_t>(stamp.tv_sec) * ns_per_second +
              static_cast<std::uint64_t>(stamp.tv_nsec);
  auto age = wall_now - std::min(wall, wall_now);
  return now - std::min(age, now);
}

}  // namespace

Result<Capture> Capture::open() {
  Capture capture;
  capture.socket_ = SL_TRY(open_socket());
  capture.buffer_.resize(largest_packet);
  return capture;
}

Status Capture::read(const Handler& handler) {
  for (std::size_t count = 0; count < most_at_once; ++count) {
    alignas(cmsghdr) std::array<char, 64> control{};
    sockaddr_ll device{};
    iovec into{.iov_base = buffer_.data(), .iov_len = buffer_.size()};
    msghdr message{};
    message.msg_name = &device;
    message.msg_namelen = sizeof(device);
    message.msg_iov = &into;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    auto size = ::recvmsg(socket_.get(), &message, 0);
    if (size < 0 && errno == EINTR) continue;
    // A device that goes down leaves its error in the socket, once.
    if (size < 0 && errno == ENETDOWN) continue;
    if (size < 0 && errno == EAGAIN) return {};
    if (size < 0) return fail_errno("cannot read answers of name servers");
    auto packet = std::span(buffer_).first(static_cast<std::size_t>(size));
    if (auto datagram = datagram_of(packet)) {
      bool leaves = device.sll_pkttype == PACKET_OUTGOING;
      handler(*datagram, leaves, arrival_ns(message));
    }
  }
  return {};
}

// The kernel begins anew each time that it is asked (packet(7)).
Result<std::uint64_t> Capture::lost() {
  tpacket_stats counts{};
  socklen_t size = sizeof(counts);
  if (::getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &counts,
                   &size) != 0) {
    return fail_errno("cannot ask for lost answers of name servers");
  }
  lost_ += counts.tp_drops;
  return lost_;
}

}  // namespace sightline::dns
