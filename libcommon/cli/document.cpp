// SPDX-License-Identifier: Apache-2.0
#include "cli/document.h"

#include <sys/utsname.h>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "cli/program.h"

namespace sightline::cli {
namespace {

constexpr int schema = 1;

}  // namespace

Origin origin_here(std::span<char* const> argv) {
  utsname system{};
  ::uname(&system);
  return {.host = system.nodename,
          .kernel = system.release,
          .arguments = {argv.begin(), argv.end()},
          .start_realtime_ns = realtime_ns()};
}

output::Json begin_record(std::string_view tool, const Origin& origin) {
  output::Json record{{"type", "begin"},
                      {"tool", tool},
                      {"version", version()},
                      {"schema", schema},
                      {"start", format_rfc3339(origin.start_realtime_ns)}};
  output::put_text(record, "host", origin.host);
  record["kernel"] = origin.kernel;
  output::put_texts(record, "arguments", origin.arguments);
  return record;
}

}  // namespace sightline::cli
