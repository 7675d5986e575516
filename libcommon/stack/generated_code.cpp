// SPDX-License-Identifier: Apache-2.0
#include "stack/generated_code.h"

#include <fcntl.h>

#include <algorithm>

#include "base/clock.h"
#include "base/units.h"

namespace sightline::stack {
namespace {

using symbol::Reason;

// Of all processes' maps together; the one that was asked last goes last, and
// whichever went is read again when it is needed.
constexpr std::size_t most_memory = 128U << 20;
constexpr std::size_t most_sources = 128;  // which hold descriptors, too

// What a drain reads of one file, and what a report waits for: an honest map is
// some megabytes, a hostile one must not stop everything else.
constexpr std::uint64_t most_read_at_once = 8U << 20;
constexpr std::uint64_t most_read_at_end = 64U << 20;

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

}  // namespace

Frame GeneratedCode::locate(const process::ImageKey& image,
                            std::uint64_t address, std::uint64_t time_ns) {
  auto* source = source_of(image);
  if (source == nullptr) {
    return {process::anonymous_object, Reason::process_gone, address};
  }
  if (source->read_ns != time_ns) read_on(image, *source, time_ns);
  auto symbol = source->code.find(address, time_ns);
  auto code =
      symbol ? intern(symbol->name) : intern_open(*source, address, time_ns);
  return {process::jit_object, Reason::none, code};
}

GeneratedCode::Source* GeneratedCode::source_of(
    const process::ImageKey& image) {
  if (auto at = sources_.find(image); at != sources_.end()) return &at->second;
  auto around = processes_.surroundings(image);
  if (!around) return nullptr;
  make_room();
  Source source{symbol::JitCode::open(place_of(*around))};
  return &sources_.emplace(image, std::move(source)).first->second;
}

void GeneratedCode::read_on(const process::ImageKey& image, Source& source,
                            std::uint64_t time_ns) {
  source.read_ns = time_ns;
  add_jitdumps(image, source);
  source.code.refresh(most_read_at_once);
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
  objects_.capture(mapping.object, image.pid, mapping.start, mapping.end, root);
  auto opened = objects_.open(mapping.object);
  if (opened.fd < 0) return;
  source.dumps.insert(mapping.object);
  // Why it is refused, if it is, shows where a name is missing.
  (void)source.code.add_jitdump(
      UniqueFd(::fcntl(opened.fd, F_DUPFD_CLOEXEC, 0)));
}

void GeneratedCode::make_room() {
  std::size_t total = 0;
  for (const auto& [image, source] : sources_) total += source.code.memory();
  if (total < most_memory && sources_.size() < most_sources) return;
  auto oldest = std::ranges::min_element(
      sources_, {}, [](const auto& entry) { return entry.second.read_ns; });
  settle(oldest->second);
  sources_.erase(oldest);
}

std::uint64_t GeneratedCode::intern(std::string_view name) {
  auto [at, added] = code_ids_.try_emplace(std::string(name), codes_.size());
  if (added) codes_.push_back({.name = at->first});
  return at->second;
}

std::uint64_t GeneratedCode::intern_open(Source& source, std::uint64_t address,
                                         std::uint64_t time_ns) {
  auto [at, added] = source.open.try_emplace(address, Open{codes_.size(), 0});
  if (added) codes_.push_back({.reason = source.code.reason()});
  at->second.time_ns = time_ns;
  return at->second.code;
}

void GeneratedCode::settle(Source& source) {
  if (source.open.empty()) return;
  source.code.refresh(most_read_at_end);
  for (const auto& [address, open] : source.open) {
    auto symbol = source.code.find(address, open.time_ns);
    if (symbol) {
      codes_[open.code] = {.name = std::string(symbol->name)};
    } else {
      codes_[open.code].reason = source.code.reason();
    }
  }
  // What the next report still lacks is looked for anew.
  source.open.clear();
}

void GeneratedCode::settle() {
  for (auto& [image, source] : sources_) settle(source);
}

void GeneratedCode::forget() {
  for (auto at = sources_.begin(); at != sources_.end();) {
    bool known = processes_.find(at->first) != nullptr;
    if (!known) settle(at->second);
    at = known ? std::next(at) : sources_.erase(at);
  }
}

void GeneratedCode::reset() {
  codes_.clear();
  code_ids_.clear();
  for (auto& [image, source] : sources_) source.open.clear();
}

}  // namespace sightline::stack
