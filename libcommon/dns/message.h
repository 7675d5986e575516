// SPDX-License-Identifier: Apache-2.0
// Answers of name servers: RFC 1035 with the AAAA of RFC 3596. Whatever stands
// in a message, a stranger has sent it. Pure and thread-safe.
//
// ns_parserr() of libresolv reads the same. It would have to be linked into
// every tool, throws a message away whole of which the end is missing, and is
// not compiled with what a fuzzer needs to see.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dns/address.h"

namespace sightline::dns {

// Names are written as RFC 1035, 5.1 has it, without the dot at the end;
// letters are small: names are the same in any case, and some resolvers ask in
// a random one. None but those of hosts are read (dns/host_name.h): others, as
// those with blanks or brackets in them, are not what a program connects to.
struct Question {
  std::uint16_t id = 0;    // which an answer repeats
  std::uint16_t type = 0;  // 1 is A, 28 is AAAA
  std::string name;

  auto operator<=>(const Question&) const = default;
};

struct Answer {
  Question question;
  std::vector<Address> addresses;
};

// Records of one message that are looked at; the rest is passed over.
inline constexpr std::size_t most_records = 256;

// A question: one, of class IN. The message is without the length that it has
// before it over TCP. Nothing for any other message.
std::optional<Question> parse_question(std::span<const std::byte> message);

// An answer. The message without the length that it has before it over TCP.
// Nothing for a question, an error, or another class than IN, and where no
// address answers: the owners of its A and AAAA records are the name asked for,
// or what CNAME records lead to from there, in whatever order they stand. Of a
// message that is cut, or broken further on, the records before are believed.
std::optional<Answer> parse_answer(std::span<const std::byte> message);

}  // namespace sightline::dns
