// SPDX-License-Identifier: Apache-2.0
#include "bpf/epoch_map.h"

#include <bpf/bpf.h>

namespace sightline::bpf {
namespace {

constexpr std::size_t first_batch = 1024;
constexpr std::size_t largest_batch = 1U << 20;

}  // namespace

Status EpochMap::swap() {
  __u32 slot = 0;
  int next = 1 - active_;
  if (bpf_map_update_elem(shape_.outer_fd, &slot, &shape_.map_fds[next],
                          BPF_ANY) != 0) {
    return fail_errno("cannot swap the table of counts");
  }
  active_ = next;
  return {};
}

Status EpochMap::drain(const Handler& handler) {
  int retired = shape_.map_fds[1 - active_];
  if (mode_ == DrainMode::batches) {
    auto status = drain_batches(retired, handler);
    bool missing = !status && (status.error().err == EINVAL ||
                               status.error().err == ENOTSUP);
    if (!missing) return status;
    mode_ = DrainMode::one_by_one;
  }
  return drain_one_by_one(retired, handler);
}

Status EpochMap::drain_batches(int map_fd, const Handler& handler) {
  std::size_t room =
      keys_.empty() ? first_batch : keys_.size() / shape_.key_size;
  // The kernel keeps its place in `cursor`: for a hash map a bucket number.
  __u64 cursor = 0;
  void* from = nullptr;
  for (;;) {
    keys_.resize(room * shape_.key_size);
    values_.resize(room * shape_.value_size);
    auto count = static_cast<__u32>(room);
    int result = bpf_map_lookup_and_delete_batch(
        map_fd, from, &cursor, keys_.data(), values_.data(), &count, nullptr);
    int err = result == 0 ? 0 : errno;
    // ENOSPC: the next bucket alone holds more than there is room for.
    if (err == ENOSPC && room < largest_batch) {
      room *= 2;
      continue;
    }
    if (err != 0 && err != ENOENT) {
      return fail_errno("cannot read the table of counts", err);
    }
    for (std::size_t i = 0; i < count; ++i) {
      handler({keys_.data() + i * shape_.key_size, shape_.key_size},
              {values_.data() + i * shape_.value_size, shape_.value_size});
    }
    if (err == ENOENT) return {};
    from = &cursor;
  }
}

Status EpochMap::drain_one_by_one(int map_fd, const Handler& handler) {
  keys_.resize(std::max(keys_.size(), shape_.key_size));
  values_.resize(std::max(values_.size(), shape_.value_size));
  std::span key(keys_.data(), shape_.key_size);
  std::span value(values_.data(), shape_.value_size);
  // Always the first key: nobody adds to a retired map.
  while (bpf_map_get_next_key(map_fd, nullptr, key.data()) == 0) {
    if (bpf_map_lookup_elem(map_fd, key.data(), value.data()) != 0 ||
        bpf_map_delete_elem(map_fd, key.data()) != 0) {
      return fail_errno("cannot read the table of counts");
    }
    handler(key, value);
  }
  if (errno != ENOENT) return fail_errno("cannot read the table of counts");
  return {};
}

}  // namespace sightline::bpf
