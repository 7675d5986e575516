// SPDX-License-Identifier: Apache-2.0
// Why a frame has no name. An unnamed frame is never shown bare: each carries
// one of these.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sightline::symbol {

enum class Reason : std::uint8_t {
  none,                // it has a name
  not_mapped,          // no mapping of the process holds the address
  anonymous,           // memory without a file: JIT or generated code
  no_jit_map,          // generated code, and neither perf map nor jitdump
  jit_map_refused,     // the perf map is not the process's own, or no file
  jitdump_refused,     // the same of a jitdump, or it is none
  jitdump_clock,       // the jitdump's times are not of CLOCK_MONOTONIC
  mapping_changed,     // the range was unmapped or reused in the meantime
  records_lost,        // what was mapped there was lost on the way
  other_namespace,     // of a process outside the tool's PID namespace
  process_gone,        // exited before its mappings were read
  not_permitted,       // the file, or /proc of the process, may not be read
  file_gone,           // deleted, replaced, or in another mount namespace
  file_changed,        // written to after it was mapped
  too_many_files,      // no descriptor was left to open it with
  not_elf,             // not a regular ELF file of this machine's byte order
  corrupt,             // headers or tables contradict themselves or the file
  no_symbols,          // stripped
  no_covering_symbol,  // there is a symbol table, and nothing in it covers this
  no_debug_file,       // there is no separate debug file for it
  other_build,         // stripped, and the debug file is of another build
  not_served,          // no debuginfod server has a debug file for it
  served_wrong,        // a debuginfod server sent a file of another build
  server_failed,       // a debuginfod server failed or took too long
  kernel_hidden,       // kernel addresses are zeroed (kptr_restrict)
  stack_lost,          // the frames were lost on the way from the kernel
  stack_failed,        // the kernel could not walk the stack
  stack_cut,        // deeper than the limit: frames nearer the root are missing
  unwind_pending,   // what says how to walk it was not loaded yet
  unwind_left_out,  // there was no room for that
  unwind_unsupported,  // it says so in a way that is not understood
  stack_unreadable,    // the stack's memory, or it is not resident
  stack_not_code,      // where it should lead to there is no code
  idle,                // the CPU had nothing to do (time, not a sample)
  guest,               // the CPU ran a virtual machine's guest
  no_debug_info,       // no DWARF that says where the code comes from
  split_debug_info,    // it is left in .dwo files
  corrupt_debug_info,  // reading it ended the process that did
  debug_info_late,     // reading it took longer than it may
  debug_info_large,    // reading it took more memory than it may
  no_unwind_info,      // nothing says how a function finds its caller
  unwind_info_large,   // more of that than is read
  not_looked_up,       // left to who has the files (--raw)
  no_build_id,         // so that nobody can say which file it was
  not_here,            // this machine has not the file that a recording names
  other_file,          // it has one of another build in its place
};

// A short lower-case phrase for people ("stripped", "process exited"), fit to
// stand in brackets; empty for `none`. Never fails, thread-safe.
std::string_view text(Reason reason);

// Whether the name is only to be looked for on a machine that has the file.
bool is_for_elsewhere(Reason reason);

// The reason of a phrase that text() has given; nothing for another phrase.
std::optional<Reason> reason_of(std::string_view text);

}  // namespace sightline::symbol
