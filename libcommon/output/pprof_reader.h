// SPDX-License-Identifier: Apache-2.0
// Reads pprof's gzip-compressed profile.proto, also what a stranger has written
// to break it.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/error.h"
#include "output/pprof.h"

namespace sightline::output {

struct PprofLimits {
  std::size_t unpacked_bytes = 256U << 20;
  std::size_t memory_bytes = 1U << 30;  // for what is read, bytes apart
};

// The whole profile, in the order of the file. What an index refers to exists,
// samples have a value for each sample type, no value is negative, and texts
// are UTF-8; they may hold control characters, and names may be empty.
//
// Fails with a sentence that says what is wrong and where ("not a pprof
// profile: sample 12: no location 99"): when it is no gzip, damaged or cut,
// larger than `limits`, or contradicts itself. Fields that are not known are
// left out. Thread-safe.
Result<pprof::Profile> read_pprof(std::string_view packed,
                                  const PprofLimits& limits = {});

}  // namespace sightline::output
