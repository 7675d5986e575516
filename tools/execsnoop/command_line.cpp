// SPDX-License-Identifier: Apache-2.0
#include "command_line.h"

#include <fmt/format.h>

#include <csignal>
#include <cstring>

#include "base/shell_quote.h"
#include "base/units.h"

namespace sightline::execsnoop {
namespace {

std::string remark(const std::string& text) { return " [" + text + "]"; }

// A login shell has a dash before its name.
bool goes_by_its_name(const Exec& exec) {
  if (exec.args.empty()) return false;
  std::string_view name = base_name(exec.args.front());
  if (name.starts_with('-')) name.remove_prefix(1);
  return name == base_name(exec.exe);
}

std::string about_file(const Exec& exec) {
  if (exec.error != 0) {
    bool shown = !exec.args.empty() && exec.args.front() == exec.file;
    return shown || exec.args.empty() ? "" : remark(exec.file);
  }
  if (goes_by_its_name(exec) && !exec.exe_deleted) return "";
  return remark(exec.exe + (exec.exe_deleted ? " (deleted)" : ""));
}

std::string about_omitted(const Exec& exec) {
  auto [args, bytes] = omitted(exec);
  std::string text;
  if (exec.args_unreadable) text += remark("arguments not in memory");
  if (args > 0) {
    text += remark(fmt::format("+{} arg{}, {}", format_count(args),
                               args == 1 ? "" : "s", format_bytes(bytes)));
  } else if (bytes > 0 && !exec.args_unreadable) {
    text += remark(fmt::format("+{} of the last", format_bytes(bytes)));
  }
  if (exec.args_cut) text += remark("arguments cut");
  if (exec.env_cut) text += remark("environment cut");
  return text;
}

std::string about_ancestors(const Exec& exec) {
  std::string chain;
  for (const auto& ancestor : exec.ancestors) {
    chain += fmt::format("{}{}({})", chain.empty() ? "" : " < ", ancestor.comm,
                         ancestor.pid);
  }
  return chain.empty() ? "" : remark("< " + chain);
}

}  // namespace

std::string command_line(const Exec& exec) {
  std::string line;
  for (const auto& variable : exec.env) {
    auto name = variable.substr(0, variable.find('='));
    auto value = std::string_view(variable).substr(
        std::min(name.size() + 1, variable.size()));
    line += fmt::format("{}={} ", name, shell_quote(value));
  }
  if (exec.args.empty()) return line + shell_quote(exec.file);
  return line + shell_command(exec.args);
}

std::string remarks(const Exec& exec, bool ancestry) {
  auto text = about_file(exec) + about_omitted(exec);
  if (exec.error != 0 && !exec.probes.empty()) {
    text += remark(fmt::format("in {} places", exec.probes.size() + 1));
  }
  return ancestry ? text + about_ancestors(exec) : text;
}

std::string outcome_text(const Life& life) {
  switch (life.outcome) {
    case Outcome::exited:
      return std::to_string(life.exit_code);
    case Outcome::killed:
      if (const char* name = ::sigabbrev_np(life.signal)) {
        return fmt::format("SIG{}", name);
      }
      return fmt::format("SIG{}", life.signal);
    case Outcome::replaced:
      return "exec";
    case Outcome::running:
      return "running";
    case Outcome::unknown:
      break;
  }
  return "?";
}

}  // namespace sightline::execsnoop
