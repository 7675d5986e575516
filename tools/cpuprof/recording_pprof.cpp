// SPDX-License-Identifier: Apache-2.0
#include "recording_pprof.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <ranges>

#include "base/text.h"
#include "output/pprof_reader.h"
#include "recording_json.h"
#include "symbol/reason.h"

namespace sightline::cpuprof {
namespace {

namespace pprof = output::pprof;
using output::Json;
using stack::Function;

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorKind::runtime, std::string(what));
}

// The views write this for an empty name.
std::string name_of(std::string_view label) {
  return label == "[no name]" ? std::string() : std::string(label);
}

class PprofRecording {
 public:
  PprofRecording(const pprof::Profile& profile, Recording& into)
      : profile_(profile), into_(into) {}

  Status read() {
    SL_CHECK(take_comments());
    into_.setup().period_ns =
        profile_.header.period_type.unit == "nanoseconds" ? 1 : 0;
    for (const auto& location : profile_.locations) {
      frames_.push_back(frame_of(location));
    }
    for (const auto& sample : profile_.samples) SL_CHECK(take_sample(sample));
    return {};
  }

 private:
  // The first and the last record of JSON.
  Status take_comments() {
    JsonReader reader(into_);
    bool begun = false;
    bool ended = false;
    for (auto comment : profile_.comments) {
      if (!comment.starts_with("#{")) continue;
      auto record = Json::parse(comment.substr(1), nullptr, false);
      if (record.is_discarded() || !record.is_object()) continue;
      auto type = record.find("type");
      if (type == record.end()) continue;
      if (*type == "begin") {
        SL_CHECK(reader.take_begin(record));
        begun = true;
      } else if (*type == "end" && begun) {
        SL_CHECK(reader.take_span(record, true));
        ended = true;
      }
    }
    if (begun && ended) return {};
    return malformed(
        "a pprof profile that cpuprof has not written: it has no "
        "record of the run");
  }

  [[nodiscard]] std::string_view file_of(
      const pprof::Location& location) const {
    if (!location.mapping) return "[unknown]";
    auto file = profile_.mappings[*location.mapping].file;
    return file.starts_with('[') ? file : file.substr(file.rfind('/') + 1);
  }

  static bool is_kernel(std::string_view file) {
    constexpr std::string_view others[] = {"[vdso]", "[jit]", "[anon]",
                                           "[unknown]"};
    return file.starts_with('[') &&
           std::ranges::find(others, file) == std::end(others);
  }

  // A frame without a name has its reason for one: "[libfoo.so: stripped]".
  static Function function_from(std::string_view name, std::string object,
                                bool kernel) {
    auto colon = name.rfind(": ");
    if (name.starts_with('[') && name.ends_with(']') && colon != name.npos) {
      auto phrase = name.substr(colon + 2, name.size() - colon - 3);
      auto reason = symbol::reason_of(phrase);
      if (reason && *reason != symbol::Reason::none) {
        return stack::unnamed_function(std::move(object), kernel, *reason);
      }
    }
    return {.name = name.empty() ? "[no name]" : std::string(name),
            .object = std::move(object),
            .kernel = kernel};
  }

  stack::FrameId frame_of(const pprof::Location& location) {
    auto file = file_of(location);
    bool kernel = is_kernel(file);
    auto object = file == "[kernel.kallsyms]" ? std::string("[kernel]")
                                              : std::string(file);
    Recording::Place place{.object = object,
                           .file = file_index_of(location),
                           .has_address = !is_generated(location),
                           .address = place_of(location)};
    for (const auto& line : location.lines | std::views::reverse) {
      const auto& from = profile_.functions[line.function];
      auto function = function_from(from.name, object, kernel);
      function.inlined = !place.functions.empty();
      function.jit = object == "[jit]" || object == "[anon]";
      function.file = from.file;
      function.line = static_cast<std::uint32_t>(
          std::min<std::uint64_t>(line.line, UINT32_MAX));
      if (function.file.empty()) function.line = 0;
      if (function.inlined) into_.has_inlines();
      if (!function.file.empty()) into_.has_lines();
      place.functions.push_back(std::move(function));
    }
    if (place.functions.empty()) {
      place.functions.push_back(stack::unnamed_function(
          object, kernel, unnamed_in(place), place.address));
    }
    return into_.frame(place);
  }

