// SPDX-License-Identifier: Apache-2.0
#include "symbol/reason.h"

namespace sightline::symbol {

std::string_view text(Reason reason) {
  switch (reason) {
    case Reason::none:
      return "";
    case Reason::not_mapped:
      return "not mapped";
    case Reason::anonymous:
      return "generated code";
    case Reason::no_jit_map:
      return "generated code without a perf map";
    case Reason::jit_map_refused:
      return "perf map not trusted";
    case Reason::jitdump_refused:
      return "jitdump not trusted";
    case Reason::jitdump_clock:
      return "jitdump with another clock";
    case Reason::mapping_changed:
      return "mapping changed";
    case Reason::other_namespace:
      return "outside this PID namespace";
    case Reason::process_gone:
      return "process exited";
    case Reason::not_permitted:
      return "not permitted";
    case Reason::file_gone:
      return "file gone";
    case Reason::file_changed:
      return "file changed";
    case Reason::not_elf:
      return "not an ELF file";
    case Reason::corrupt:
      return "corrupt file";
    case Reason::no_symbols:
      return "stripped";
    case Reason::no_covering_symbol:
      return "no covering symbol";
    case Reason::no_debug_file:
      return "no debug file";
    case Reason::other_build:
      return "stripped, debug file of another build";
    case Reason::not_served:
      return "no debuginfod server has it";
    case Reason::served_wrong:
      return "debuginfod sent another build";
    case Reason::server_failed:
      return "debuginfod gave no answer";
    case Reason::kernel_hidden:
      return "hidden by kptr_restrict";
    case Reason::stack_lost:
      return "stack lost";
    case Reason::stack_failed:
      return "stack not readable";
    case Reason::stack_cut:
      return "stack cut";
    case Reason::unwind_pending:
      return "unwind information not loaded";
    case Reason::unwind_left_out:
      return "no room for unwind information";
    case Reason::unwind_unsupported:
      return "unwind rule not supported";
    case Reason::stack_unreadable:
      return "stack memory not readable";
    case Reason::stack_not_code:
      return "no code at return address";
    case Reason::idle:
      return "idle";
    case Reason::guest:
      return "guest";
    case Reason::no_debug_info:
      return "no debug information";
    case Reason::split_debug_info:
      return "debug information in .dwo files";
    case Reason::corrupt_debug_info:
      return "corrupt debug information";
    case Reason::debug_info_late:
      return "debug information took too long";
    case Reason::debug_info_large:
      return "debug information too large";
    case Reason::no_unwind_info:
      return "no unwind information";
    case Reason::unwind_info_large:
      return "unwind information too large";
  }
  return "unknown";
}

}  // namespace sightline::symbol
