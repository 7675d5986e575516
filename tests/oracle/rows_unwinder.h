// SPDX-License-Identifier: Apache-2.0
// Our walk by the kernel half's rows, over a process that stands still under
// ptrace. Needs the right to make maps.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "process/objects.h"
#include "process/table.h"
#include "unwind/loader.h"
#include "unwind/real_maps.h"
#include "unwind/store_view.h"
#include "unwind/walker.h"

namespace sightline::oracle {

class RowsUnwinder {
 public:
  // Null, with errno, without that right.
  static std::unique_ptr<RowsUnwinder> open();

  // The chain of a stopped thread, itself first; interrupted addresses are one
  // more. The first call reads what the process has mapped: it must have loaded
  // all that it will run.
  std::vector<std::uint64_t> walk(pid_t pid);

 private:
  explicit RowsUnwinder(unwind::testing::RealMaps maps)
      : maps_(std::move(maps)), table_(objects_) {}
  void load(pid_t pid);

  unwind::testing::RealMaps maps_;
  process::Objects objects_;
  process::Table table_;
  std::unique_ptr<unwind::Loader> loader_;
  std::optional<unwind::StoreView> view_;
  std::optional<unwind::Walker> walker_;
};

}  // namespace sightline::oracle
