// SPDX-License-Identifier: Apache-2.0
// Writes a profile as pprof's gzip-compressed profile.proto, piece by piece:
// what was added is compressed and gone, only the texts are kept.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "output/gzip.h"
#include "output/pprof.h"

namespace sightline::output {

// Texts may hold anything: what printable() escapes becomes \xNN, so that the
// profile is valid UTF-8 and harmless on a terminal. Names carry no system name
// beside them, upon which pprof would take them apart once more.
//
// Things are numbered from 0 in the order in which they are added; what refers
// to one may be added before it. A failure is repeated by every later call.
// For one thread at a time.
class PprofWriter {
 public:
  using Write = GzipStream::Write;

  // `write` takes bytes that are not text.
  static Result<PprofWriter> open(const pprof::Header& header, Write write);

  // The same function has one number however often it is added.
  pprof::Index add_function(const pprof::Function& function);
  pprof::Index add_mapping(const pprof::Mapping& mapping);
  pprof::Index add_location(const pprof::Location& location);
  void add_comment(std::string_view text);

  // Locations from the leaf to the root, a value for each sample type. Readers
  // sum values up in 63 bits: what would not fit there is cut, and a comment
  // says so.
  Status add_sample(std::span<const pprof::Index> locations,
                    std::span<const std::uint64_t> values,
                    std::span<const pprof::Label> labels);

  // The rest; nothing may be added afterwards.
  Status finish();

 private:
  explicit PprofWriter(GzipStream gzip) : gzip_(std::move(gzip)) {}
  void put_header(const pprof::Header& header);
  std::uint32_t intern(std::string_view text);
  void put_label(std::string& message, const pprof::Label& label);
  std::int64_t fit(std::size_t type, std::uint64_t value);
  Status send();

  GzipStream gzip_;
  std::string pending_;  // whole messages, not compressed yet
  Status sent_;          // the first failure
  std::unordered_map<std::string, std::uint32_t> texts_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, pprof::Index> functions_;
  pprof::Index mapping_count_ = 0;
  pprof::Index location_count_ = 0;
  std::vector<std::uint64_t> totals_;  // of each sample type
  std::uint64_t cut_values_ = 0;
};

}  // namespace sightline::output
