// SPDX-License-Identifier: Apache-2.0
#include "symbol/source.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "symbol/elf_file.h"

namespace sightline::symbol {
namespace {

std::optional<ElfFile> open_copy(int fd, std::span<const Segment> code = {}) {
  if (fd < 0) return {};
  auto file = ElfFile::open(UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 0)), code);
  return file ? std::optional(*std::move(file)) : std::nullopt;
}

Reason reason_of(WorkerEnd end, bool full) {
  switch (end) {
    case WorkerEnd::late:
      return Reason::debug_info_late;
    case WorkerEnd::out_of_memory:
      return Reason::debug_info_large;
    case WorkerEnd::refused:
      return full ? Reason::debug_info_large : Reason::corrupt_debug_info;
    default:
      return Reason::corrupt_debug_info;
  }
}

SourceTable read_addresses(const DebugFiles& files,
                           std::span<const std::uint64_t> addresses,
                           std::uint64_t code_start, const SourceWanted& wanted,
                           const WorkerLimits& limits,
                           const SourceProgress& progress) {
  const std::array keep{files.file, files.debug, files.alternate};
  SourceDecoder decoder(addresses.size());
  const auto end = run_worker(
      limits, keep,
      [&](int out) {
        SourceEncoder encoder(out);
        encoder.end(read_dwarf(
            files, addresses, code_start, wanted,
            {.chain = [&](auto index,
                          auto frames) { encoder.chain(index, frames); },
             .progress = [&](auto done) { encoder.progress(done); }}));
      },
      [&](std::span<const char> bytes) { return decoder.take(bytes); },
      [&] {
        if (progress) progress(decoder.done(), addresses.size());
      });
  const bool complete = decoder.ended();
  const bool full = decoder.full();
  auto table = std::move(decoder).table();
  if (!complete) table.reason = reason_of(end, full);
  return table;
}

}  // namespace

SourceTable read_source(const DebugFiles& files,
                        std::span<const std::uint64_t> file_offsets,
                        const SourceWanted& wanted, const WorkerLimits& limits,
                        const SourceProgress& progress) {
  SourceTable none;
  none.chains.resize(file_offsets.size());
  none.reason = Reason::no_debug_info;
  const auto file = open_copy(files.file, files.code);
  const auto debug = open_copy(files.debug);
  if (!file || !(file->has_dwarf() || (debug && debug->has_dwarf()))) {
    return none;
  }
  // Segments need not stand in the order of their addresses.
  std::vector<std::pair<std::uint64_t, std::size_t>> found;
  for (std::size_t i = 0; i < file_offsets.size(); ++i) {
    const auto address = file->address_of(file_offsets[i]);
    if (address) found.emplace_back(*address, i);
  }
  if (found.empty()) return none;
  std::ranges::sort(found);
  std::vector<std::uint64_t> addresses;
  for (const auto& entry : found) addresses.push_back(entry.first);
  auto table = read_addresses(files, addresses, file->code_start(), wanted,
                              limits, progress);
  for (std::size_t i = 0; i < found.size(); ++i) {
    none.chains[found[i].second] = table.chains[i];
  }
  table.chains = std::move(none.chains);
  return table;
}

SourceTable read_source(int file, const Place& place,
                        std::span<const std::uint64_t> file_offsets,
                        const SourceWanted& wanted, const WorkerLimits& limits,
                        const SourceProgress& progress) {
  DebugFiles files{.file = file, .code = place.code};
  const auto elf = open_copy(file);
  if (!elf) return read_source(files, file_offsets, wanted, limits, progress);
  auto found = find_debug_info(*elf, place);
  if (found) {
    files.debug = found->dwarf.get();
    if (found->alternate) files.alternate = found->alternate->get();
  }
  auto table = read_source(files, file_offsets, wanted, limits, progress);
  // Only that there is none at all is no news.
  if (!found && found.error() != Reason::no_debug_file) {
    table.reason = found.error();
  }
  return table;
}

}  // namespace sightline::symbol
