// SPDX-License-Identifier: Apache-2.0
// Records of the kernel half (bpf/tcpconnect.h) as attempts. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "connect.h"
#include "event/assembler.h"
#include "tcpconnect.h"

namespace sightline::tcpconnect {

// Nothing for what is not a record of ours, whatever the bytes are.
std::optional<Connect> decode(const event::Pieces& pieces);

// An entry of the table of attempts at the end of the measurement, which is
// `now_ns`.
Connect decode_open(const connect_record& record, std::uint64_t now_ns);

}  // namespace sightline::tcpconnect
