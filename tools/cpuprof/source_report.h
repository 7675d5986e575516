// SPDX-License-Identifier: Apache-2.0
// What a person sees of the reading of debug information: how far it is, and
// what was wrong with which file.
#pragma once

#include <set>
#include <utility>

#include "cli/progress.h"
#include "options.h"
#include "stack/names.h"

namespace sightline::cpuprof {

// Not thread-safe; `options` must outlive it, and it the names that use it.
class SourceReport {
 public:
  explicit SourceReport(const Options& options) : options_(options) {}

  // To read what is wanted, and say how far that is.
  [[nodiscard]] stack::SourceSettings settings(symbol::SourceWanted wanted);

  // After names were resolved: each problem of each file once. That there is
  // simply none is for -v.
  void say_problems(const stack::Names& names);

 private:
  const Options& options_;
  cli::Progress progress_;
  std::set<std::pair<process::ObjectId, symbol::Reason>> said_;
};

}  // namespace sightline::cpuprof
