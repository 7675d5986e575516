// SPDX-License-Identifier: Apache-2.0
// What a program will map when it is executed, told from its file before it
// runs: itself or its interpreter, the dynamic linker, the libraries that it
// needs and those that these need. Never complete (dlopen, LD_PRELOAD, a cache
// of the linker's that leads elsewhere) and not to be trusted further than to
// read in advance what will probably be asked for.
#pragma once

#include <string>
#include <vector>

#include "base/handle.h"

namespace sightline::unwind {

// Opened for reading, the program first; regular files only. `path` is looked
// up in our own root. Empty when it cannot be read. At most 64 files; costs an
// open and some small reads for each, and an open for each directory in which a
// library is not.
//
// Scripts: execve(2), "Interpreter scripts". Libraries: ld.so(8), with the
// directories that distributions have in place of /etc/ld.so.cache.
std::vector<UniqueFd> open_program_files(const std::string& path);

}  // namespace sightline::unwind
