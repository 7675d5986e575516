// SPDX-License-Identifier: Apache-2.0
#include "bpf/object.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "base/file.h"
#include "base/handle.h"
#include "base/text.h"
#include "base/units.h"
#include "bpf/log.h"

namespace sightline::bpf {
namespace {

struct BtfCloser {
  void operator()(btf* types) const { btf__free(types); }
};

// The end of the log, where the verifier says what it did not like.
std::string last_lines(const std::string& log, int count) {
  auto at = log.size();
  while (count-- > 0 && at != std::string::npos && at > 0) {
    at = log.rfind('\n', at - 1);
  }
  return printable(at == std::string::npos ? log : log.substr(at + 1));
}

std::uint64_t memory_of(int map_fd) {
  auto info = read_file(fmt::format("/proc/self/fdinfo/{}", map_fd));
  if (!info) return 0;
  for (auto line : split(*info, '\n')) {
    if (!line.starts_with("memlock:")) continue;
    auto bytes = parse_number(trim(line.substr(8)), 0, UINT64_MAX);
    return bytes ? *bytes : 0;
  }
  return 0;
}

}  // namespace

Status check_btf_file(const std::string& path) {
  auto attempt = fmt::format("cannot read BTF from '{}'", printable(path));
  if (::access(path.c_str(), R_OK) != 0) return fail_errno(attempt);
  std::unique_ptr<btf, BtfCloser> parsed(btf__parse(path.c_str(), nullptr));
  if (parsed) return {};
  return fail(ErrorKind::runtime, attempt + ": there is none in it",
              "a file made by pahole, or /sys/kernel/btf/vmlinux of the same "
              "kernel elsewhere");
}

std::unexpected<Error> load_failure(int err) {
  // EACCES is the verifier's: a program that it does not accept.
  if (err == EPERM) {
    return fail_errno("the kernel refused to load the BPF programs", err,
                      "run with -vv to see why; a container or seccomp filter "
                      "may forbid bpf()");
  }
  if (err == ESRCH || err == ENOENT) {
    return fail(ErrorKind::unsupported,
                "the kernel's BTF is missing or lacks a type that is needed",
                "give the kernel's BTF with --btf FILE");
  }
  return std::unexpected(
      Error{ErrorKind::runtime, err,
            fmt::format("cannot load the BPF programs: error {}", err),
            "the end of the log: " + last_lines(log_tail(), 12)});
}

void set_autoload(bpf_program* program, bool load) {
  bpf_program__set_autoload(program, load);
}

void set_max_entries(bpf_map* map, std::uint32_t entries) {
  bpf_map__set_max_entries(map, entries);
}

int fd_of(const bpf_map* map) { return bpf_map__fd(map); }

int fd_of(const bpf_program* program) { return bpf_program__fd(program); }

Status put_bytes(const bpf_map* map, const void* key, const void* value) {
  if (bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY) == 0) {
    return {};
  }
  return fail_errno(fmt::format("cannot write map {}", bpf_map__name(map)));
}

void erase_bytes(const bpf_map* map, const void* key) {
  bpf_map_delete_elem(bpf_map__fd(map), key);
}

// The kernel hands over whole buckets: with the next key it would begin anew
// where the last one has just been deleted (generic_map_lookup_batch(),
// __htab_map_lookup_and_delete_batch(), kernel/bpf).
Status read_all_bytes(const bpf_map* map,
                      const std::function<void(const void* value)>& handler) {
  std::size_t value_size = bpf_map__value_size(map);
  std::size_t room = 64;
  __u64 cursor = 0;  // a bucket's number
  void* from = nullptr;
  for (;;) {
    std::vector<std::byte> keys(room * bpf_map__key_size(map));
    std::vector<std::byte> values(room * value_size);
    auto count = static_cast<__u32>(room);
    int result =
        bpf_map_lookup_batch(bpf_map__fd(map), from, &cursor, keys.data(),
                             values.data(), &count, nullptr);
    int err = result == 0 ? 0 : errno;
    // The next bucket alone holds more than there is room for.
    if (err == ENOSPC && room < bpf_map__max_entries(map)) {
      room *= 2;
      continue;
    }
    if (err != 0 && err != ENOENT) {
      return fail_errno(fmt::format("cannot read map {}", bpf_map__name(map)),
                        err);
    }
    for (std::size_t i = 0; i < count; ++i) {
      handler(values.data() + i * value_size);
    }
    if (err == ENOENT) return {};
    from = &cursor;
  }
}

Result<Link> attach(const bpf_program& program) {
  Link link(bpf_program__attach(&program));
  if (link) return link;
  return fail_errno(
      fmt::format("cannot attach {}", bpf_program__section_name(&program)));
}

Result<Link> attach_to_function(const bpf_program& program, int file,
                                std::uint64_t offset, bool at_return) {
  // The kernel follows the link to the file itself (kern_path).
  auto path = fmt::format("/proc/self/fd/{}", file);
  bpf_uprobe_opts options{};
  options.sz = sizeof(options);
  options.retprobe = at_return;
  Link link(bpf_program__attach_uprobe_opts(&program, -1, path.c_str(), offset,
                                            &options));
  int err = errno;
  if (link) return link;
  return fail_errno(
      fmt::format("cannot attach {}", bpf_program__section_name(&program)), err,
      err == EACCES ? "uprobes need CAP_SYS_ADMIN" : "");
}

bool can_trace_return(const char* function) {
  auto id = libbpf_find_vmlinux_btf_id(function, BPF_TRACE_FEXIT);
  if (id <= 0) return false;
  const std::array<bpf_insn, 2> nothing{{{.code = BPF_ALU64 | BPF_MOV | BPF_K,
                                          .dst_reg = 0,
                                          .src_reg = 0,
                                          .off = 0,
                                          .imm = 0},
                                         {.code = BPF_JMP | BPF_EXIT,
                                          .dst_reg = 0,
                                          .src_reg = 0,
                                          .off = 0,
                                          .imm = 0}}};
  bpf_prog_load_opts options{};
  options.sz = sizeof(options);
  options.expected_attach_type = BPF_TRACE_FEXIT;
  options.attach_btf_id = static_cast<__u32>(id);
  UniqueFd program(::bpf_prog_load(BPF_PROG_TYPE_TRACING, "probe", "GPL",
                                   nothing.data(), nothing.size(), &options));
  if (!program) return false;
  UniqueFd link(::bpf_raw_tracepoint_open(nullptr, program.get()));
  return static_cast<bool>(link);
}

std::uint64_t map_memory(const bpf_object& object) {
  std::uint64_t bytes = 0;
  const bpf_map* map = nullptr;
  bpf_object__for_each_map(map, &object) bytes += memory_of(bpf_map__fd(map));
  return bytes;
}

std::uint64_t recursion_misses(const bpf_program& program) {
  bpf_prog_info info{};
  __u32 size = sizeof(info);
  if (bpf_obj_get_info_by_fd(bpf_program__fd(&program), &info, &size) != 0) {
    return 0;
  }
  return info.recursion_misses;
}

}  // namespace sightline::bpf
