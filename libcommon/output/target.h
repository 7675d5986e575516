// SPDX-License-Identifier: Apache-2.0
// Where an output path leads, with symbolic links resolved.
#pragma once

#include <string>

#include "base/error.h"
#include "base/handle.h"

namespace sightline::output {

// A file named inside an open directory, so that neither a later chdir nor a
// directory renamed underneath changes where a report goes.
struct Target {
  std::string shown;   // as messages name it: `'path'`
  UniqueFd directory;  // O_PATH
  std::string name;
  // A device, FIFO, terminal or descriptor (/dev/stderr, /proc/self/fd/3),
  // which is written in place. Otherwise a regular file, there or not yet.
  bool special = false;
};

// Follows symbolic links, also one that points to nothing yet. Fails where the
// directory is missing, the target is a directory or an existing file may not
// be written. Makes and changes nothing.
Result<Target> find_target(const std::string& path);

// Opens a special target. A FIFO without a reader would block a plain open for
// ever, with nothing attached yet: it gets one second, which a reader started
// by the same script needs at most, then it is an error.
Result<UniqueFd> open_special(const Target& target);

// `cannot write to 'path': No space left on device`. Always of the kind
// `runtime`: a file that may not be written wants no capability.
std::unexpected<Error> cannot_write(const std::string& shown, int err = errno,
                                    std::string hint = {});

}  // namespace sightline::output
