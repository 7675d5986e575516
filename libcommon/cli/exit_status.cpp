// SPDX-License-Identifier: Apache-2.0
#include "cli/exit_status.h"

#include <array>

namespace sightline::cli {
namespace {

constexpr std::array<ExitMeaning, 9> meanings{{
    {status_done, "done"},
    {status_runtime, "failed at run time"},
    {status_usage, "wrong usage"},
    {status_permission, "not permitted"},
    {status_unsupported, "not supported by this kernel or hardware"},
    {status_loss, "more lost than --max-loss allows"},
    {status_command_failed, "the tool itself failed"},
    {status_not_executable, "command not executable"},
    {status_not_found, "command not found"},
}};
constexpr std::size_t without_command = 6;

}  // namespace

int exit_status(const Error& error) {
  switch (error.kind) {
    case ErrorKind::usage:
      return status_usage;
    case ErrorKind::permission:
      return status_permission;
    case ErrorKind::unsupported:
      return status_unsupported;
    case ErrorKind::runtime:
      break;
  }
  return status_runtime;
}

std::span<const ExitMeaning> exit_meanings(bool takes_command) {
  std::span<const ExitMeaning> all(meanings);
  return takes_command ? all : all.first(without_command);
}

}  // namespace sightline::cli
