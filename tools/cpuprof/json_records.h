// SPDX-License-Identifier: Apache-2.0
// The records that open and close a document of JSON Lines (docs/schema.md).
// pprof carries them as comments.
#pragma once

#include <nlohmann/json.hpp>

#include "measurement.h"
#include "output/json.h"

namespace sightline::cpuprof {

// How the run was set up.
output::Json begin_record(const Setup& setup);

// The last one: what all of the span, or of the run, comes to.
output::Json end_record(const Span& span);

// The same without its type.
void put_closing(output::Json& record, const Span& span);

}  // namespace sightline::cpuprof
