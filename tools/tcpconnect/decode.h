// SPDX-License-Identifier: Apache-2.0
// Records of the kernel half (bpf/tcpconnect.h) as attempts. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "connect.h"
#include "event/assembler.h"
#include "tcpconnect.h"

namespace sightline::tcpconnect {

// Nothing for what is not a record of ours, whatever the bytes are.
std::optional<Connect> decode(const event::Pieces& pieces);

// Entries of the table of attempts, with those of the table of their parents,
// as they are at `now_ns`: `pending`, or `unknown` where the end was missed.
// The oldest first.
std::vector<Connect> decode_open(std::span<const connect_record> attempts,
                                 std::span<const connect_ancestry> ancestries,
                                 std::uint64_t now_ns);

}  // namespace sightline::tcpconnect
