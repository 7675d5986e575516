// SPDX-License-Identifier: Apache-2.0
#include "bpf/barrier.h"

#include <bpf/bpf.h>

#include "base/handle.h"

namespace sightline::bpf {
namespace {

constexpr auto attempt = "cannot wait for running BPF programs";

UniqueFd array_of(bpf_map_type type, int inner) {
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  if (inner >= 0) options.inner_map_fd = static_cast<__u32>(inner);
  return UniqueFd(bpf_map_create(type, "barrier", sizeof(__u32), sizeof(__u32),
                                 1, &options));
}

}  // namespace

Status wait_for_programs() {
  auto inner = array_of(BPF_MAP_TYPE_ARRAY, -1);
  if (!inner) return fail_errno(attempt);
  auto outer = array_of(BPF_MAP_TYPE_ARRAY_OF_MAPS, inner.get());
  if (!outer) return fail_errno(attempt);
  __u32 slot = 0;
  int value = inner.get();
  if (bpf_map_update_elem(outer.get(), &slot, &value, BPF_ANY) == 0) return {};
  return fail_errno(attempt);
}

}  // namespace sightline::bpf
