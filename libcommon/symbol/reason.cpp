// SPDX-License-Identifier: Apache-2.0
#include "symbol/reason.h"

#include <algorithm>
#include <iterator>

namespace sightline::symbol {
namespace {

struct Entry {
  Reason reason;
  std::string_view text;
};

constexpr Entry entries[] = {
    {Reason::none, ""},
    {Reason::not_mapped, "not mapped"},
    {Reason::anonymous, "generated code"},
    {Reason::no_jit_map, "generated code without a perf map"},
    {Reason::jit_map_refused, "perf map not trusted"},
    {Reason::jitdump_refused, "jitdump not trusted"},
    {Reason::jitdump_clock, "jitdump with another clock"},
    {Reason::mapping_changed, "mapping changed"},
    {Reason::records_lost, "mapping records lost"},
    {Reason::other_namespace, "outside this PID namespace"},
    {Reason::process_gone, "process exited"},
    {Reason::not_permitted, "not permitted"},
    {Reason::file_gone, "file gone"},
    {Reason::file_changed, "file changed"},
    {Reason::too_many_files, "too many open files"},
    {Reason::not_elf, "not an ELF file"},
    {Reason::corrupt, "corrupt file"},
    {Reason::no_symbols, "stripped"},
    {Reason::no_covering_symbol, "no covering symbol"},
    {Reason::no_debug_file, "no debug file"},
    {Reason::other_build, "stripped, debug file of another build"},
    {Reason::not_served, "no debuginfod server has it"},
    {Reason::served_wrong, "debuginfod sent another build"},
    {Reason::server_failed, "debuginfod gave no answer"},
    {Reason::kernel_hidden, "hidden by kptr_restrict"},
    {Reason::stack_lost, "stack lost"},
    {Reason::stack_failed, "stack not readable"},
    {Reason::stack_cut, "stack cut"},
    {Reason::unwind_pending, "unwind information not loaded"},
    {Reason::unwind_left_out, "no room for unwind information"},
    {Reason::unwind_unsupported, "unwind rule not supported"},
    {Reason::stack_unreadable, "stack memory not readable"},
    {Reason::stack_not_code, "no code at return address"},
    {Reason::idle, "idle"},
    {Reason::guest, "guest"},
    {Reason::no_debug_info, "no debug information"},
    {Reason::split_debug_info, "debug information in .dwo files"},
    {Reason::corrupt_debug_info, "corrupt debug information"},
    {Reason::debug_info_late, "debug information took too long"},
    {Reason::debug_info_large, "debug information too large"},
    {Reason::no_unwind_info, "no unwind information"},
    {Reason::unwind_info_large, "unwind information too large"},
    {Reason::not_looked_up, "not looked up"},
    {Reason::no_build_id, "no build-id"},
    {Reason::not_here, "not on this machine"},
    {Reason::other_file, "another build on this machine"},
};

}  // namespace

std::string_view text(Reason reason) {
  const auto* at = std::ranges::find(entries, reason, &Entry::reason);
  return at == std::end(entries) ? "unknown" : at->text;
}

bool is_for_elsewhere(Reason reason) {
  return reason == Reason::not_looked_up || reason == Reason::no_build_id ||
         reason == Reason::not_here || reason == Reason::other_file;
}

std::optional<Reason> reason_of(std::string_view text) {
  const auto* at = std::ranges::find(entries, text, &Entry::text);
  if (at == std::end(entries)) return std::nullopt;
  return at->reason;
}

}  // namespace sightline::symbol
