// SPDX-License-Identifier: Apache-2.0
// Inlined calls and source lines of many addresses of one file: dwarf.h in a
// process of its own, so that no file can crash, stop or fill the caller.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "symbol/debug_files.h"
#include "symbol/dwarf.h"
#include "symbol/source_table.h"
#include "symbol/worker.h"

namespace sightline::symbol {

// Addresses that are done, of how many.
using SourceProgress = std::function<void(std::size_t done, std::size_t all)>;

// `file_offsets` are ascending and without duplicates, as for
// Symbolizer::name_object; the table has one chain for each. What was read
// before the process died or was out of time is kept; the rest is empty, and
// the reason `no_debug_info`, `split_debug_info`, `corrupt_debug_info`,
// `debug_info_late` or `debug_info_large`. A file without DWARF costs no
// process.
//
// Not thread-safe: it forks (see run_worker). 10,000 addresses in 300 MB of
// DWARF take 1 to 2 s (docs/overhead.md).
SourceTable read_source(const DebugFiles& files,
                        std::span<const std::uint64_t> file_offsets,
                        const SourceWanted& wanted, const WorkerLimits& limits,
                        const SourceProgress& progress);

// The same for a file whose DWARF is still to be found: in itself, or in its
// separate debug files (debug_files.h), whose reasons may stand in the table
// instead of `no_debug_info`. The descriptor stays the caller's.
SourceTable read_source(int file, const Place& place,
                        std::span<const std::uint64_t> file_offsets,
                        const SourceWanted& wanted, const WorkerLimits& limits,
                        const SourceProgress& progress);

}  // namespace sightline::symbol
