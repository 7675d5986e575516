// SPDX-License-Identifier: Apache-2.0
#include "stack/pprof_frames.h"

#include <algorithm>
#include <limits>
#include <ranges>

#include "base/text.h"

namespace sightline::stack {
namespace {

using output::pprof::Location;
using output::pprof::Mapping;

constexpr std::uint64_t page_bytes = 4096;

// Addresses are what they are, and pprof does not look for a file.
Mapping whole_memory(std::string_view name) {
  return {.limit = std::numeric_limits<std::uint64_t>::max(), .file = name};
}

// A segment as it would be mapped at its own address, in whole pages; none for
// one that lies where nothing can.
std::optional<Mapping> map_segment(const symbol::Segment& segment) {
  auto before = segment.address % page_bytes;
  constexpr auto most = std::numeric_limits<std::uint64_t>::max() - page_bytes;
  if (segment.offset < before || segment.address > most ||
      segment.file_size > most - segment.address) {
    return std::nullopt;
  }
  auto end = segment.address + segment.file_size + page_bytes - 1;
  return Mapping{.start = segment.address - before,
                 .limit = end - end % page_bytes,
                 .file_offset = segment.offset - before};
}

bool holds(const Mapping& mapping, std::uint64_t file_offset) {
  return file_offset >= mapping.file_offset &&
         file_offset - mapping.file_offset < mapping.limit - mapping.start;
}

// Of a file whose headers could not be read: all of it.
Mapping mapping_in(const FileImage& image, std::string_view path,
                   std::uint64_t file_offset) {
  for (const auto& segment : image.code) {
    auto mapping = map_segment(segment);
    if (!mapping || !holds(*mapping, file_offset)) continue;
    mapping->file = path;
    return *mapping;
  }
  return whole_memory(path);
}

// perf's name for it, which pprof and others know.
constexpr std::string_view kernel_proper = "[kernel.kallsyms]";

std::string_view kernel_name(const Function& function) {
  return function.object == "[kernel]" ? kernel_proper : function.object;
}

}  // namespace

std::vector<output::pprof::Index> PprofFrames::stack(CallTree::Node node) {
  std::vector<Index> locations;
  for (auto id : profile_.stack(node) | std::views::reverse) {
    locations.push_back(location_of(id));
  }
  return locations;
}

PprofFrames::Index PprofFrames::location_of(FrameId id) {
  if (id >= locations_.size()) locations_.resize(profile_.frames().size());
  auto& known = locations_[id];
  if (known) return *known;
  auto place = place_of(profile_.frames().at(id), names_.at(id));
  Location location{.mapping = place.mapping, .address = place.address};
  for (auto of : names_.functions_of(id) | std::views::reverse) {
    const auto& function = names_.function(of);
    note(place.mapping, function);
    // pprof itself names a location without lines, if it has the file.
    if (symbol::is_for_elsewhere(function.reason)) continue;
    location.lines.push_back(
        {.function = writer_.add_function(
             {.name = function.name, .file = function.file}),
         .line = function.line});
  }
  known = writer_.add_location(location);
  return *known;
}

PprofFrames::Place PprofFrames::place_of(const Frame& frame,
                                         const Function& function) {
  if (!names_.is_file(frame.object)) {
    auto name = function.kernel ? kernel_name(function)
                                : std::string_view(function.object);
    // What stands for generated code lies nowhere for long.
    auto address = frame.object == process::jit_object ? 0 : frame.offset;
    return {mapping_of(frame.object, whole_memory(name)), address};
  }
  auto mapping = mapping_in(names_.image_of(frame.object),
                            names_.path_of(frame.object), frame.offset);
  auto address = frame.offset - mapping.file_offset + mapping.start;
  return {mapping_of(frame.object, mapping), address};
}

PprofFrames::Index PprofFrames::mapping_of(process::ObjectId object,
                                           const Mapping& what) {
  auto next = static_cast<Index>(mappings_.size());
  auto [at, added] =
      mapping_ids_.try_emplace({object, what.start, what.file}, next);
  if (added) {
    mappings_.push_back(what);
    objects_.push_back(object);
  }
  return at->second;
}

// One function with a name tells that there are symbols for the others.
void PprofFrames::note(Index mapping, const Function& function) {
  auto& known = mappings_[mapping];
  known.has_functions |= function.reason == symbol::Reason::none;
  known.has_filenames |= !function.file.empty();
  known.has_line_numbers |= function.line != 0;
  known.has_inline_frames |= function.inlined;
}

void PprofFrames::finish() {
  for (std::size_t i = 0; i < mappings_.size(); ++i) {
    // Modules are builds of their own.
    bool is_module = objects_[i] == process::kernel_object &&
                     mappings_[i].file != kernel_proper;
    auto build_id = is_module ? std::string()
                              : to_hex(names_.image_of(objects_[i]).build_id);
    mappings_[i].build_id = build_id;
    writer_.add_mapping(mappings_[i]);
  }
}

}  // namespace sightline::stack
