// SPDX-License-Identifier: Apache-2.0
// Events that sysfs describes (Documentation/ABI/testing/
// sysfs-bus-event_source-devices-{format,events}, Linux 6.12). Inside the room.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "perf/event.h"

namespace sightline::perf {

// `PMU/TERM,…/` with the part behind the last slash in `modifiers`, which the
// caller applies. Errors as of parse_events.
struct PmuEvent {
  Event event;
  std::string_view modifiers;
};
Result<PmuEvent> parse_pmu_event(std::string_view text,
                                 const std::string& sysfs);

// A name alone, as in `tsc`, where exactly one PMU describes it; nothing where
// none does. Fails as usage where several do, naming them.
Result<std::optional<Event>> find_sysfs_event(std::string_view name,
                                              const std::string& sysfs);

// Every event name that some PMU's `events` folder holds.
std::vector<std::string> sysfs_event_names(const std::string& sysfs);

// Letters, digits, `_`, `-` and `.`, not first: what may become part of a path.
bool is_plain_name(std::string_view name);

}  // namespace sightline::perf
