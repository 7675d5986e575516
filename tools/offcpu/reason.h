// SPDX-License-Identifier: Apache-2.0
// What a wait is for, in words. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "offcpu.h"

namespace sightline::offcpu {

// "blocked", "uninterruptible", "run queue", "throttled".
std::string_view kind_name(wait_kind kind);

// As an operator would say it: "futex", "epoll", "read (pipe)", "page fault",
// "preempted". Numbers of system calls are those of x86-64.
std::string reason_name(const wait_reason& reason);

// The same of the wait for a CPU that follows a wait of that reason.
std::string queue_reason_name(const wait_reason& reason);

}  // namespace sightline::offcpu
