// SPDX-License-Identifier: Apache-2.0
// JSON Lines, schema 1: every key is described in docs/schema.md.
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/error.h"
#include "command_line.h"
#include "event/json_report.h"
#include "output/json.h"
#include "process/users.h"
#include "report.h"

namespace sightline::execsnoop {
namespace {

using output::Json;
using output::put_absent;
using output::put_text;
using output::put_texts;
using output::to_line;

constexpr auto failed_exec = "the exec failed";

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::exited:
      return "exited";
    case Outcome::killed:
      return "killed";
    case Outcome::replaced:
      return "replaced";
    case Outcome::running:
      return "running";
    case Outcome::unknown:
      break;
  }
  return "unknown";
}

// Why there is no status, or no signal, of a program that ended so.
const char* without(Outcome outcome) {
  switch (outcome) {
    case Outcome::exited:
      return "it exited";
    case Outcome::killed:
      return "a signal ended it";
    case Outcome::replaced:
      return "it executed another program";
    case Outcome::running:
      return "still running";
    case Outcome::unknown:
      break;
  }
  return "its end was not seen";
}

void put_exit(Json& record, const Life& life) {
  if (life.outcome == Outcome::exited) {
    record["exit_code"] = life.exit_code;
  } else {
    put_absent(record, "exit_code", without(life.outcome));
  }
}

void put_signal(Json& record, const Life& life) {
  if (life.outcome != Outcome::killed) {
    for (const auto* key : {"signal", "signal_name", "core_dumped"}) {
      put_absent(record, key, without(life.outcome));
    }
    return;
  }
  record["signal"] = life.signal;
  if (const char* name = ::sigabbrev_np(life.signal)) {
    record["signal_name"] = std::string("SIG") + name;
  } else {
    put_absent(record, "signal_name", "it has none");
  }
  record["core_dumped"] = life.core_dumped;
}

void put_life(Json& record, const Life& life) {
  record["outcome"] = outcome_name(life.outcome);
  put_exit(record, life);
  put_signal(record, life);
  bool unknown = life.outcome == Outcome::unknown;
  const auto* reason = without(life.outcome);
  if (unknown) {
    put_absent(record, "wall_ns", reason);
  } else {
    record["wall_ns"] = life.wall_ns;
  }
  if (unknown || life.outcome == Outcome::running) {
    put_absent(record, "user_ns", reason);
    put_absent(record, "system_ns", reason);
  } else {
    record["user_ns"] = life.user_ns;
    record["system_ns"] = life.system_ns;
  }
  if (life.max_rss_bytes) {
    record["max_rss_bytes"] = *life.max_rss_bytes;
  } else {
    put_absent(record, "max_rss_bytes", "the process has not ended");
  }
}

void put_program(Json& record, const Exec& exec) {
  put_text(record, "file", exec.file);
  if (exec.error != 0) {
    put_absent(record, "exe", failed_exec);
    put_absent(record, "exe_deleted", failed_exec);
    put_absent(record, "interpreter", failed_exec);
    return;
  }
  put_text(record, "exe", exec.exe);
  record["exe_deleted"] = exec.exe_deleted;
  if (exec.interpreter.empty()) {
    put_absent(record, "interpreter", "the file is the program");
  } else {
    put_text(record, "interpreter", exec.interpreter);
  }
}

void put_args(Json& record, const Exec& exec) {
  auto [args, bytes] = omitted(exec);
  put_texts(record, "args", exec.args);
  record["args_count"] = exec.args_count;
  record["args_omitted"] = args;
  if (exec.args_cut) {
    put_absent(record, "args_bytes", "nobody read them all");
    put_absent(record, "args_omitted_bytes", "nobody read them all");
  } else {
    record["args_bytes"] = exec.args_bytes;
    record["args_omitted_bytes"] = bytes;
  }
  record["args_cut"] = lacks_args(exec);
  record["args_unreadable"] = exec.args_unreadable;
  put_text(record, "command_line", command_line(exec));
}

Json probe_records(const Exec& exec) {
  auto probes = Json::array();
  for (const auto& probe : exec.probes) {
    Json record;
    put_text(record, "file", probe.file);
    record["error"] = error_name(probe.error);
    probes.push_back(std::move(record));
  }
  return probes;
}

