// SPDX-License-Identifier: Apache-2.0
// The pprof reader on any bytes: as they come, and as what a gzip file holds,
// which a fuzzer does not find by itself. What it accepts is whole, and what is
// written of it is read again as the same.
#include <cstddef>
#include <cstdint>

#include "input.h"
#include "output/pprof_reader.h"
#include "output/pprof_writer.h"

namespace {

using namespace sightline;
using output::pprof::Profile;

constexpr output::PprofLimits limits{.unpacked_bytes = 1U << 20,
                                     .memory_bytes = 16U << 20};

std::string gzip(std::string_view bytes) {
  std::string packed;
  auto stream = output::GzipStream::open([&](std::string_view piece) {
    packed.append(piece);
    return Status();
  });
  fuzz::must(stream && stream->write(bytes) && stream->finish());
  return packed;
}

void must_be_whole(const Profile& profile) {
  for (const auto& location : profile.locations) {
    fuzz::must(!location.mapping ||
               *location.mapping < profile.mappings.size());
    for (const auto& line : location.lines) {
      fuzz::must(line.function < profile.functions.size());
    }
  }
  for (const auto& sample : profile.samples) {
    fuzz::must(sample.values.size() == profile.header.sample_types.size());
    for (auto location : sample.locations) {
      fuzz::must(location < profile.locations.size());
    }
  }
}

// Functions are told apart by their texts when they are written, so their
// numbers may change: `function` has the new ones.
std::string written(const Profile& profile) {
  std::string packed;
  auto writer =
      output::PprofWriter::open(profile.header, [&](std::string_view piece) {
        packed.append(piece);
        return Status();
      });
  fuzz::must(writer.has_value());
  std::vector<output::pprof::Index> functions;
  for (const auto& mapping : profile.mappings) writer->add_mapping(mapping);
  for (const auto& function : profile.functions) {
    functions.push_back(writer->add_function(function));
  }
  for (auto location : profile.locations) {
    for (auto& line : location.lines) line.function = functions[line.function];
    writer->add_location(location);
  }
  for (const auto& sample : profile.samples) {
    fuzz::must(
        writer->add_sample(sample.locations, sample.values, sample.labels)
            .has_value());
  }
  fuzz::must(writer->finish().has_value());
  return packed;
}

void read(std::string_view packed) {
  auto profile = output::read_pprof(packed, limits);
  if (!profile) return fuzz::must(!profile.error().what.empty());
  must_be_whole(*profile);
  // Escapes may make texts longer, so there is no bound for it.
  auto again = output::read_pprof(written(*profile));
  fuzz::must(again.has_value());
  fuzz::must(again->samples.size() == profile->samples.size());
  fuzz::must(again->locations.size() == profile->locations.size());
  fuzz::must(again->mappings.size() == profile->mappings.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  auto bytes = fuzz::text_of(data, size);
  read(bytes);
  read(gzip(bytes));
  return 0;
}
