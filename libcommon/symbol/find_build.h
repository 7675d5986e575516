// SPDX-License-Identifier: Apache-2.0
// The file of a build on this machine, which need not be the one that it ran
// on: for recordings.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/handle.h"
#include "symbol/debug_files.h"
#include "symbol/reason.h"

namespace sightline::symbol {

struct BuildFile {
  UniqueFd fd;
  bool only_debug = false;  // its debug file: see Place::code
};

// Whoever wrote the recording has chosen `path`; what lies there, in our own
// root, is believed only when its build-id (raw bytes) is the same. Else its
// debug file is looked for below /usr/lib/debug, and last the server is asked,
// if there is one. Reasons: `no_build_id`, `not_here`, `other_file` when only
// another build lies there, and the server's.
//
// Thread-safe. Costs at most two opens of a path, and what the server takes.
std::expected<BuildFile, Reason> find_build(
    const std::string& path, std::string_view build_id,
    const DebugFileServer* server = nullptr);

}  // namespace sightline::symbol
