// SPDX-License-Identifier: Apache-2.0
// A side-band record; its strings are the choice of the process it tells of.
#include <span>
#include <variant>

#include "input.h"
#include "perf/record.h"

namespace {

using namespace sightline;

void read(std::span<const std::byte> bytes) {
  const auto record = perf::decode_record(bytes);
  if (!record) return;
  if (const auto* mmap = std::get_if<perf::MmapRecord>(&*record)) {
    fuzz::must(mmap->path.size() < bytes.size());
  }
  if (const auto* comm = std::get_if<perf::CommRecord>(&*record)) {
    fuzz::must(comm->comm.size() < bytes.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  read(std::as_bytes(std::span(data, size)));
  return 0;
}
