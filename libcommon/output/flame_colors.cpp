// SPDX-License-Identifier: Apache-2.0
#include "output/flame_colors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace sightline::output {
namespace {

struct KindEntry {
  char letter;
  std::string_view name;
};

// In the order of FlameKind.
constexpr std::array<KindEntry, flame_kinds> kinds{{{'g', "group"},
                                                    {'k', "kernel"},
                                                    {'u', "user"},
                                                    {'j', "generated (JIT)"},
                                                    {'i', "inlined"},
                                                    {'x', "unnamed"}}};

struct Paint {
  std::string_view name;  // class
  std::string_view light;
  std::string_view dark;
};

// The hues are Okabe and Ito's, lightened under dark text and darkened under
// light text; tests/pictures/colors.py says how far apart they are for the
// colour-blind.
constexpr std::array paints{
    Paint{"g0", "#e9e1cf", "#2e2b28"}, Paint{"g1", "#e9e1cf", "#2e2b28"},
    Paint{"g2", "#e9e1cf", "#2e2b28"}, Paint{"k0", "#82b4e6", "#2a5d94"},
    Paint{"k1", "#75aae0", "#255487"}, Paint{"k2", "#94c0ec", "#3067a1"},
    Paint{"u0", "#f4b657", "#8a5710"}, Paint{"u1", "#efaa43", "#7d4e0d"},
    Paint{"u2", "#f8c474", "#905c14"}, Paint{"j0", "#52c29a", "#0f5540"},
    Paint{"j1", "#45b78d", "#0c4b38"}, Paint{"j2", "#66cfaa", "#17634c"},
    Paint{"i0", "#f0b8dc", "#5f2f55"}, Paint{"i1", "#e9abd3", "#552a4c"},
    Paint{"i2", "#f4c6e3", "#6b3860"}, Paint{"x0", "#8f939a", "#5b6068"},
    Paint{"x1", "#979ba2", "#535860"}, Paint{"x2", "#9fa3aa", "#606570"},
    Paint{"m0", "#e3e4e6", "#2b2f35"}, Paint{"n0", "#e8e5df", "#3a3d43"},
    Paint{"r1", "#fbd5cb", "#552a23"}, Paint{"r2", "#f6b09d", "#6e3128"},
    Paint{"r3", "#ee8a71", "#8c392c"}, Paint{"r4", "#e4674c", "#a94231"},
    Paint{"b1", "#d3e2f4", "#243a55"}, Paint{"b2", "#aacbeb", "#274a70"},
    Paint{"b3", "#7fb1e2", "#2b598c"}, Paint{"b4", "#5b98d6", "#3069a6"}};

// FNV-1a: the same in every run.
unsigned hash_of(std::string_view name) {
  unsigned hash = 2166136261U;
  for (unsigned char byte : name) hash = (hash ^ byte) * 16777619U;
  return hash;
}

std::string rules(std::string_view Paint::* mode) {
  std::string text;
  for (const auto& paint : paints) {
    text += fmt::format(".{}{{fill:{}}}\n", paint.name, paint.*mode);
  }
  return text;
}

}  // namespace

char letter_of(FlameKind kind) {
  return kinds[static_cast<std::size_t>(kind)].letter;
}

std::string_view name_of(FlameKind kind) {
  return kinds[static_cast<std::size_t>(kind)].name;
}

std::string kind_class(const FlameFrame& frame) {
  return fmt::format("{}{}", letter_of(frame.kind), hash_of(frame.name) % 3);
}

std::string change_class(double before, double after) {
  constexpr std::array steps{0.02, 0.2, 0.4, 0.7};
  auto larger = std::max(before, after);
  auto change = larger > 0 ? (after - before) / larger : 0;
  auto level = std::ranges::count_if(
      steps, [size = std::abs(change)](double step) { return size >= step; });
  if (level == 0) return "n0";
  return fmt::format("{}{}", change > 0 ? 'r' : 'b', level);
}

std::string color_rules() {
  return rules(&Paint::light) + "@media (prefers-color-scheme:dark){\n" +
         rules(&Paint::dark) + "}\n";
}

}  // namespace sightline::output
