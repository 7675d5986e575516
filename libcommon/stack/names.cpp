// SPDX-License-Identifier: Apache-2.0
#include "stack/names.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <utility>

#include "base/clock.h"
#include "symbol/build_id.h"
#include "symbol/vdso.h"

namespace sightline::stack {
namespace {

using symbol::Named;
using symbol::Reason;

// Linkers make one; what has more than a few was made to be a burden.
constexpr std::size_t most_code_segments = 16;

Function function_from(const Named& named, std::string_view object, bool kernel,
                       std::uint64_t offset) {
  auto where = named.module.empty() ? std::string(object)
                                    : fmt::format("[{}]", named.module);
  if (named.reason != Reason::none || named.name.empty()) {
    auto reason = named.reason == Reason::none ? Reason::no_covering_symbol
                                               : named.reason;
    return unnamed_function(std::move(where), kernel, reason, offset);
  }
  return {.name = named.name, .object = std::move(where), .kernel = kernel};
}

// A name from DWARF, where there is one.
void set_name(Function& function, std::string name) {
  if (!name.empty()) {
    function.name = std::move(name);
    function.reason = Reason::none;
  } else if (function.inlined) {
    function = unnamed_function(std::move(function.object), false,
                                Reason::no_debug_info);
    function.inlined = true;
  }
}

Function without_place(const Function& function) {
  return {.name = function.name,
          .object = function.object,
          .kernel = function.kernel,
          .reason = function.reason};
}

void give_all(std::vector<Named>& out, Reason reason) {
  for (auto& named : out) named.reason = reason;
}

// Interned frames are unique, so sorted offsets have no duplicates.
void sort_by_offset(const FrameTable& frames, std::vector<FrameId>& batch) {
  std::ranges::sort(batch, {},
                    [&](FrameId id) { return frames.at(id).offset; });
}

std::vector<std::uint64_t> offsets_of(const FrameTable& frames,
                                      const std::vector<FrameId>& batch) {
  std::vector<std::uint64_t> offsets;
  offsets.reserve(batch.size());
  for (auto id : batch) offsets.push_back(frames.at(id).offset);
  return offsets;
}

}  // namespace

Function unnamed_function(std::string object, bool kernel, Reason reason,
                          std::uint64_t offset) {
  // "[kernel]" and its like bring their own brackets.
  std::string_view label = object;
  if (label.starts_with('[')) label = label.substr(1, label.size() - 2);
  // Not code without a name, but what the CPU did.
  bool is_state = reason == Reason::guest || reason == Reason::idle;
  auto place = symbol::is_for_elsewhere(reason)
                   ? fmt::format("{}+{:#x}", label, offset)
                   : std::string(label);
  auto name = is_state ? fmt::format("[{}]", symbol::text(reason))
                       : fmt::format("[{}: {}]", place, symbol::text(reason));
  return {.name = std::move(name),
          .object = std::move(object),
          .kernel = kernel,
          .reason = reason};
}

std::string place_of(const Function& function) {
  if (function.line == 0) return {};
  std::string_view file = function.file;
  return fmt::format("{}:{}", file.substr(file.rfind('/') + 1), function.line);
}

std::string name_with_place(const Function& function) {
  auto place = place_of(function);
  return place.empty() ? function.name
                       : fmt::format("{}:{}", function.name, place);
}

FunctionId Names::intern(Function function) {
  auto hash = std::hash<std::string>{}(function.name) * 31 +
              std::hash<std::string>{}(function.object) + function.line;
  auto [at, end] = function_ids_.equal_range(hash);
  for (; at != end; ++at) {
    if (functions_[at->second] == function) return at->second;
  }
  auto id = static_cast<FunctionId>(functions_.size());
  auto whole = without_place(function);
  bool is_group = whole == function;
  functions_.push_back(std::move(function));
  groups_.push_back(id);
  function_ids_.emplace(hash, id);
  if (!is_group) groups_[id] = intern(std::move(whole));
  return id;
}

void Names::reset() {
  functions_.clear();
  function_ids_.clear();
  groups_.clear();
  chains_.clear();
  chain_ids_.clear();
  unread_.clear();
  generated_frames_.clear();
  unserved_.clear();
  again_.clear();
  images_.clear();
}

void Names::set_function(FrameId frame, Function function) {
  if (source_.wanted.lines) {
    function.file_reason = function.reason == Reason::none
                               ? Reason::no_debug_info
                               : function.reason;
  }
  chains_[frame] = {static_cast<std::uint32_t>(chain_ids_.size()), 1};
  chain_ids_.push_back(intern(std::move(function)));
}

void Names::preset(FrameId frame, const std::vector<Function>& functions) {
  if (frame >= chains_.size()) chains_.resize(frame + std::size_t{1});
  chains_[frame] = {static_cast<std::uint32_t>(chain_ids_.size()),
                    static_cast<std::uint32_t>(functions.size())};
  for (const auto& function : functions) chain_ids_.push_back(intern(function));
}

void Names::name_again(process::ObjectId object,
                       const std::vector<FrameId>& frames) {
  again_[object] = frames;
  if (!reads_source()) return;
  unread_.insert(unread_.end(), frames.begin(), frames.end());
}

void Names::resolve(const FrameTable& frames) {
  for (auto& [object, batch] : std::exchange(again_, {})) {
    name_later(frames, object, batch);
  }
  name_new(frames);
  ask_server(frames);
  name_generated(frames);
  if (unread_.empty()) return;
  std::map<process::ObjectId, Batch> batches;
  for (auto id : std::exchange(unread_, {})) {
    batches[frames.at(id).object].push_back(id);
  }
  auto deadline_ns = monotonic_ns() + source_.timeout_ns;
  auto left = batches.size();
  for (auto& [object, batch] : batches) {
    sort_by_offset(frames, batch);
    // One file that takes for ever must leave time for the others.
    auto now = monotonic_ns();
    auto rest_ns = deadline_ns > now ? deadline_ns - now : 0;
    read_source(frames, object, batch,
                now + (--left == 0 ? rest_ns : rest_ns / 2));
  }
}

void Names::name_new(const FrameTable& frames) {
  std::map<process::ObjectId, Batch> batches;
  auto first = static_cast<FrameId>(chains_.size());
  chains_.resize(frames.size());
  for (auto id = first; id < frames.size(); ++id) {
    const auto& frame = frames.at(id);
    if (frame.object == process::jit_object) {
      generated_frames_.push_back(id);
      continue;
    }
    if (frame.reason != Reason::none) {
      set_function(id, function_without_file(frame));
      continue;
    }
    batches[frame.object].push_back(id);
    if (reads_source() && frame.object >= process::first_file_object) {
      unread_.push_back(id);
    }
  }
  for (auto& [object, batch] : batches) name_later(frames, object, batch);
}

// With what this machine has. Where a server would have been asked, the frames
// are remembered: it may take seconds, and rings fill meanwhile.
void Names::name_later(const FrameTable& frames, process::ObjectId object,
                       Batch& batch) {
  bool would_ask = false;
  const symbol::DebugFileServer remember = [&](std::string_view) {
    would_ask = true;
    return std::expected<UniqueFd, Reason>(
        std::unexpected(Reason::no_debug_file));
  };
  name_batch(frames, object, batch, server_ ? &remember : nullptr);
  if (!would_ask) return;
  auto& unserved = unserved_[object];
  unserved.insert(unserved.end(), batch.begin(), batch.end());
}

// All frames of such an object once more, also those with names: a debug file
// tells of functions inside and behind the exported ones.
void Names::ask_server(const FrameTable& frames) {
  for (auto& [object, batch] : std::exchange(unserved_, {})) {
    name_batch(frames, object, batch, &server_);
  }
}

Function Names::function_without_file(const Frame& frame) const {
  bool kernel = frame.object == process::kernel_object;
  auto function = unnamed_function(std::string(objects_.name(frame.object)),
                                   kernel, frame.reason);
  function.jit = frame.object == process::anonymous_object;
  return function;
}

// Late, because what their runtime has not written yet is looked for once more.
void Names::name_generated(const FrameTable& frames) {
  if (generated_frames_.empty()) return;
  generated_->settle();
  for (auto id : std::exchange(generated_frames_, {})) {
    const auto& code = generated_->at(frames.at(id).offset);
    auto object = std::string(objects_.name(process::jit_object));
    auto function = code.name.empty()
                        ? unnamed_function(object, false, code.reason)
                        : Function{.name = code.name, .object = object};
    function.jit = true;
    set_function(id, std::move(function));
  }
}

void Names::name_batch(const FrameTable& frames, process::ObjectId object,
                       Batch& batch, const symbol::DebugFileServer* server) {
  sort_by_offset(frames, batch);
  auto offsets = offsets_of(frames, batch);
  std::vector<Named> named(batch.size());
  name_offsets(object, offsets, named, server);
  bool kernel = object == process::kernel_object;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    set_function(batch[i], function_from(named[i], objects_.name(object),
                                         kernel, offsets[i]));
  }
}