  // A file may have any name.
  [[nodiscard]] bool is_generated(const pprof::Location& location) const {
    return location.mapping &&
           profile_.mappings[*location.mapping].file == "[jit]";
  }

  static symbol::Reason unnamed_in(const Recording::Place& place) {
    return place.file ? symbol::Reason::not_looked_up
                      : symbol::Reason::no_symbols;
  }

  // A mapping is a segment of a file, unless it is no file's.
  std::optional<Recording::FileIndex> file_index_of(
      const pprof::Location& location) {
    if (!location.mapping) return std::nullopt;
    const auto& mapping = profile_.mappings[*location.mapping];
    if (!mapping.file.starts_with('/')) return std::nullopt;
    auto [known, added] = files_.try_emplace(*location.mapping, 0);
    if (!added) return known->second;
    Recording::File file{.path = std::string(mapping.file)};
    file.image.build_id = from_hex(mapping.build_id).value_or(std::string());
    file.image.is_read = !file.image.build_id.empty();
    // The whole memory stands for a file whose headers nobody could read.
    if (mapping.limit != UINT64_MAX) {
      file.image.code.push_back({.type = PT_LOAD,
                                 .flags = PF_R | PF_X,
                                 .offset = mapping.file_offset,
                                 .address = mapping.start,
                                 .file_size = mapping.limit - mapping.start});
    }
    known->second = into_.add_file(std::move(file));
    return known->second;
  }

  // As in JSON: in the object's file, if it has one.
  [[nodiscard]] std::uint64_t place_of(const pprof::Location& location) const {
    if (!location.mapping) return location.address;
    const auto& mapping = profile_.mappings[*location.mapping];
    return location.address - mapping.start + mapping.file_offset;
  }

  // What the labels tell of a sample.
  struct Labels {
    stack::RowKey key = {};
    Recording::Who who = {};
    std::string_view event = {};
    std::string_view cgroup = {};
  };
  Labels labels_of(const pprof::Sample& sample) {
    Labels found;
    auto& key = found.key;
    for (const auto& label : sample.labels) {
      auto number = static_cast<std::uint32_t>(label.number);
      if (label.key == "pid") found.who.pid = number;
      if (label.key == "uid") found.who.uid = number;
      if (label.key == "process") found.who.comm = name_of(label.text);
      if (label.key == "tid") key.tid = number;
      if (label.key == "cpu") key.cpu = static_cast<std::int32_t>(number);
      if (label.key == "comm") {
        key.comm = into_.profile().name(name_of(label.text));
      }
      if (label.key == "event") found.event = label.text;
      if (label.key == "cgroup") found.cgroup = label.text;
      if (label.key == "cgroup_id") {
        key.cgroup = output::parse_hex_string(label.text).value_or(0);
      }
    }
    return found;
  }

  Status take_sample(const pprof::Sample& sample) {
    auto labels = labels_of(sample);
    auto& key = labels.key;
    key.process = into_.process(labels.who);
    if (key.cgroup != 0) {
      into_.name_cgroup(key.cgroup, std::string(labels.cgroup));
    }
    auto event = into_.event(labels.event);
    if (!event) return malformed("a sample of an unknown event");
    key.event = *event;
    key.stack = stack_of(sample);
    bool one_event = into_.setup().events.size() == 1;
    auto column = one_event ? 1 : 1 + std::size_t{key.event};
    if (column >= sample.values.size()) {
      return malformed("a sample without its value");
    }
    into_.profile().add(key, {sample.values[0], sample.values[column]});
    return {};
  }

  stack::CallTree::Node stack_of(const pprof::Sample& sample) {
    auto node = stack::CallTree::root;
    auto& tree = into_.profile().stacks();
    for (auto location : sample.locations | std::views::reverse) {
      node = tree.child(node, frames_[location]);
    }
    return node;
  }

  const pprof::Profile& profile_;
  Recording& into_;
  std::vector<stack::FrameId> frames_;                 // of each location
  std::map<std::size_t, Recording::FileIndex> files_;  // of mappings
};

}  // namespace

Status read_pprof_recording(std::string_view packed, Recording& into) {
  auto profile = SL_TRY(output::read_pprof(packed));
  return PprofRecording(profile, into).read();
}

}  // namespace sightline::cpuprof
