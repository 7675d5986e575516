// SPDX-License-Identifier: Apache-2.0
// libcommon/dns alone: says `ready` when it watches, then answers its standard
// input, a line for a line:
//
//   find PID ADDRESS [UID [CGROUP]]
//                      the name, and how it is known; or `unknown`. Without
//                      them for root in our own cgroup.
//   attach             looks for new C libraries
//   lost               what was not seen: lookups, answers; and answers that
//                      nobody asked for
//   about              what it watches, and why not more
#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "base/clock.h"
#include "base/text.h"
#include "bpf/log.h"
#include "container/cgroup.h"
#include "dns/names.h"

namespace {

using namespace sightline;

// As BPF programs see it.
std::uint64_t own_cgroup() {
  std::ifstream lines("/proc/self/cgroup");
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("0::")) continue;
    auto cgroup = container::open_cgroup(line.substr(3));
    if (cgroup) return cgroup->id;
  }
  return 0;
}

Result<std::string> find(dns::Names& names, std::istringstream& words) {
  dns::Process who{.cgroup = own_cgroup()};
  std::string text;
  words >> who.pid >> text;
  if (std::uint32_t uid = 0; words >> uid) who.uid = uid;
  if (std::uint64_t cgroup = 0; words >> cgroup) who.cgroup = cgroup;
  auto address = dns::parse_address(text);
  if (!address) return fail(ErrorKind::usage, "no address: " + text);
  SL_CHECK(names.read());
  auto name = names.find(who, *address, monotonic_ns());
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
  return fmt::format("{} {} {}", losses.lookups, losses.answers,
                     losses.unasked);
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
