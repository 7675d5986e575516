// SPDX-License-Identifier: Apache-2.0
#include "perf/sideband.h"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <bit>

#include "base/units.h"
#include "perf/cpus.h"
#include "perf/open.h"

namespace sightline::perf {
namespace {

std::size_t page_size() {
  return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// A dummy event counts nothing and carries records. Without mmap_data only
// executable mappings are told; mmap asks for them and mmap2 for the form that
// identifies the file. The trailer is what decode_record() expects.
Event sideband_event(std::size_t wakeup_bytes) {
  Event event;
  event.name = "side-band records";
  auto& attr = event.base;
  attr.size = sizeof(attr);
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_DUMMY;
  attr.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU;
  attr.sample_id_all = 1;
  attr.disabled = 1;
  attr.mmap = 1;
  attr.mmap2 = 1;
  attr.comm = 1;
  attr.comm_exec = 1;
  attr.task = 1;
  attr.use_clockid = 1;
  attr.clockid = CLOCK_MONOTONIC;
  attr.watermark = 1;
  attr.wakeup_watermark = static_cast<std::uint32_t>(wakeup_bytes);
  return event;
}

// EPERM here is about locked memory, not about perf events: beyond
// perf_event_mlock_kb a CPU, RLIMIT_MEMLOCK counts (perf_mmap,
// kernel/events/core.c, Linux 6.12).
Result<UniqueMapping> map_ring(int fd, std::size_t data_bytes) {
  auto size = page_size() + data_bytes;
  void* address =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (address == MAP_FAILED) {
    return fail_errno(
        fmt::format("cannot map a ring of {} for side-band records",
                    format_bytes(data_bytes)),
        errno,
        "raise kernel.perf_event_mlock_kb, or the limit on locked memory "
        "(ulimit -l)");
  }
  return UniqueMapping(address, size);
}

Ring ring_in(const UniqueMapping& mapping) {
  auto* bytes = static_cast<std::byte*>(mapping.address());
  return {static_cast<perf_event_mmap_page*>(mapping.address()),
          {bytes + page_size(), mapping.size() - page_size()}};
}

}  // namespace

Result<Sideband> Sideband::open(const SidebandSettings& settings,
                                const std::string& sysfs) {
  auto data = std::bit_ceil(std::max(settings.ring_bytes, page_size()));
  auto wakeup = settings.wakeup_bytes != 0 ? settings.wakeup_bytes : data / 2;
  auto event = sideband_event(wakeup);
  Sideband sideband;
  std::vector<Ring> rings;
  for (int cpu : SL_TRY(online_cpus(sysfs))) {
    auto fd = open_event(event.base, -1, cpu);
    if (!fd && fd.error() == ENODEV) {
      sideband.skipped_.push_back(cpu);
      continue;
    }
    if (!fd) return explain_open(event, cpu, fd.error());
    auto mapping = SL_TRY(map_ring(fd->get(), data));
    rings.push_back(ring_in(mapping));
    sideband.fds_.push_back(std::move(*fd));
    sideband.mappings_.push_back(std::move(mapping));
    sideband.cpus_.push_back(cpu);
  }
  sideband.merge_ = RingMerge(std::move(rings));
  return sideband;
}

Status Sideband::enable() {
  return ioctl_all(fds_, PERF_EVENT_IOC_ENABLE, 0,
                   "cannot start side-band records");
}

Status Sideband::disable() {
  return ioctl_all(fds_, PERF_EVENT_IOC_DISABLE, 0,
                   "cannot stop side-band records");
}

std::vector<int> Sideband::fds() const {
  std::vector<int> numbers;
  for (const auto& fd : fds_) numbers.push_back(fd.get());
  return numbers;
}

std::size_t Sideband::memory_bytes() const {
  std::size_t bytes = 0;
  for (const auto& mapping : mappings_) bytes += mapping.size();
  return bytes;
}

void Sideband::drain(std::uint64_t until_ns,
                     const std::function<void(const Record&)>& deliver) {
  merge_.drain(until_ns, deliver);
}

}  // namespace sightline::perf