const FileImage& Names::image_of(process::ObjectId object) const {
  static const FileImage unknown;
  auto at = images_.find(object);
  return at == images_.end() ? unknown : at->second;
}

void Names::keep_image(process::ObjectId object, const symbol::ElfFile& file) {
  FileImage image{.build_id = file.build_id(), .is_read = true};
  for (const auto& segment : file.segments()) {
    bool is_code = segment.type == PT_LOAD && (segment.flags & PF_X) != 0;
    if (is_code && image.code.size() < most_code_segments) {
      image.code.push_back(segment);
    }
  }
  images_[object] = std::move(image);
}

void Names::look_at(process::ObjectId object, int fd) {
  if (images_.contains(object)) return;
  auto file = symbol::ElfFile::open(UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 0)));
  if (file) keep_image(object, *file);
}

symbol::Place Names::place_of(process::ObjectId object, int root,
                              const symbol::DebugFileServer* server) const {
  symbol::Place place{
      .root = root, .path = objects_.file(object).path, .server = server};
  const auto& image = image_of(object);
  if (image.only_debug) place.code = image.code;
  return place;
}

void Names::read_source(const FrameTable& frames, process::ObjectId object,
                        const Batch& batch, std::uint64_t deadline_ns) {
  auto opened = objects_.open(object);
  if (opened.fd < 0) return;  // the names say so already
  auto name = objects_.name(object);
  auto table = symbol::read_source(
      opened.fd, place_of(object, opened.root, server_ ? &server_ : nullptr),
      offsets_of(frames, batch), source_.wanted, {.deadline_ns = deadline_ns},
      [&](std::size_t done, std::size_t all) {
        if (source_.progress) source_.progress(name, done, all);
      });
  bool all_known = true;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    put_chain(batch[i], table, i);
    all_known = all_known && !table.at(i).empty();
  }
  if (!all_known) source_problems_[object] = table.reason;
}

