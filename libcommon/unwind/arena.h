// SPDX-License-Identifier: Apache-2.0
// Which words of the store are in use. Pure arithmetic.
#pragma once

#include <cstdint>

namespace sightline::unwind {

// A run of words in the store.
struct Extent {
  std::uint32_t word = 0;
  std::uint32_t words = 0;
};

}  // namespace sightline::unwind
