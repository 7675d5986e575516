// SPDX-License-Identifier: Apache-2.0
// The kernel half of execsnoop, loaded with what the options ask for.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "bpf/filters.h"
#include "bpf/loss_ledger.h"
#include "bpf/object.h"
#include "event/run.h"
#include "options.h"

struct execsnoop_bpf;

namespace sightline::execsnoop {

// Move-only; not thread-safe. Everything ends with it.
class Tracing : public event::Source {
 public:
  // Loads the programs; nothing runs yet. `command_pid` is the held command, 0
  // without one.
  static Result<Tracing> open(const Options& options, pid_t command_pid);

  Tracing(Tracing&&) noexcept;
  Tracing& operator=(Tracing&&) noexcept;
  ~Tracing() override;

  Status start() override;
  void stop() override { links_.clear(); }

  [[nodiscard]] int ring() const override;
  [[nodiscard]] Result<bpf::Ledger> ledger() const override;

  // A process of -p or --parent has ended; its number may be given to another.
  void forget(int pid) override;

  // How failures are seen, for -v.
  [[nodiscard]] std::string_view failures() const;
  [[nodiscard]] std::uint64_t map_memory() const override;

 private:
  enum class Failures { left_out, function_returns, system_calls };

  Tracing();
  void choose_failures(const Options& options);
  void configure(const Options& options);
  Status attach(const bpf_program* program);
  Status follow_trees();
  [[nodiscard]] std::uint64_t failures_missed() const;

  struct SkeletonCloser {
    void operator()(execsnoop_bpf* skeleton) const;
  };
  std::unique_ptr<execsnoop_bpf, SkeletonCloser> skeleton_;
  std::vector<bpf::Link> links_;
  bpf::FilterChoice filters_;
  std::vector<std::uint32_t> trees_;
  Failures failures_ = Failures::left_out;
  bool exits_ = false;
};

}  // namespace sightline::execsnoop