Json ancestor_records(const Exec& exec) {
  auto ancestors = Json::array();
  for (const auto& ancestor : exec.ancestors) {
    Json record{{"pid", ancestor.pid}};
    put_text(record, "comm", ancestor.comm);
    ancestors.push_back(std::move(record));
  }
  return ancestors;
}

Json tally_records(const event::Tally<>& tally, const char* key) {
  auto records = Json::array();
  for (const auto& [name, total] : tally.ranked()) {
    Json record;
    put_text(record, key, name);
    record["count"] = total->count;
    record["failed"] = total->failed;
    record["ended"] = total->durations_ns.count();
    for (int share : {50, 90, 99}) {
      auto name_of_share = "lifetime_p" + std::to_string(share) + "_ns";
      if (total->durations_ns.count() > 0) {
        record[name_of_share] = total->durations_ns.percentile(share);
      } else {
        put_absent(record, name_of_share, "none has ended");
      }
    }
    records.push_back(std::move(record));
  }
  return records;
}

class JsonView : public View {
 public:
  explicit JsonView(const Setup& setup) : setup_(setup) {}

  std::string begin() override {
    auto record = cli::begin_record("execsnoop", setup_.origin);
    record["max_args_bytes"] = setup_.options.most_args;
    record["lifetime"] = setup_.options.lifetime;
    return to_line(record);
  }

  std::string row(const Exec& exec) override {
    Json record{{"type", "event"},
                {"event", "exec"},
                {"time_ns", setup_.since_start(exec.time_ns)},
                {"pid", exec.pid},
                {"parent_pid", exec.parent},
                {"tid", exec.thread},
                {"from_other_thread", exec.from_other_thread},
                {"uid", exec.uid}};
    put_text(record, "user", users_.of(exec.uid));
    put_text(record, "comm", exec.comm);
    put_text(record, "parent_comm", exec.parent_comm);
    put_cgroup(record, exec);
    put_error(record, exec);
    put_program(record, exec);
    put_args(record, exec);
    put_surroundings(record, exec);
    if (exec.life) put_life(record, *exec.life);
    return to_line(record);
  }

  std::string report(const Report& report) override {
    event::JsonReport::Put totals;
    if (report.summary != nullptr) {
      totals = [&](Json& record) { put_summary(record, *report.summary); };
    }
    return report_.lines(
        report, [&](Json& record) { put_counts(record, report); }, totals);
  }

 private:
  void put_cgroup(Json& record, const Exec& exec) const {
    record["cgroup_id"] = output::hex_string(exec.cgroup);
    if (auto path = setup_.cgroup_path(exec.cgroup)) {
      put_text(record, "cgroup", *path);
    } else {
      put_absent(record, "cgroup", "gone before it was looked up");
    }
  }

  static void put_error(Json& record, const Exec& exec) {
    record["errno"] = exec.error;
    if (exec.error != 0) {
      record["error"] = error_name(exec.error);
      record["compat"] = exec.compat;
    } else {
      put_absent(record, "error", "the exec succeeded");
      put_absent(record, "compat", "known of failures only");
    }
    record["probes"] = probe_records(exec);
  }

  void put_surroundings(Json& record, const Exec& exec) const {
    const auto& options = setup_.options;
    put_text(record, "cwd", exec.cwd);
    if (exec.tty.empty()) {
      put_absent(record, "tty", "the process has none");
    } else {
      put_text(record, "tty", exec.tty);
    }
    if (!options.env.empty()) {
      put_texts(record, "env", exec.env);
      record["env_cut"] = exec.env_cut;
    }
    if (options.needs_ancestry()) {
      record["ancestors"] = ancestor_records(exec);
    }
  }

  static void put_counts(Json& record, const Report& report) {
    record["execs"] = report.succeeded;
    record["failed"] = report.failed;
    record["delivered"] = report.delivered;
  }

  static void put_summary(Json& record, const Summary& summary) {
    record["by_command"] = tally_records(summary.by_command, "command");
    record["by_parent"] = tally_records(summary.by_parent, "parent");
    record["by_cgroup"] = tally_records(summary.by_cgroup, "cgroup");
  }

  const Setup& setup_;
  process::UserNames users_;
  event::JsonReport report_;
};

}  // namespace

std::unique_ptr<View> make_json_view(const Setup& setup) {
  return std::make_unique<JsonView>(setup);
}

}  // namespace sightline::execsnoop
