// SPDX-License-Identifier: Apache-2.0
#include "dns/names.h"

#include <fmt/format.h>

#include <span>
#include <utility>

#include "dns/message.h"

namespace sightline::dns {
namespace {

void add(NameCache& cache, const Lookup& lookup) {
  for (const auto& address : lookup.addresses) {
    cache.add_lookup(lookup.pid, address, lookup.name, lookup.time_ns);
  }
}

void add(NameCache& cache, std::span<const std::byte> message,
         std::uint64_t time_ns) {
  auto answer = parse_answer(message);
  if (!answer) return;
  for (const auto& address : answer->addresses) {
    cache.add_answer(address, answer->name, time_ns);
  }
}

Result<Lookups> open_lookups(const std::string& btf_file, NameCache& cache) {
  auto lookups = SL_TRY(Lookups::open(
      btf_file, [&cache](const Lookup& lookup) { add(cache, lookup); }));
  SL_CHECK(lookups.attach_new());
  return lookups;
}

}  // namespace

Result<Names> Names::open(const std::string& btf_file) {
  Names names;
  auto capture = Capture::open();
  auto lookups = open_lookups(btf_file, *names.cache_);
  if (!capture && !lookups) return std::unexpected(lookups.error());
  if (capture) {
    names.capture_ = *std::move(capture);
  } else {
    names.missing_ = capture.error();
  }
  if (lookups) {
    names.lookups_ = *std::move(lookups);
  } else {
    names.missing_ = lookups.error();
  }
  return names;
}

std::vector<int> Names::fds() const {
  std::vector<int> fds;
  if (capture_) fds = capture_->fds();
  if (lookups_) fds.push_back(lookups_->fd());
  return fds;
}

Status Names::read() {
  if (lookups_) SL_CHECK(lookups_->read());
  if (!capture_) return {};
  return capture_->read([this](auto message, std::uint64_t time_ns) {
    add(*cache_, message, time_ns);
  });
}

Status Names::attach_new() {
  return lookups_ ? lookups_->attach_new() : Status();
}

std::optional<Name> Names::find(std::uint32_t pid, const Address& address,
                                std::uint64_t time_ns) {
  return cache_->find(pid, address, time_ns);
}

Result<Names::Losses> Names::losses() {
  Losses losses;
  if (lookups_) losses.lookups = SL_TRY(lookups_->lost());
  if (capture_) losses.answers = SL_TRY(capture_->lost());
  return losses;
}

std::string Names::describe() const {
  std::string text = "names:";
  if (lookups_) {
    text +=
        fmt::format(" getaddrinfo() of {} C libraries", lookups_->libraries());
    if (auto out = lookups_->left_out(); out > 0) {
      text += fmt::format(" ({} left out)", out);
    }
  }
  if (capture_) text += lookups_ ? "; " : " ";
  if (capture_) text += "answers from port 53";
  return text;
}

std::uint64_t Names::map_memory() const {
  return lookups_ ? lookups_->map_memory() : 0;
}

}  // namespace sightline::dns
