// SPDX-License-Identifier: Apache-2.0
// A side-band record; its strings are the choice of the process it tells of.
#include <span>
#include <variant>

#include "input.h"
#include "perf/record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace sightline;
  const auto record = perf::decode_record(std::as_bytes(std::span(data, size)));
  if (!record) return 0;
  if (const auto* mmap = std::get_if<perf::MmapRecord>(&*record)) {
    fuzz::must(mmap->build_id.size() <= 20 && mmap->path.size() < size);
  }
  if (const auto* comm = std::get_if<perf::CommRecord>(&*record)) {
    fuzz::must(comm->comm.size() < size);
  }
  return 0;
}
