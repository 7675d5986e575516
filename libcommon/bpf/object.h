// SPDX-License-Identifier: Apache-2.0
// Owners of what libbpf makes: a skeleton, a link. And the few calls on them
// that every tool needs.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

namespace sightline::bpf {

struct LinkCloser {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using Link = std::unique_ptr<bpf_link, LinkCloser>;

template <typename S>
struct SkeletonCloser {
  void operator()(S* skeleton) const { S::destroy(skeleton); }
};

// A generated skeleton; its maps, programs and links go with it.
template <typename S>
using Skeleton = std::unique_ptr<S, SkeletonCloser<S>>;

// The failure of a load: the permission that libbpf was refused, the feature
// that the kernel lacks, or the end of the verifier's log.
std::unexpected<Error> load_failure(int err);

// Fails (runtime, or permission to read it) unless the file holds BTF.
Status check_btf_file(const std::string& path);

// Opens without loading, so that settings can be written. `btf_file` stands in
// for the BTF that the running kernel lacks; empty: the kernel's own.
template <typename S>
Result<Skeleton<S>> open_skeleton(const std::string& btf_file) {
  bpf_object_open_opts options{};
  options.sz = sizeof(options);
  if (!btf_file.empty()) options.btf_custom_path = btf_file.c_str();
  Skeleton<S> skeleton(S::open(&options));
  if (!skeleton) return fail_errno("cannot open the BPF object");
  return skeleton;
}

template <typename S>
Status load_skeleton(S& skeleton) {
  if (int err = S::load(&skeleton); err != 0) return load_failure(-err);
  return {};
}

// Before the load: whether a program is loaded at all, and how large a map is.
void set_autoload(bpf_program* program, bool load);
void set_max_entries(bpf_map* map, std::uint32_t entries);

// Descriptors of what was loaded; they stay the skeleton's.
int fd_of(const bpf_map* map);
int fd_of(const bpf_program* program);

// Writes and removes one entry of a map whose key and value have the sizes of
// K and V. put() fails with errno; erase() does nothing when there is no entry.
Status put_bytes(const bpf_map* map, const void* key, const void* value);
void erase_bytes(const bpf_map* map, const void* key);

template <typename K, typename V>
Status put(const bpf_map* map, const K& key, const V& value) {
  return put_bytes(map, &key, &value);
}
template <typename K>
void erase(const bpf_map* map, const K& key) {
  erase_bytes(map, &key);
}

// The values of all entries of a hash map, in no order. While programs work at
// it, what comes or goes meanwhile is there or not, and a value may be half
// written; all else is there once. Needs Linux 5.6. Fails with errno.
Status read_all_bytes(const bpf_map* map,
                      const std::function<void(const void* value)>& handler);

template <typename V>
Result<std::vector<V>> read_all(const bpf_map* map) {
  std::vector<V> values;
  SL_CHECK(read_all_bytes(map, [&](const void* value) {
    std::memcpy(&values.emplace_back(), value, sizeof(V));
  }));
  return values;
}

// Attaches a program by what its section says (raw tracepoints and the like).
Result<Link> attach(const bpf_program& program);

// Attaches a program to a function of user space, in whatever process calls it:
// where it begins (uprobe) or returns (uretprobe). `offset` is that of the
// function in the file, which stays the one that was opened whatever happens to
// its path. Needs CAP_SYS_ADMIN; from 5.8 on CAP_PERFMON was enough, until 6.16
// and the stable kernels of that time took it back (perf_uprobe_event_init(),
// kernel/events/core.c). Fails with errno.
Result<Link> attach_to_function(const bpf_program& program, int file,
                                std::uint64_t offset, bool at_return);

// Whether this kernel lets programs run when that function of its own returns
// (fexit): it has BTF for it and takes a program that does nothing there. Some
// kernels have no function tracing, or refuse it.
bool can_trace_return(const char* function);

// Kernel memory of all maps of an object in bytes, as the kernel accounts for
// it (/proc/self/fdinfo, "memlock"); needs a loaded object.
std::uint64_t map_memory(const bpf_object& object);

// How often the kernel skipped a program because it was already running on that
// CPU (bpf_prog_info.recursion_misses, 5.12); 0 where it does not say.
std::uint64_t recursion_misses(const bpf_program& program);

}  // namespace sightline::bpf
