// SPDX-License-Identifier: Apache-2.0
// The build-id, which says of a file and of the running kernel which one it is:
// a note that the linker makes of all that it has linked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace sightline::symbol {

// Fills `into` from byte `at` of the notes; how many bytes there were.
using ReadNotes =
    std::function<std::size_t(std::uint64_t at, std::span<char> into)>;

// The bytes of the GNU build-id (at most 64) among notes of `size` bytes; empty
// if there is none. Notes may be a stranger's. Thread-safe.
std::string find_build_id(std::uint64_t size, const ReadNotes& read);

// That of the running kernel, from /sys/kernel/notes, which anybody may read;
// empty if there is none. Thread-safe.
std::string kernel_build_id();

}  // namespace sightline::symbol
