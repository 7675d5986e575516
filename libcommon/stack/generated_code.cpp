// SPDX-License-Identifier: Apache-2.0
#include "stack/generated_code.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "base/clock.h"
#include "base/units.h"
#include "process/proc.h"

namespace sightline::stack {
namespace {

using symbol::Reason;

// Seconds of CLOCK_REALTIME at which a process started.
std::int64_t started_at(std::uint64_t start_boottime_ns) {
  auto age = boottime_ns() - start_boottime_ns;
  return static_cast<std::int64_t>((realtime_ns() - age) / ns_per_second);
}

symbol::JitPlace place_of(const process::Table::Surroundings& around) {
  return {.root_fd = process::descriptor(around.root),
          .namespace_pid = around.namespace_pid,
          .owner = around.uid,
          .started_s = started_at(around.start_boottime_ns)};
}

// Whom a process belongs to now: the effective user, since everybody may enter
// that directory (task_dump_owner, fs/proc/base.c). Nothing if it has ended;
// that is asked last, so it was not another one with its PID that was seen.
std::optional<uid_t> user_now(std::uint32_t pid,
                              std::uint64_t start_boottime_ns) {
  struct stat status{};
  auto path = fmt::format("/proc/{}", pid);
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  auto seen = process::read_stat(pid);
  if (!seen ||
      seen->start_ticks != process::start_ticks_of(start_boottime_ns)) {
    return std::nullopt;
  }
  return status.st_uid;
}

}  // namespace

Frame GeneratedCode::locate(const process::ImageKey& image,
                            std::uint64_t address, std::uint64_t from_ns,
                            std::uint64_t to_ns) {
  auto* source = source_of(image);
  if (source == nullptr) {
    return {process::anonymous_object, Reason::process_gone, address};
  }
  if (source->read_ns != to_ns) read_on(image, *source, to_ns);
  auto symbol = source->code.find(address, from_ns, to_ns);
  if (symbol) return {process::jit_object, Reason::none, intern(symbol->name)};
  // What is written later cannot take that back.
  auto* open = symbol.error() == Reason::mapping_changed
                   ? nullptr
                   : open_for(*source, address, from_ns, to_ns);
  if (open == nullptr) {
    return {process::anonymous_object, symbol.error(), address};
  }
  return {process::jit_object, Reason::none, open->code};
}

GeneratedCode::Source* GeneratedCode::source_of(
    const process::ImageKey& image) {
  if (auto at = sources_.find(image); at != sources_.end()) return &at->second;
  auto around = processes_.surroundings(image);
  if (!around) return nullptr;
  Source source{symbol::JitCode::open(place_of(*around))};
  return &sources_.emplace(image, std::move(source)).first->second;
}

void GeneratedCode::read_on(const process::ImageKey& image, Source& source,
                            std::uint64_t to_ns) {
  if (epoch_ns_ != to_ns) bytes_left_ = limits_.all_in_epoch;
  epoch_ns_ = to_ns;
  source.read_ns = to_ns;
  if (auto around = processes_.surroundings(image)) {
    auto user = user_now(image.pid, around->start_boottime_ns);
    if (user) source.code.trust(*user);
  }
  add_jitdumps(image, source);
  read(source, limits_.one_in_epoch);
  make_room(source);
}

void GeneratedCode::read(Source& source, std::uint64_t most_bytes) {
  auto bytes = source.code.refresh(std::min(most_bytes, bytes_left_));
  bytes_left_ -= std::min(bytes_left_, bytes);
}

// A jitdump file is known by its mapping, and read through that.
void GeneratedCode::add_jitdumps(const process::ImageKey& image,
                                 Source& source) {
  auto around = processes_.surroundings(image);
  if (!around || around->space == nullptr) return;
  for (const auto& mapping : around->space->mappings()) {
    if (mapping.object < process::first_file_object ||
        source.dumps.contains(mapping.object) ||
        !symbol::is_jitdump_path(objects_.file(mapping.object).path)) {
      continue;
    }
    add_jitdump(image, mapping, around->root, source);
  }
}

void GeneratedCode::add_jitdump(const process::ImageKey& image,
                                const process::Mapping& mapping,
                                const process::Root& root, Source& source) {
  objects_.expect_growth(mapping.object);
  objects_.capture(mapping.object, image.pid, mapping.start, mapping.end, root);
  auto opened = objects_.open(mapping.object);
  if (opened.fd < 0) return;
  source.dumps.insert(mapping.object);
  // Why it is refused, if it is, shows where a name is missing.
  (void)source.code.add_jitdump(opened.take());
}

std::size_t GeneratedCode::memory() const {
  std::size_t total = 0;
  for (const auto& [image, source] : sources_) total += source.code.memory();
  return total;
}

void GeneratedCode::make_room(const Source& used) {
  while (sources_.size() > 1 &&
         (memory() > limits_.memory || sources_.size() > limits_.sources)) {
    auto oldest =
        std::ranges::min_element(sources_, {}, [&](const auto& entry) {
          return std::pair(&entry.second == &used, entry.second.read_ns);
        });
    settle(oldest->second, limits_.one_in_epoch);
    sources_.erase(oldest);
  }
}

std::uint64_t GeneratedCode::intern(std::string_view name) {
  auto [at, added] = code_ids_.try_emplace(std::string(name), codes_.size());
  if (added) codes_.push_back({.name = at->first});
  return at->second;
}

// Null where too many wait. What is extended over epochs is asked for all of
// them, should a jitdump appear yet.
GeneratedCode::Open* GeneratedCode::open_for(Source& source,
                                             std::uint64_t address,
                                             std::uint64_t from_ns,
                                             std::uint64_t to_ns) {
  OpenKey key(address, source.code.knows_times() ? to_ns : 0);
  auto at = source.open.find(key);
  if (at == source.open.end()) {
    if (waiting_ >= limits_.waiting) return nullptr;
    ++waiting_;
    at = source.open.emplace(key, Open{codes_.size(), from_ns, to_ns}).first;
    codes_.push_back({.reason = source.code.reason()});
  }
  at->second.to_ns = to_ns;
  return &at->second;
}

void GeneratedCode::settle(Source& source, std::uint64_t most_bytes) {
  if (source.open.empty()) return;
  read(source, most_bytes);
  for (const auto& [key, open] : source.open) {
    auto symbol = source.code.find(key.first, open.from_ns, open.to_ns);
    if (symbol) {
      codes_[open.code] = {.name = std::string(symbol->name)};
    } else {
      codes_[open.code].reason = symbol.error();
    }
  }
  // What the next report still lacks is looked for anew.
  waiting_ -= source.open.size();
  source.open.clear();
}

void GeneratedCode::settle() {
  bytes_left_ = limits_.all_in_report;
  for (auto& [image, source] : sources_) settle(source, limits_.one_in_report);
  bytes_left_ = 0;
}

void GeneratedCode::forget() {
  bytes_left_ = limits_.all_in_epoch;
  for (auto at = sources_.begin(); at != sources_.end();) {
    bool known = processes_.find(at->first) != nullptr;
    if (!known) settle(at->second, limits_.one_in_report);
    at = known ? std::next(at) : sources_.erase(at);
  }
}

void GeneratedCode::reset() {
  codes_.clear();
  code_ids_.clear();
  for (auto& [image, source] : sources_) source.open.clear();
  waiting_ = 0;
}

}  // namespace sightline::stack
