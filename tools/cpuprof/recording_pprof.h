// SPDX-License-Identifier: Apache-2.0
// Reads what the pprof view writes (docs/schema.md), from whoever has written
// it.
#pragma once

#include <string_view>

#include "base/error.h"
#include "recording.h"

namespace sightline::cpuprof {

// `packed`: a whole file. Fails with what is wrong with it, also for a profile
// that another program has written: the comments are missing.
Status read_pprof_recording(std::string_view packed, Recording& into);

}  // namespace sightline::cpuprof
