// SPDX-License-Identifier: Apache-2.0
// Records of the ring (bpf/execsnoop.h) as execs and exits. Pure.
#pragma once

#include <optional>
#include <variant>

#include "event/assembler.h"
#include "exec.h"

namespace sightline::execsnoop {

// Nothing for what is not a record of ours, or contradicts itself: lengths are
// checked, whatever the bytes are.
std::optional<std::variant<Exec, Exit>> decode(const event::Pieces& pieces);

}  // namespace sightline::execsnoop
