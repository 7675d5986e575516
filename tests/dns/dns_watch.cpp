// SPDX-License-Identifier: Apache-2.0
// libcommon/dns alone: says `ready` when it watches, then answers its standard
// input, a line for a line:
//
//   find PID ADDRESS   the name, and how it is known; or `unknown`
//   attach             looks for new C libraries
//   lost               what was not seen: lookups, answers
//   about              what it watches, and why not more
#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>

#include "base/clock.h"
#include "base/text.h"
#include "bpf/log.h"
#include "dns/names.h"

namespace {

using namespace sightline;

Result<std::string> find(dns::Names& names, std::istringstream& words) {
  std::uint32_t pid = 0;
  std::string text;
  words >> pid >> text;
  auto address = dns::parse_address(text);
  if (!address) return fail(ErrorKind::usage, "no address: " + text);
  SL_CHECK(names.read());
  auto name = names.find(pid, *address, monotonic_ns());
  if (!name) return "unknown";
  return printable(name->text) + ' ' + std::string(to_string(name->source));
}

Result<std::string> about(const dns::Names& names) {
  auto text = names.describe();
  if (names.missing()) text += "; missing: " + names.missing()->what;
  return text;
}

Result<std::string> answer(dns::Names& names, const std::string& line) {
  std::istringstream words(line);
  std::string verb;
  words >> verb;
  if (verb == "find") return find(names, words);
  if (verb == "about") return about(names);
  if (verb == "attach") {
    SL_CHECK(names.attach_new());
    return "attached";
  }
  auto losses = SL_TRY(names.losses());
  return fmt::format("{} {}", losses.lookups, losses.answers);
}

Status watch() {
  auto names = SL_TRY(dns::Names::open(""));
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << SL_TRY(answer(names, line)) << std::endl;
  }
  return {};
}

}  // namespace

int main() {
  sightline::bpf::capture_log();
  if (auto done = watch(); !done) {
    std::cerr << "dns_watch: " << done.error().what << ": "
              << sightline::bpf::log_tail() << '\n';
    return 1;
  }
  return 0;
}
