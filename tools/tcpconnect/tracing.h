// SPDX-License-Identifier: Apache-2.0
// The kernel half of tcpconnect, loaded with what the options ask for.
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
#include "tcpconnect.h"

struct tcpconnect_bpf;

namespace sightline::tcpconnect {

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
  void forget(int pid) override;
  [[nodiscard]] std::uint64_t map_memory() const override;

  // Attempts that have not been reported. Fails with errno.
  [[nodiscard]] Result<std::vector<connect_record>> open_attempts() const;
  // Their parents, by the same header; none where they are not wanted. Fails
  // with errno.
  [[nodiscard]] Result<std::vector<connect_ancestry>> open_ancestries() const;

  // How failures that the socket does not show are seen, for -v.
  [[nodiscard]] std::string_view failures() const;

 private:
  Tracing();
  void choose_failures(const Options& options);
  void configure(const Options& options);
  Status fill(const Options& options);
  [[nodiscard]] std::uint64_t failures_missed() const;
  Status attach(const bpf_program* program);

  struct SkeletonCloser {
    void operator()(tcpconnect_bpf* skeleton) const;
  };
  std::unique_ptr<tcpconnect_bpf, SkeletonCloser> skeleton_;
  std::vector<bpf::Link> links_;
  bpf::FilterChoice filters_;
  bool by_functions_ = false;
};

}  // namespace sightline::tcpconnect
