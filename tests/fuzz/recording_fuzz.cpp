// SPDX-License-Identifier: Apache-2.0
// The readers of recordings on any bytes: JSON's records, and collapsed stacks.
// What they accept adds up, and every view's stacks can be made of it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/text.h"
#include "input.h"
#include "recording.h"
#include "recording_json.h"
#include "stack/difference.h"
#include "stack/fold.h"

namespace {

using namespace sightline;

void read_json(std::string_view bytes) {
  cpuprof::Recording recording;
  cpuprof::JsonReader reader(recording);
  for (auto line : split(bytes, '\n')) {
    auto status = reader.take(line);
    if (!status) return fuzz::must(!status.error().what.empty());
  }
  if (!reader.finish()) return;
  auto measurement = recording.measurement();
  stack::FoldedProfile folded;
  bool fits = true;
  auto written = stack::fold(measurement.profile, measurement.names,
                             measurement.labels, [&](std::string_view line) {
                               auto status = folded.add(trim(line));
                               fits = status.has_value();
                               return status;
                             });
  fuzz::must(written.has_value() == fits);
  // Sums may be larger than a number; then nothing more is said of them.
  if (fits) fuzz::must(folded.total == measurement.profile.total().count);
}

void read_stacks(std::string_view bytes) {
  stack::FoldedProfile profile;
  for (auto line : split(bytes, '\n')) {
    auto status = profile.add(line);
    if (!status) fuzz::must(!status.error().what.empty());
  }
  std::uint64_t sum = 0;
  for (const auto& [stack, count] : profile.stacks) sum += count;
  fuzz::must(sum == profile.total);
  auto graph = stack::difference_graph({}, profile);
  std::uint64_t drawn = 0;
  for (const auto& node : graph.nodes) drawn += node.self;
  fuzz::must(drawn == profile.total);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  auto bytes = fuzz::text_of(data, size);
  read_json(bytes);
  read_stacks(bytes);
  return 0;
}
