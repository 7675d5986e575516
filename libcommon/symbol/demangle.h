// SPDX-License-Identifier: Apache-2.0
// Symbol names as their programmers wrote them.
#pragma once

#include <string>
#include <string_view>

namespace sightline::symbol {

// C++ (Itanium ABI) and Rust (legacy and v0) names; any other name, and one
// that does not demangle, comes back as it is.
//
// Template arguments stay, function parameters do not: what perf prints and
// flame graphs are used to. The hash of a Rust name is dropped, so are symbol
// versions (`@@GLIBC_2.34`) and the numbers of link-time optimisation
// (`.llvm.123`). Other suffixes of compiler clones stay where they are in C:
// `parse<int>.isra.0`, `parse<int>.cold`.
//
// Hostile names are safe: over 8 KiB they are left mangled, and what expands to
// more than 4 KiB is cut there and ends with `…`. Thread-safe; needs at most
// 4 MiB of stack for the worst name, 64 KiB for an honest one.
std::string demangle(std::string_view name);

}  // namespace sightline::symbol
