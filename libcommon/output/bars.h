// SPDX-License-Identifier: Apache-2.0
// Histograms for eyes: a bar for each power of two.
#pragma once

#include <cstddef>
#include <string>

#include "base/histogram.h"

namespace sightline::output {

// Of nanoseconds: from where to where, how many, and a bar as long as that is
// to the largest count. Nothing of nothing. `width` is that of a line, 0 for
// any. Pure.
std::string duration_bars(const Histogram& values, std::size_t width);

}  // namespace sightline::output
