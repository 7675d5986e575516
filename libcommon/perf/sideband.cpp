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

// Mappings alone. Nobody is woken for them: they are read with the others.
Event build_id_event(std::size_t ring_bytes) {
  auto event = sideband_event(ring_bytes);
  event.base.comm = 0;
  event.base.comm_exec = 0;
  event.base.task = 0;
  event.base.build_id = 1;
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
  if (settings.build_id_ring_bytes != 0) {
    sideband.open_build_ids(
        std::bit_ceil(std::max(settings.build_id_ring_bytes, page_size())));
  }
  std::vector<Ring> build_ids;
  for (const auto& mapping : sideband.build_id_mappings_) {
    build_ids.push_back(ring_in(mapping));
  }
  sideband.merge_ = RingMerge(std::move(rings), std::move(build_ids));
  return sideband;
}

// On all CPUs, or on none: a kernel that does not know them, or no room.
void Sideband::open_build_ids(std::size_t ring_bytes) {
  const auto event = build_id_event(ring_bytes);
  for (int cpu : cpus_) {
    auto fd = open_event(event.base, -1, cpu);
    if (!fd && fd.error() == ENODEV) continue;
    auto mapping = fd ? map_ring(fd->get(), ring_bytes)
                      : Result<UniqueMapping>(fail_errno("", fd.error()));
    if (!mapping) {
      build_ids_.clear();
      build_id_mappings_.clear();
      return;
    }
    build_ids_.push_back(std::move(*fd));
    build_id_mappings_.push_back(std::move(*mapping));
  }
}

Status Sideband::enable() {
  SL_CHECK(ioctl_all(build_ids_, PERF_EVENT_IOC_ENABLE, 0,
                     "cannot start side-band records of build-ids"));
  return ioctl_all(fds_, PERF_EVENT_IOC_ENABLE, 0,
                   "cannot start side-band records");
}

Status Sideband::disable() {
  SL_CHECK(ioctl_all(build_ids_, PERF_EVENT_IOC_DISABLE, 0,
                     "cannot stop side-band records of build-ids"));
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
  for (const auto& mapping : build_id_mappings_) bytes += mapping.size();
  return bytes;
}

void Sideband::drain(std::uint64_t until_ns,
                     const std::function<void(const Record&)>& deliver) {
  merge_.drain(until_ns, deliver);
}

}  // namespace sightline::perf