// The function that was called keeps the name that its symbol gives: DWARF may
// know another alias.
void Names::put_chain(FrameId frame, const symbol::SourceTable& table,
                      std::size_t index) {
  auto innermost_first = table.at(index);
  auto base = at(frame);
  if (innermost_first.empty()) {
    if (source_.wanted.lines) base.file_reason = table.reason;
    chain_ids_[chains_[frame].first] = intern(std::move(base));
    return;
  }
  auto first = static_cast<std::uint32_t>(chain_ids_.size());
  for (const auto& from : innermost_first | std::views::reverse) {
    Function function{.name = base.name,
                      .object = base.object,
                      .reason = base.reason,
                      .inlined = chain_ids_.size() > first};
    if (function.inlined || base.reason != Reason::none) {
      set_name(function, symbolizer_.shown(table.texts[from.function]));
    }
    function.file = table.texts[from.file];
    function.line = from.line;
    if (source_.wanted.lines && from.line == 0) {
      function.file_reason = Reason::no_debug_info;
    }
    chain_ids_.push_back(intern(std::move(function)));
  }
  chains_[frame] = {first, static_cast<std::uint32_t>(innermost_first.size())};
}

void Names::name_offsets(process::ObjectId object,
                         const std::vector<std::uint64_t>& offsets,
                         std::vector<Named>& out,
                         const symbol::DebugFileServer* server) {
  if (object == process::kernel_object) {
    symbolizer_.name_kernel(offsets, out);
    auto& image = images_[object];
    if (image.build_id.empty()) image.build_id = symbol::kernel_build_id();
    return;
  }
  if (object == process::vdso_object) {
    symbolizer_.name_vdso(offsets, out);
    if (images_.contains(object)) return;
    if (auto vdso = symbol::open_vdso()) keep_image(object, *vdso);
    return;
  }
  auto opened = objects_.open(object);
  if (opened.fd >= 0) {
    look_at(object, opened.fd);
    if (!reads_symbols_) return give_all(out, Reason::not_looked_up);
    symbolizer_.name_object(opened.fd, offsets, out,
                            place_of(object, opened.root, server));
    return;
  }
  give_all(out, opened.reason);
}

}  // namespace sightline::stack
