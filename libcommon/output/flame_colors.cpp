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

// Blue, orange, bluish green and purple, as Okabe and Ito have chosen them:
// they stay apart for all kinds of colour blindness. Lightened under dark text
// and darkened under light text.
constexpr std::array paints{
    Paint{"g0", "#e9e1cf", "#47413a"}, Paint{"g1", "#e9e1cf", "#47413a"},
    Paint{"g2", "#e9e1cf", "#47413a"}, Paint{"k0", "#82b4e6", "#2a5d94"},
    Paint{"k1", "#75aae0", "#255487"}, Paint{"k2", "#94c0ec", "#3067a1"},
    Paint{"u0", "#f4b657", "#8a5710"}, Paint{"u1", "#efaa43", "#7d4e0d"},
    Paint{"u2", "#f8c474", "#905c14"}, Paint{"j0", "#62c6a3", "#1c6b50"},
    Paint{"j1", "#54ba96", "#186046"}, Paint{"j2", "#78d2b2", "#23775b"},
    Paint{"i0", "#dcaad9", "#75457a"}, Paint{"i1", "#d29dcf", "#6a3d6f"},
    Paint{"i2", "#e5b9e2", "#814f86"}, Paint{"x0", "#b9bcc2", "#4d525a"},
    Paint{"x1", "#aeb2b9", "#454a52"}, Paint{"x2", "#c5c8cd", "#575c65"},
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
