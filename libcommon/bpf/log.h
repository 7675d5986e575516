// SPDX-License-Identifier: Apache-2.0
// libbpf's own log. It is kept, not printed: most of it misleads (every EPERM
// is blamed on RLIMIT_MEMLOCK). With -vv the program prints it as it comes.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace sightline::bpf {

// Routes libbpf's log from now on: the last lines are kept for log_tail(), and
// each piece also goes to `show` if there is one. Process-wide; call it once,
// before the first object is opened.
void capture_log(std::function<void(std::string_view)> show = {});

// The last lines that libbpf logged, the verifier's verdict among them.
std::string log_tail();

}  // namespace sightline::bpf
