// SPDX-License-Identifier: Apache-2.0
#include "perf/open.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

namespace sightline::perf {
namespace {

int try_open(perf_event_attr& attr, int pid, int cpu) {
  // ABI: the call returns a long that always fits a descriptor.
  return static_cast<int>(::syscall(SYS_perf_event_open, &attr, pid, cpu, -1,
                                    PERF_FLAG_FD_CLOEXEC));
}

bool raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  if (limit.rlim_cur >= limit.rlim_max) return false;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

bool needs_counter(const Event& event) {
  return event.base.type != PERF_TYPE_SOFTWARE &&
         event.base.type != PERF_TYPE_TRACEPOINT;
}

std::string paranoid_level() {
  auto text = read_file("/proc/sys/kernel/perf_event_paranoid");
  return text ? std::string(trim(*text)) : "unknown";
}

std::unexpected<Error> explain_missing(const Event& event, int err) {
  auto name = printable(event.name);
  if (!needs_counter(event)) {
    return std::unexpected(
        Error{ErrorKind::unsupported, err,
              fmt::format("this kernel cannot sample event '{}'", name),
              "use -e cpu-clock"});
  }
  auto what = event.base.precise_ip != 0
                  ? fmt::format(
                        "this machine cannot sample event '{}' "
                        "precisely",
                        name)
                  : fmt::format(
                        "this machine has no hardware counter for "
                        "event '{}'",
                        name);
  auto hint = event.base.precise_ip != 0
                  ? "leave out the p modifier, or use -e cpu-clock"
                  : "virtual machines often hide the PMU; use -e cpu-clock";
  return std::unexpected(Error{ErrorKind::unsupported, err, what, hint});
}

}  // namespace

std::expected<UniqueFd, int> open_event(perf_event_attr attr, int pid,
                                        int cpu) {
  int fd = try_open(attr, pid, cpu);
  if (fd < 0 && errno == EMFILE && raise_descriptor_limit()) {
    fd = try_open(attr, pid, cpu);
  }
  if (fd < 0) return std::unexpected(errno);
  return UniqueFd(fd);
}

std::unexpected<Error> explain_open(const Event& event, int cpu, int err) {
  auto what = fmt::format("cannot open event '{}' on CPU {}",
                          printable(event.name), cpu);
  switch (err) {
    case ENOENT:
    case EOPNOTSUPP:
      return explain_missing(event, err);
    case EACCES:
    case EPERM:
      return fail_errno(what, err,
                        fmt::format("run as root or with CAP_PERFMON, or set "
                                    "kernel.perf_event_paranoid to -1 (it is "
                                    "{})",
                                    paranoid_level()));
    case ENODEV:
      return fail(ErrorKind::runtime, fmt::format("CPU {} is offline", cpu),
                  "/sys/devices/system/cpu/online lists those that run");
    case EMFILE:
      return fail_errno(what, err,
                        "one descriptor a CPU and event is needed: raise the "
                        "hard limit with ulimit -Hn");
    case EBUSY:
    case ENOSPC:
      return fail_errno(what, err,
                        "all counters are taken: stop other perf sessions, or "
                        "sysctl kernel.nmi_watchdog=0");
    case EINVAL:
      return std::unexpected(
          Error{ErrorKind::unsupported, err,
                fmt::format("this kernel refuses to sample event '{}' with "
                            "these settings",
                            printable(event.name)),
                "it may only count; try without modifiers, or -e cpu-clock"});
    default:
      return fail_errno(what, err);
  }
}

Status ioctl_all(const std::vector<UniqueFd>& fds, unsigned long request,
                 unsigned long argument, const std::string& what) {
  for (const auto& fd : fds) {
    if (::ioctl(fd.get(), request, argument) != 0) return fail_errno(what);
  }
  return {};
}

}  // namespace sightline::perf
