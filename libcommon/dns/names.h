// SPDX-License-Identifier: Apache-2.0
// The names that processes asked for, for the addresses that they connect to:
// from what is seen on this host, never by a lookup of its own.
//
//   auto names = SL_TRY(dns::Names::open(btf_file));   before privileges drop
//   for (int fd : names.fds()) watch it; when it is readable: names.read()
//   names.read(); names.find(pid, address, time);      for each batch of events
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

namespace sightline::dns {

// Not thread-safe.
class Names {
 public:
  // Opens both sources: getaddrinfo() (dns/lookups.h) and the answers of name
  // servers (dns/capture.h). Either may fail and the other works; fails, as the
  // first of them does, when both have failed. Needs what the two need, until
  // it returns.
  static Result<Names> open(const std::string& btf_file);

  // Why a source does not work: none, or one.
  [[nodiscard]] const std::optional<Error>& missing() const { return missing_; }

  // To be watched for EPOLLIN.
  [[nodiscard]] std::vector<int> fds() const;

  // Takes in what has come, and does not wait. What a process has found before
  // it connects is there to be read when its connect is. Fails with errno.
  Status read();

  // Looks for C libraries that have come since, those of new containers; for
  // once in a second or so. Does nothing where privileges that uprobes need
  // were dropped, as describe() then says. Fails with errno.
  Status attach_new();

  // Times are CLOCK_MONOTONIC in nanoseconds; see NameCache::find(). The name
  // is raw bytes that a stranger may have chosen.
  std::optional<Name> find(std::uint32_t pid, const Address& address,
                           std::uint64_t time_ns);

  // What was not seen, so far.
  struct Losses {
    std::uint64_t lookups = 0;  // calls of getaddrinfo()
    std::uint64_t answers = 0;  // of name servers
  };
  Result<Losses> losses();

  // "names: getaddrinfo() of 3 C libraries; answers from port 53", for -v.
  [[nodiscard]] std::string describe() const;

  // Kernel memory of the maps, in bytes.
  [[nodiscard]] std::uint64_t map_memory() const;

 private:
  Names() : cache_(std::make_unique<NameCache>()) {}

  std::unique_ptr<NameCache> cache_;  // the sources keep its address
  std::optional<Lookups> lookups_;
  std::optional<Capture> capture_;
  std::optional<Error> missing_;
};

}  // namespace sightline::dns
