// SPDX-License-Identifier: Apache-2.0
#include "bpf/kernel_features.h"

#include <bpf/btf.h>
#include <unistd.h>

#include <fstream>
#include <memory>

namespace sightline::bpf {
namespace {

struct BtfCloser {
  void operator()(btf* types) const { btf__free(types); }
};
using Btf = std::unique_ptr<btf, BtfCloser>;

Btf load_btf(const std::string& file) {
  return Btf(file.empty() ? btf__load_vmlinux_btf()
                          : btf__parse(file.c_str(), nullptr));
}

}  // namespace

// typedef void (*btf_trace_NAME)(void*, ...); the first argument is not the
// tracepoint's.
std::optional<int> tracepoint_arguments(const std::string& name,
                                        const std::string& btf_file) {
  auto types = load_btf(btf_file);
  if (!types) return std::nullopt;
  auto id = btf__find_by_name_kind(types.get(), ("btf_trace_" + name).c_str(),
                                   BTF_KIND_TYPEDEF);
  if (id <= 0) return std::nullopt;
  const auto* type = btf__type_by_id(types.get(), static_cast<__u32>(id));
  type = btf__type_by_id(types.get(), type->type);
  if (type == nullptr || !btf_is_ptr(type)) return std::nullopt;
  type = btf__type_by_id(types.get(), type->type);
  if (type == nullptr || !btf_is_func_proto(type)) return std::nullopt;
  return btf_vlen(type) - 1;
}

bool has_member(const std::string& type, const std::string& member,
                const std::string& btf_file) {
  auto types = load_btf(btf_file);
  if (!types) return false;
  auto id = btf__find_by_name_kind(types.get(), type.c_str(), BTF_KIND_STRUCT);
  if (id <= 0) return false;
  const auto* found = btf__type_by_id(types.get(), static_cast<__u32>(id));
  const auto* members = btf_members(found);
  for (int i = 0; i < btf_vlen(found); ++i) {
    if (member == btf__name_by_offset(types.get(), members[i].name_off)) {
      return true;
    }
  }
  return false;
}

bool has_own_btf() { return ::access("/sys/kernel/btf/vmlinux", R_OK) == 0; }

bool has_kprobes() {
  return ::access("/sys/bus/event_source/devices/kprobe/type", R_OK) == 0;
}

std::string kernel_function(const std::string& name) {
  std::ifstream symbols("/proc/kallsyms");
  std::string address;
  std::string kind;
  std::string symbol;
  std::string rest;
  std::string found;
  while (symbols >> address >> kind >> symbol && std::getline(symbols, rest)) {
    if (kind != "t" && kind != "T") continue;
    bool same = symbol == name || symbol.starts_with(name + ".isra.") ||
                symbol.starts_with(name + ".constprop.");
    if (!same) continue;
    if (!found.empty()) return {};
    found = symbol;
  }
  return found;
}

}  // namespace sightline::bpf
