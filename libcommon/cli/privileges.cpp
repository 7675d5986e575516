// SPDX-License-Identifier: Apache-2.0
#include "cli/privileges.h"

#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <memory>
#include <type_traits>

namespace sightline::cli {
namespace {

struct FreeCapabilities {
  void operator()(cap_t set) const { cap_free(set); }
};
using Capabilities =
    std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCapabilities>;

constexpr std::array sets{CAP_EFFECTIVE, CAP_PERMITTED, CAP_INHERITABLE};

// Clears one capability in all three sets; says whether any had it.
bool clear(cap_t from, cap_value_t capability) {
  bool changed = false;
  for (auto set : sets) {
    cap_flag_value_t value = CAP_CLEAR;
    if (cap_get_flag(from, capability, set, &value) < 0) continue;
    if (value == CAP_CLEAR) continue;
    cap_set_flag(from, set, 1, &capability, CAP_CLEAR);
    changed = true;
  }
  return changed;
}

Status drop_capabilities(std::span<const cap_value_t> keep) {
  Capabilities all(cap_get_proc());
  if (!all) return fail_errno("cannot read this process's capabilities");
  bool changed = false;
  for (cap_value_t i = 0; i < cap_max_bits(); ++i) {
    if (std::ranges::find(keep, i) != keep.end()) continue;
    changed |= clear(all.get(), i);
  }
  if (changed && cap_set_proc(all.get()) < 0) {
    return fail_errno("cannot give up capabilities");
  }
  return {};
}

}  // namespace

std::vector<cap_value_t> default_keep(const SystemFacts& facts) {
  std::vector<cap_value_t> keep{CAP_SYS_PTRACE, CAP_SYSLOG, CAP_DAC_READ_SEARCH,
                                CAP_CHECKPOINT_RESTORE};
  if (has_capability(facts, CAP_BPF) && has_capability(facts, CAP_PERFMON)) {
    keep.insert(keep.end(), {CAP_BPF, CAP_PERFMON});
  } else {
    keep.push_back(CAP_SYS_ADMIN);
  }
  return keep;
}

Status drop_privileges(std::span<const cap_value_t> keep) {
  SL_CHECK(drop_capabilities(keep));
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
    return fail_errno("cannot set no_new_privs");
  }
  return {};
}

}  // namespace sightline::cli
