// SPDX-License-Identifier: Apache-2.0
#include "perf/cpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "base/units.h"

namespace sightline::perf {
namespace {

Result<std::vector<int>> read_list(const std::string& path) {
  auto text = SL_TRY(read_file(path));
  auto cpus = parse_cpu_list(trim(text));
  if (cpus) return cpus;
  // What the kernel wrote is no mistake on the command line.
  return fail(ErrorKind::runtime,
              fmt::format("cannot read '{}': {}", path, cpus.error().what));
}

std::optional<std::uint32_t> read_type(const std::string& pmu) {
  auto text = read_file(pmu + "/type");
  if (!text) return std::nullopt;
  auto type = parse_number(trim(*text), 0, UINT32_MAX);
  if (!type) return std::nullopt;
  return static_cast<std::uint32_t>(*type);
}

}  // namespace

Result<std::vector<int>> online_cpus(const std::string& sysfs) {
  return read_list(sysfs + "/devices/system/cpu/online");
}

Result<std::vector<int>> possible_cpus(const std::string& sysfs) {
  return read_list(sysfs + "/devices/system/cpu/possible");
}

Status check_online(const std::vector<int>& cpus, const std::string& sysfs) {
  auto online = SL_TRY(online_cpus(sysfs));
  auto possible = SL_TRY(possible_cpus(sysfs));
  for (int cpu : cpus) {
    if (std::ranges::binary_search(online, cpu)) continue;
    bool exists = std::ranges::binary_search(possible, cpu);
    return fail(
        ErrorKind::runtime,
        fmt::format("CPU {} {}", cpu, exists ? "is offline" : "does not exist"),
        "/sys/devices/system/cpu/online lists those that run");
  }
  return {};
}

std::optional<std::uint32_t> core_pmu_type(int cpu, const std::string& sysfs) {
  std::error_code error;
  std::filesystem::directory_iterator pmus(sysfs + "/bus/event_source/devices",
                                           error);
  if (error) return std::nullopt;
  for (const auto& pmu : pmus) {
    auto cpus = read_list(pmu.path().string() + "/cpus");
    if (cpus && std::ranges::binary_search(*cpus, cpu)) {
      return read_type(pmu.path().string());
    }
  }
  return std::nullopt;
}

}  // namespace sightline::perf
