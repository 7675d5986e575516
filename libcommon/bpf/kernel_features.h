// SPDX-License-Identifier: Apache-2.0
// What the running kernel's tracepoints and functions are like, where two
// kernels differ. Probes, none of which leaves anything behind. Thread-safe.
#pragma once

#include <optional>
#include <string>

namespace sightline::bpf {

// How many arguments a tracepoint hands over, from the type
// `btf_trace_NAME` in the kernel's BTF or in `btf_file`; nothing where there is
// no such tracepoint (or no BTF).
std::optional<int> tracepoint_arguments(const std::string& name,
                                        const std::string& btf_file = "");

// Whether one of the kernel's types has a member of that name.
bool has_member(const std::string& type, const std::string& member,
                const std::string& btf_file = "");

// The kernel has BTF of its own, so that programs may have typed arguments
// (tp_btf).
bool has_own_btf();

// Whether kprobes can be attached: the kernel offers their perf events.
bool has_kprobes();

// The one name under which a static function is in /proc/kallsyms, whatever its
// compiler has put behind it (`NAME`, `NAME.isra.0`); empty where it was
// inlined or stands there twice.
std::string kernel_function(const std::string& name);

}  // namespace sightline::bpf
