// SPDX-License-Identifier: Apache-2.0
// Giving up what is no longer needed once everything is attached.
#pragma once

#include <sys/capability.h>

#include <span>
#include <vector>

#include "base/error.h"
#include "cli/features.h"

namespace sightline::cli {

// What a tool goes on needing after it has attached:
//   BPF, PERFMON        read maps, open events for threads that appear later
//                       (SYS_ADMIN where the process has only that, or the
//                       kernel is older than 5.8 and knows no CAP_BPF)
//   SYS_PTRACE          /proc/PID/maps of other users' processes
//   SYSLOG              kernel addresses in /proc/kallsyms
//   DAC_READ_SEARCH     other users' binaries, to name their functions
//   CHECKPOINT_RESTORE  /proc/PID/map_files, for binaries deleted or replaced
// Add DAC_OVERRIDE only if an output file has still to be renamed into place in
// a directory that the effective user could not write to without it.
std::vector<cap_value_t> default_keep(const SystemFacts& facts);

// Takes all but `keep` from the permitted, effective and inheritable sets of
// the calling thread (ambient follows; the bounding set stays) and sets
// NO_NEW_PRIVS, so that nothing executed later gains any. Never adds any. Does
// nothing, successfully, where there is nothing to take. Call it while there is
// one thread and after a traced command has been started. Fails with errno.
Status drop_privileges(std::span<const cap_value_t> keep);

}  // namespace sightline::cli
