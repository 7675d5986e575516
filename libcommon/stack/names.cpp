// SPDX-License-Identifier: Apache-2.0
#include "stack/names.h"

#include <fmt/format.h>

#include <algorithm>

namespace sightline::stack {
namespace {

using symbol::Named;
using symbol::Reason;

Function unnamed(std::string object, bool kernel, Reason reason) {
  // "[kernel]" and its like bring their own brackets.
  std::string_view label = object;
  if (label.starts_with('[')) label = label.substr(1, label.size() - 2);
  // Not code without a name, but what the CPU did.
  bool is_state = reason == Reason::guest || reason == Reason::idle;
  auto name = is_state ? fmt::format("[{}]", symbol::text(reason))
                       : fmt::format("[{}: {}]", label, symbol::text(reason));
  return {std::move(name), std::move(object), kernel, reason};
}

Function function_from(const Named& named, std::string_view object,
                       bool kernel) {
  auto where = named.module.empty() ? std::string(object)
                                    : fmt::format("[{}]", named.module);
  if (named.reason != Reason::none || named.name.empty()) {
    auto reason = named.reason == Reason::none ? Reason::no_covering_symbol
                                               : named.reason;
    return unnamed(std::move(where), kernel, reason);
  }
  return {named.name, std::move(where), kernel, Reason::none};
}

}  // namespace

FunctionId Names::intern(Function function) {
  auto hash = std::hash<std::string>{}(function.name) * 31 +
              std::hash<std::string>{}(function.object);
  auto [at, end] = function_ids_.equal_range(hash);
  for (; at != end; ++at) {
    if (functions_[at->second] == function) return at->second;
  }
  auto id = static_cast<FunctionId>(functions_.size());
  functions_.push_back(std::move(function));
  function_ids_.emplace(hash, id);
  return id;
}

void Names::reset() {
  functions_.clear();
  function_ids_.clear();
  functions_of_.clear();
}

void Names::resolve(const FrameTable& frames) {
  std::map<process::ObjectId, Batch> batches;
  auto first = static_cast<FrameId>(functions_of_.size());
  functions_of_.resize(frames.size());
  for (auto id = first; id < frames.size(); ++id) {
    const auto& frame = frames.at(id);
    bool kernel = frame.object == process::kernel_object;
    if (frame.reason == Reason::none) {
      batches[frame.object].push_back(id);
    } else {
      functions_of_[id] = intern(unnamed(
          std::string(objects_.name(frame.object)), kernel, frame.reason));
    }
  }
  for (auto& [object, batch] : batches) name_batch(frames, object, batch);
}

void Names::name_batch(const FrameTable& frames, process::ObjectId object,
                       Batch& batch) {
  // Interned frames are unique, so sorted offsets have no duplicates.
  std::ranges::sort(batch, {},
                    [&](FrameId id) { return frames.at(id).offset; });
  std::vector<std::uint64_t> offsets;
  for (auto id : batch) offsets.push_back(frames.at(id).offset);
  std::vector<Named> named(batch.size());
  name_offsets(object, offsets, named);
  bool kernel = object == process::kernel_object;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    functions_of_[batch[i]] =
        intern(function_from(named[i], objects_.name(object), kernel));
  }
}

void Names::name_offsets(process::ObjectId object,
                         const std::vector<std::uint64_t>& offsets,
                         std::vector<Named>& out) {
  if (object == process::kernel_object) {
    symbolizer_.name_kernel(offsets, out);
    return;
  }
  if (object == process::vdso_object) {
    symbolizer_.name_vdso(offsets, out);
    return;
  }
  auto opened = objects_.open(object);
  if (opened.fd >= 0) {
    symbolizer_.name_object(opened.fd, offsets, out,
                            {.path = objects_.file(object).path});
    return;
  }
  for (auto& named : out) named.reason = opened.reason;
}

}  // namespace sightline::stack
