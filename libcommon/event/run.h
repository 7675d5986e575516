// SPDX-License-Identifier: Apache-2.0
// A run of a tool that shows events, as far as it is the same for all of them:
// targets, the command, the pace at which the ring is read, reports, the
// ledger, the end.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bpf/loss_ledger.h"
#include "cli/command.h"
#include "cli/document.h"
#include "cli/preflight.h"
#include "cli/session.h"
#include "container/cgroup.h"
#include "event/assembler.h"
#include "event/outputs.h"
#include "event/reader.h"

namespace sightline::event {

// The kernel half of a tool, loaded. Ends with the object.
class Source {
 public:
  virtual ~Source() = default;

  virtual Status start() = 0;
  // No event comes after this, but for those that are just on their way.
  virtual void stop() = 0;

  [[nodiscard]] virtual int ring() const = 0;
  // What the kernel half has counted. Fails with errno.
  [[nodiscard]] virtual Result<bpf::Ledger> ledger() const = 0;
  // A target has ended; its number may be given to another process.
  virtual void forget(int pid) = 0;
  // Kernel memory of all maps, in bytes.
  [[nodiscard]] virtual std::uint64_t map_memory() const = 0;

 protected:
  Source() = default;
  Source(const Source&) = default;
  Source& operator=(const Source&) = default;
};

// What views know of the run.
struct Context {
  cli::Origin origin = {};
  std::uint64_t start_ns = 0;  // CLOCK_MONOTONIC at origin.start_realtime_ns
  // The path of a cgroup that is known by its id.
  std::function<std::optional<std::string>(std::uint64_t)> cgroup_path = {};

  // Since the start, as all times are shown.
  [[nodiscard]] std::uint64_t since_start(std::uint64_t time_ns) const {
    return time_ns > start_ns ? time_ns - start_ns : 0;
  }
  // Its path, or that it is gone.
  [[nodiscard]] std::string cgroup_text(std::uint64_t id) const;
};

enum class ReportKind {
  interval,
  snapshot,  // what there is since the last interval, on request
  final,     // the whole run
};

// What a report is about.
struct Stretch {
  ReportKind kind = ReportKind::final;
  std::uint64_t from_ns = 0;  // since the start
  std::uint64_t to_ns = 0;
  bpf::Ledger ledger = {};
  // The whole run, whose intervals have been shown: only their sum is new.
  bool behind_intervals = false;

  [[nodiscard]] std::uint64_t length_ns() const { return to_ns - from_ns; }
};

struct RunSettings {
  std::string tool;
  std::string traces;  // "exec", for the banner
  const cli::CommonOptions& common;
  const std::vector<std::string>& command;
  std::vector<int> processes =
      {};  // that must live; the run ends with the last
  bool outlives_processes = false;  // it does not
  bool names = false;               // see cli::Needs
  std::uint64_t memlock_bytes = 0;  // what the BPF maps take
};

// To be derived from by a tool, which says what its events are. Not
// thread-safe; one per process.
class Run {
 public:
  virtual ~Run() = default;
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // Shows what happens until the end. Returns the exit status.
  Result<int> run();

 protected:
  // Make the session first of all, see cli/session.h.
  Run(RunSettings settings, cli::Session session);

  // Checks targets, then opens what the tool opens, then checks permission and
  // features, and loads: in that order. Nothing runs yet.
  Status open(std::span<char* const> argv, Context& context);

  void note(const std::string& text) const;
  // What is asked of this machine before load().
  [[nodiscard]] cli::Needs needs() const;

  // The tool's own. Outputs are opened first, then the kernel half is loaded;
  // `command_pid` is the held command, 0 without one.
  virtual Result<OutputSet*> open_outputs() = 0;
  virtual Result<Source*> load(pid_t command_pid) = 0;
  virtual void begin_outputs() = 0;
  virtual void take(const Pieces& pieces) = 0;
  // Before a portion of events: they have left the kernel by the first take().
  virtual void begin_portion() {}
  // What the tool reads beside the ring: descriptors that load() has opened, to
  // be watched for EPOLLIN, and what is done when one of them is readable. That
  // must consume what makes it so, or it is called again at once.
  [[nodiscard]] virtual std::vector<int> further_fds() const { return {}; }
  virtual Status read_further() { return {}; }
  // Capabilities (cap_value_t) that what load() has opened goes on needing,
  // beside cli::default_keep(); those that are not held are not gained.
  [[nodiscard]] virtual std::vector<int> further_capabilities() const {
    return {};
  }
  // At each tick and at the end: what has waited for more.
  virtual Status settle() { return {}; }
  // What user space has left out of what came in, which of what it delivered
  // lacks a record (Pieces::whole), and how much that is.
  virtual void count_left_out(bpf::Ledger& ledger) const = 0;
  [[nodiscard]] virtual std::uint64_t delivered() const = 0;
  // Events that user space keeps back for now.
  [[nodiscard]] virtual std::uint64_t held() const { return 0; }
  // Events that came in and have not ended yet. Fails with errno.
  virtual Result<std::uint64_t> pending() { return 0; }
  // At the end of all: what is still open is shown as it is.
  virtual Status end_pending() { return {}; }
  // Writes a report.
  virtual Status show(const Stretch& stretch) = 0;

 private:
  Status watch_targets();
  Status prepare();
  Status start();
  Result<int> trace();
  void banner() const;
  Status pump();
  Status tick();
  void forget_ended_targets();
  void say_losses(const bpf::Ledger& ledger) const;
  Result<bpf::Ledger> ledger_now();
  Status report(ReportKind kind);
  Status drain();
  Result<int> finish(const cli::End& end);
  [[nodiscard]] cli::SessionSettings session_settings() const;

  RunSettings settings_;
  cli::Session session_;
  Context* context_ = nullptr;
  std::vector<UniqueFd> targets_;  // pidfds of settings_.processes
  std::optional<cli::Command> command_;
  Source* source_ = nullptr;
  OutputSet* outputs_ = nullptr;
  std::unique_ptr<Reader> reader_;
  std::optional<container::CgroupNames> cgroups_;
  Assembler assembler_;
  bpf::Ledger mark_ledger_;  // at the end of the last interval
  std::uint64_t mark_ns_ = 0;
  std::uint64_t mark_delivered_ = 0;
};

}  // namespace sightline::event
