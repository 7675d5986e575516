// SPDX-License-Identifier: Apache-2.0
// The record that opens a document of JSON Lines, as all tools write it
// (docs/schema.md).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "output/json.h"

namespace sightline::cli {

// Where and how a measurement was made.
struct Origin {
  std::string host;
  std::string kernel;
  std::vector<std::string> arguments;   // the whole command line
  std::uint64_t start_realtime_ns = 0;  // since 1970
};

// This host, now, with a command line.
Origin origin_here(std::span<char* const> argv);

// With the version and the schema number; a tool adds keys of its own.
// Thread-safe, cannot fail.
output::Json begin_record(std::string_view tool, const Origin& origin);

}  // namespace sightline::cli
