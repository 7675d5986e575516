// SPDX-License-Identifier: Apache-2.0
// A profile as collapsed stacks, as flamegraph.pl reads them.
#pragma once

#include <functional>
#include <string_view>

#include "base/error.h"
#include "stack/names.h"
#include "stack/profile.h"
#include "stack/rank.h"

namespace sightline::stack {

// Hands over one line for each different stack of each different label, the
// labels being its root frames, the heaviest first. The number is how often the
// stack was counted. With lines, a frame is `function:file.c:42`, and stacks
// are told apart by them. Fails as `write` does.
Status fold(const Profile& profile, const Names& names, const Labeller& labels,
            const std::function<Status(std::string_view line)>& write);

}  // namespace sightline::stack
