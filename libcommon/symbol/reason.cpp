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
    case Reason::not_elf:
      return "not an ELF file";
    case Reason::corrupt:
      return "corrupt file";
    case Reason::no_symbols:
      return "stripped";
    case Reason::no_covering_symbol:
      return "no covering symbol";
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
    case Reason::idle:
      return "idle";
    case Reason::guest:
      return "guest";
  }
  return "unknown";
}

}  // namespace sightline::symbol
