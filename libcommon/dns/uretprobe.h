// SPDX-License-Identifier: Apache-2.0
// Whether this kernel's uretprobes do harm. From Linux 6.11 on, x86-64, a
// function that has one ends with a system call that only the kernel knows of,
// uretprobe (335). Seccomp filters that allow what they know refuse it, those
// of containers and of many services, and then the program goes astray and
// dies: systemd-timesyncd did, in getaddrinfo() (systemd issue 34615).
// From 6.14 on, and where that was taken back into older ones, filters are not
// asked about it.
#pragma once

#include "base/error.h"
#include "bpf/object.h"

namespace sightline::dns {

// Lets a child of ours, which refuses that call to itself, run into a uretprobe
// with this program, and waits for its end: a millisecond. Fails as unsupported
// when it does not survive, and with errno when it cannot be tried. The process
// should have one thread.
Status check_uretprobes(const bpf_program& program);

// Whether a program can be attached to a function of user space (uprobe) with
// CAP_SYS_ADMIN alone: see bpf::attach_to_function(). Tries it once without
// that in the effective set of the calling thread, where it is again
// afterwards. False where it is not in that set, and on any doubt about the
// trial.
bool only_admins_attach(const bpf_program& program);

// Calls it in such a child, and says whether it returned, 0. Dumps no core.
Result<bool> survives_refusal(int (*function)());

}  // namespace sightline::dns
