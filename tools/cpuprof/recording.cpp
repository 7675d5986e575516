// SPDX-License-Identifier: Apache-2.0
#include "recording.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "symbol/find_build.h"
#include "symbol/kernel_symbols.h"

namespace sightline::cpuprof {
namespace {

// Nothing is looked up: the file has the names.
symbol::Symbolizer no_symbolizer() {
  return symbol::Symbolizer(symbol::KernelSymbols::open("/nonexistent"));
}

// All that tells functions apart, so that no two texts are one by chance.
std::string text_of(const std::vector<stack::Function>& functions) {
  std::string text;
  for (const auto& each : functions) {
    text += fmt::format(
        "\n{}:{}{}:{}{}:{} {} {} {} {} {} {}", each.name.size(), each.name,
        each.object.size(), each.object, each.file.size(), each.file, each.line,
        each.kernel, each.jit, each.inlined, static_cast<unsigned>(each.reason),
        static_cast<unsigned>(each.file_reason));
  }
  return text;
}

// Command, process and event are in every recording.
bool was_recorded(const Setup& setup, const std::string& key) {
  return key == "comm" || key == "pid" || key == "event" ||
         setup.groups_by(key);
}

}  // namespace

Recording::Recording() : names_(no_symbolizer(), objects_) {}

// Whoever tells of one file often has one file.
Recording::FileIndex Recording::add_file(File file) {
  auto [known, added] = file_numbers_.try_emplace(
      {file.path, file.image.build_id}, static_cast<FileIndex>(files_.size()));
  if (added) files_.push_back(std::move(file));
  return known->second;
}

// Files of one name are told apart by numbers that stand for device and inode.
process::ObjectId Recording::object(const Place& place, std::uint64_t which) {
  if (!place.file) {
    return objects_.intern(
        {.major = 0, .minor = 0, .inode = which + 1, .path = place.object});
  }
  const auto& file = files_[*place.file];
  auto id = objects_.intern({.major = 1,
                             .minor = *place.file,
                             .inode = which + 1,
                             .path = file.path});
  if (file_of_.try_emplace(id, *place.file).second) {
    names_.preset_image(id, file.image);
  }
  return id;
}

// Two files may have one name, and generated code has no place: then the same
// place has several meanings, which are different frames.
stack::FrameId Recording::frame(const Place& place) {
  auto where = place.has_address
                   ? fmt::format("{:x} {} {}", place.address,
                                 place.file ? fmt::to_string(*place.file) : "",
                                 place.object)
                   : std::string();
  auto [known, added] =
      frames_.try_emplace(where + text_of(place.functions), 0);
  if (!added) return known->second;
  auto which = meanings_[where]++;
  stack::Frame frame{.object = process::jit_object, .offset = which};
  if (place.has_address) {
    frame = {.object = object(place, which), .offset = place.address};
  }
  auto id = known->second = profile_.frames().intern(frame);
  names_.preset(id, place.functions);
  bool is_named = place.functions.front().reason == symbol::Reason::none;
  if (place.file && place.has_address && !is_named)
    unnamed_[frame.object].push_back(id);
  return id;
}

stack::ProcessId Recording::process(const Who& who) {
  auto comm = who.comm.value_or(std::string());
  auto [at, added] = processes_.try_emplace({who.pid, comm}, 0);
  // Their start is not told: one number with two names is two processes.
  if (added) at->second = profile_.process(who.pid, processes_.size());
  auto& process = profile_.process_at(at->second);
  process.known = who.comm.has_value();
  process.comm = std::move(comm);
  process.uid = who.uid;
  return at->second;
}

std::optional<std::uint32_t> Recording::event(std::string_view name) const {
  auto at = std::ranges::find(setup_.events, name);
  if (at == setup_.events.end()) return std::nullopt;
  return static_cast<std::uint32_t>(at - setup_.events.begin());
}

void Recording::name_here(const Options& options, SourceReport& source,
                          symbol::Debuginfod* server) {
  const auto& common = options.common;
  symbol::DebugFileServer ask;
  if (server != nullptr) {
    ask = [server](std::string_view id) { return server->find(id); };
    names_.use_server(ask);
  }
  names_.set_demangle(common.demangle);
  wanted_.inlines |= common.inlines;
  wanted_.lines |= common.lines;
  names_.use_source(source.settings(wanted_));
  for (const auto& [object, frames] : unnamed_) {
    name_frames_of(object, files_[file_of_.at(object)],
                   server != nullptr ? &ask : nullptr);
  }
  names_.resolve(profile_.frames());
  source.say_problems(names_);
}

// A debug file tells nothing of where the code lay in the file that ran.
symbol::Reason Recording::attach(process::ObjectId object, const File& file,
                                 const symbol::DebugFileServer* server) {
  auto found = symbol::find_build(file.path, file.image.build_id, server);
  if (!found) return found.error();
  auto image = file.image;
  image.only_debug = found->only_debug;
  if (image.only_debug && image.code.empty()) return symbol::Reason::not_here;
  if (!objects_.attach(object, std::move(found->fd))) {
    return symbol::Reason::too_many_files;
  }
  names_.preset_image(object, std::move(image));
  return symbol::Reason::none;
}

// Where there is no file, what was left to this machine says why; what had
// another reason keeps it.
void Recording::name_frames_of(process::ObjectId object, const File& file,
                               const symbol::DebugFileServer* server) {
  const auto& frames = unnamed_.at(object);
  auto reason = attach(object, file, server);
  if (reason == symbol::Reason::none) return names_.name_again(object, frames);
  for (auto frame : frames) {
    auto function = names_.at(frame);
    if (!symbol::is_for_elsewhere(function.reason)) continue;
    names_.preset(frame, {stack::unnamed_function(
                             std::move(function.object), function.kernel,
                             reason, profile_.frames().at(frame).offset)});
  }
}

Measurement Recording::measurement() const {
  auto cgroup = [this](std::uint64_t id) {
    auto at = cgroups_.find(id);
    return at == cgroups_.end() ? std::string() : at->second;
  };
  return {.setup = setup_,
          .span = span_,
          .run = span_,
          .profile = profile_,
          .names = names_,
          .labels = labels_by(setup_, profile_, cgroup),
          .cgroup_path = cgroup};
}

Status regroup(Setup& setup, const std::vector<std::string>& by) {
  for (const auto& key : by) {
    if (was_recorded(setup, key)) continue;
    return fail(
        ErrorKind::runtime,
        fmt::format("--by {}: the recording does not tell it apart", key),
        "record it with --by " + key);
  }
  if (by.empty()) return {};
  setup.by = by;
  setup.by_default = false;
  return {};
}

}  // namespace sightline::cpuprof
