// SPDX-License-Identifier: Apache-2.0
#include "dns/names.h"

#include <fmt/format.h>

#include <utility>

#include "dns/message.h"

namespace sightline::dns {
namespace {

void add(NameCache& cache, const Lookup& lookup) {
  for (const auto& address : lookup.addresses) {
    cache.add_lookup(lookup.who, address, lookup.name, lookup.time_ns);
  }
}

Result<Lookups> open_lookups(const std::string& btf_file, NameCache& cache) {
  auto lookups = SL_TRY(Lookups::open(
      btf_file, [&cache](const Lookup& lookup) { add(cache, lookup); }));
  SL_CHECK(lookups.attach_new());
  return lookups;
}

Error neither(const Error& lookups, const Error& capture) {
  bool forbidden = lookups.kind == ErrorKind::permission ||
                   capture.kind == ErrorKind::permission;
  return {.kind = forbidden ? ErrorKind::permission : lookups.kind,
          .err = lookups.err,
          .what = fmt::format("no names are to be seen: from getaddrinfo(): "
                              "{}; from answers of name servers: {}",
                              lookups.what, capture.what),
          .hint = capture.hint.empty() ? lookups.hint : capture.hint};
}

}  // namespace

Result<Names> Names::open(const std::string& btf_file) {
  Names names;
  auto capture = Capture::open();
  auto lookups = open_lookups(btf_file, *names.cache_);
  if (!capture && !lookups) {
    return std::unexpected(neither(lookups.error(), capture.error()));
  }
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
  if (capture_) fds.push_back(capture_->fd());
  if (lookups_) fds.push_back(lookups_->fd());
  return fds;
}

void Names::take(const Datagram& datagram, bool leaves, std::uint64_t time_ns) {
  if (!leaves) {
    take_answer(datagram, time_ns);
    return;
  }
  auto question = parse_question(datagram.payload);
  if (!question) return;
  questions_.add({.client = datagram.source,
                  .client_port = datagram.source_port,
                  .server = datagram.destination,
                  .question = *std::move(question)},
                 time_ns);
}

// Of what answers nothing, or was answered before, the asker takes no notice
// either.
void Names::take_answer(const Datagram& datagram, std::uint64_t time_ns) {
  auto answer = parse_answer(datagram.payload);
  if (!answer) return;
  auto match = questions_.match({.client = datagram.destination,
                                 .client_port = datagram.destination_port,
                                 .server = datagram.source,
                                 .question = answer->question},
                                time_ns);
  if (match == Match::none) ++unasked_;
  if (match != Match::first) return;
  for (const auto& address : answer->addresses) {
    cache_->add_answer(address, answer->question.name, time_ns);
  }
}

Status Names::read() {
  if (lookups_) SL_CHECK(lookups_->read());
  if (!capture_) return {};
  return capture_->read(
      [this](const auto& datagram, bool leaves, std::uint64_t time_ns) {
        take(datagram, leaves, time_ns);
      });
}

Status Names::attach_new() {
  return lookups_ ? lookups_->attach_new() : Status();
}

std::optional<Name> Names::find(const Process& who, const Address& address,
                                std::uint64_t time_ns) {
  return cache_->find(who, address, time_ns);
}

Result<Names::Losses> Names::losses() {
  Losses losses;
  if (lookups_) losses.lookups = SL_TRY(lookups_->lost());
  if (capture_) losses.answers = SL_TRY(capture_->lost());
  losses.unasked = unasked_;
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
    if (auto skipped = lookups_->skipped(); skipped > 0) {
      text += fmt::format(" ({} processes not looked at)", skipped);
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
