// SPDX-License-Identifier: Apache-2.0
// What programs ask their C library for: uprobes on getaddrinfo() of each that
// is mapped, which tell who asked for which name and what it got. Seen are
// names out of /etc/hosts, of nscd and systemd-resolved, over any protocol and
// in any container; not seen are programs that have their own resolver or are
// linked statically, other functions (gethostbyname()), and 32-bit programs.
//
// The name and the addresses are read when the call returns, by a uretprobe. It
// puts another return address on the stack for the time of the call, as every
// uretprobe does (kernel/events/uprobes.c).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "bpf/object.h"
#include "bpf/ring.h"
#include "dns/address.h"
#include "dns/libraries.h"
#include "dns/name_cache.h"

struct getaddrinfo_bpf;

namespace sightline::dns {

// A call that found something.
struct Lookup {
  std::uint64_t time_ns = 0;       // CLOCK_MONOTONIC, of the return
  Process who;                     // without its parent
  std::string name;                // as it was asked for (dns/host_name.h)
  std::vector<Address> addresses;  // in the order of the list, at most 16
};

// A record of bpf/getaddrinfo.h. Nothing for what is none, and for what is no
// name of a host, as an address that somebody looked up. Pure and thread-safe.
std::optional<Lookup> decode_lookup(std::span<const std::byte> record);

// Not thread-safe.
class Lookups {
 public:
  using Handler = std::function<void(const Lookup&)>;

  // Loads the program; the handler runs inside read(). Needs what BPF programs
  // need, CAP_SYS_ADMIN for uprobes (see bpf::attach_to_function()), and
  // CAP_SYS_PTRACE for the libraries of other users' processes. `btf_file`: see
  // open_skeleton(). Fails as check_uretprobes() does, too, before any program
  // is touched.
  static Result<Lookups> open(const std::string& btf_file, Handler handler);
  Lookups(Lookups&&) noexcept;
  Lookups& operator=(Lookups&&) noexcept;
  ~Lookups();

  // Attaches to the libraries that were not there at the last call, and so
  // first of all to those that are; again now and then for containers that were
  // started since. What is not permitted any more, or fails otherwise, counts
  // in left_out(). Fails with errno when /proc cannot be read.
  Status attach_new();

  // Whether attach_new() goes on needing CAP_SYS_ADMIN, which we have.
  [[nodiscard]] bool needs_admin() const { return needs_admin_; }

  // To be watched for EPOLLIN, and what is to be done then. Takes in at most
  // `most_at_once` records, so that a flood does not keep the caller.
  [[nodiscard]] int fd() const { return ring_.fd(); }
  Status read() { return ring_.consume(most_at_once); }

  static constexpr std::size_t most_at_once = 4096;

  [[nodiscard]] std::size_t libraries() const { return attached_; }
  [[nodiscard]] std::size_t left_out() const {
    return libraries_.left_out() + refused_;
  }

  // Looks at processes for their libraries that were given up.
  [[nodiscard]] std::uint64_t skipped() const { return libraries_.skipped(); }

  // Calls so far that found something but of which no record came, whole. Fails
  // with errno.
  [[nodiscard]] Result<std::uint64_t> lost() const;

  // Kernel memory of the maps, in bytes.
  [[nodiscard]] std::uint64_t map_memory() const;

 private:
  struct SkeletonCloser {
    void operator()(getaddrinfo_bpf* skeleton) const;
  };

  Lookups() = default;
  bool attach(const Library& library);

  std::unique_ptr<getaddrinfo_bpf, SkeletonCloser> skeleton_;
  std::vector<bpf::Link> links_;
  bpf::Ring ring_;
  Libraries libraries_;
  std::size_t attached_ = 0;
  std::size_t refused_ = 0;
  bool needs_admin_ = false;
};

}  // namespace sightline::dns
