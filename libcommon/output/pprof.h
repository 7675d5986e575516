// SPDX-License-Identifier: Apache-2.0
// A profile as pprof's profile.proto knows it: what PprofWriter takes and what
// read_pprof() gives back. Plain values; texts are views of what the caller,
// or the Profile that was read, keeps.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sightline::output::pprof {

// Into a profile's list of mappings, functions or locations.
using Index = std::uint32_t;

// What a number counts: `cpu` in `nanoseconds`, `samples` in `count`.
struct ValueType {
  std::string_view type = {};
  std::string_view unit = {};

  bool operator==(const ValueType&) const = default;
};

struct Header {
  std::vector<ValueType> sample_types =
      {};  // of a sample's values, in their order
  std::string_view default_sample_type = {};
  ValueType period_type = {};
  std::uint64_t period = 0;   // in its unit; 0: not known
  std::uint64_t time_ns = 0;  // CLOCK_REALTIME of the start
  std::uint64_t duration_ns = 0;

  bool operator==(const Header&) const = default;
};

// Where code came from. An address in it lies at
// `address - start + file_offset` in the file.
struct Mapping {
  std::uint64_t start = 0;
  std::uint64_t limit = 0;  // the first address behind it
  std::uint64_t file_offset = 0;
  std::string_view file = {};
  std::string_view build_id = {};  // lower-case hexadecimal; empty: none

  // What its locations tell, so that a reader knows what it may still look up.
  bool has_functions = false;
  bool has_filenames = false;
  bool has_line_numbers = false;
  bool has_inline_frames = false;

  bool operator==(const Mapping&) const = default;
};

struct Function {
  std::string_view name = {};
  std::string_view file = {};  // of its source; empty: not known

  bool operator==(const Function&) const = default;
};

struct Line {
  Index function = 0;
  std::uint64_t line = 0;  // 0: not known

  bool operator==(const Line&) const = default;
};

// One address and the functions that are there: the innermost of those that
// were inlined comes first, the one that was called last.
struct Location {
  std::optional<Index> mapping = {};
  std::uint64_t address = 0;
  std::vector<Line> lines = {};

  bool operator==(const Location&) const = default;
};

// A text or, where `is_number`, a number in a unit. pprof takes a text that is
// empty, and a 0 without a unit, for no label at all.
struct Label {
  std::string_view key = {};
  std::string_view text = {};
  std::int64_t number = 0;
  std::string_view unit = {};
  bool is_number = false;

  static Label of_text(std::string_view key, std::string_view text) {
    return {.key = key, .text = text};
  }
  static Label of_number(std::string_view key, std::int64_t number,
                         std::string_view unit) {
    return {.key = key, .number = number, .unit = unit, .is_number = true};
  }

  bool operator==(const Label&) const = default;
};

struct Sample {
  std::vector<Index> locations;  // the leaf first
  std::vector<std::uint64_t> values;
  std::vector<Label> labels;

  bool operator==(const Sample&) const = default;
};

// A whole one, as it was read.
struct Profile {
  Header header;
  std::vector<std::string_view> comments;
  std::vector<Mapping> mappings;
  std::vector<Function> functions;
  std::vector<Location> locations;
  std::vector<Sample> samples;

  // What all texts above are views of; copies share it.
  std::shared_ptr<const std::string> bytes;
};

}  // namespace sightline::output::pprof
