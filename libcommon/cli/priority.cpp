// SPDX-License-Identifier: Apache-2.0
#include "cli/priority.h"

#include <sys/resource.h>

namespace sightline::cli {

// On Linux both are about the calling thread (setpriority(2), "C library/kernel
// differences").
HighestPriority::HighestPriority() : before_(::getpriority(PRIO_PROCESS, 0)) {
  ::setpriority(PRIO_PROCESS, 0, -20);
}

// To lower it needs no permission.
HighestPriority::~HighestPriority() { ::setpriority(PRIO_PROCESS, 0, before_); }

}  // namespace sightline::cli
