// SPDX-License-Identifier: Apache-2.0
// The names that processes asked for, for the addresses that they connect to:
// from what is seen on this host, never by a lookup of its own.
//
//   auto names = SL_TRY(dns::Names::open(btf_file));   before privileges drop
//   for (int fd : names.fds()) watch it; when it is readable: names.read()
//   names.read(); names.find(who, address, time);      for each batch of events
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "dns/address.h"
#include "dns/capture.h"
#include "dns/lookups.h"
#include "dns/name_cache.h"
#include "dns/questions.h"

namespace sightline::dns {

// Not thread-safe.
class Names {
 public:
  // Opens both sources: getaddrinfo() (dns/lookups.h) and the answers of name
  // servers (dns/capture.h). Either may fail and the other works; fails when
  // both have failed, with what both say, and as `permission` where that would
  // help either. Needs what the two need, until it returns.
  static Result<Names> open(const std::string& btf_file);

  // Why a source does not work: none, or one.
  [[nodiscard]] const std::optional<Error>& missing() const { return missing_; }

  // To be watched for EPOLLIN.
  [[nodiscard]] std::vector<int> fds() const;

  // Takes in what has come, and does not wait: of each source so much that a
  // flood does not keep the caller, the rest at the next call. What a process
  // has found before it connects is there to be read when its connect is. Fails
  // with errno.
  Status read();

  // Looks for C libraries that have come since, those of new containers; for
  // once in a second or so, and then for some milliseconds at most. Does
  // nothing where privileges that uprobes need were dropped, as describe() then
  // says. Fails with errno.
  Status attach_new();

  // Whether this kernel asks for CAP_SYS_ADMIN when attach_new() attaches, and
  // we have it, so that it is to be kept.
  [[nodiscard]] bool needs_admin() const {
    return lookups_ && lookups_->needs_admin();
  }

  // Times are CLOCK_MONOTONIC in nanoseconds; see NameCache::find().
  std::optional<Name> find(const Process& who, const Address& address,
                           std::uint64_t time_ns);

  // What was not seen, so far.
  struct Losses {
    std::uint64_t lookups = 0;  // calls of getaddrinfo()
    std::uint64_t answers = 0;  // of name servers, or questions to them
    std::uint64_t unasked = 0;  // answers that fit no question, and left out
  };
  Result<Losses> losses();

  // "names: getaddrinfo() of 3 C libraries; answers from port 53", for -v.
  [[nodiscard]] std::string describe() const;

  // Kernel memory of the maps, in bytes.
  [[nodiscard]] std::uint64_t map_memory() const;

 private:
  Names() : cache_(std::make_unique<NameCache>()) {}
  void take(const Datagram& datagram, bool leaves, std::uint64_t time_ns);
  void take_answer(const Datagram& datagram, std::uint64_t time_ns);

  std::unique_ptr<NameCache> cache_;  // the sources keep its address
  std::optional<Lookups> lookups_;
  std::optional<Capture> capture_;
  Questions questions_;
  std::uint64_t unasked_ = 0;
  std::optional<Error> missing_;
};

}  // namespace sightline::dns
