// SPDX-License-Identifier: Apache-2.0
// What a report shows, and the views that show it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "bpf/loss_ledger.h"
#include "cli/document.h"
#include "options.h"
#include "output/sink.h"
#include "stack/names.h"
#include "stack/profile.h"
#include "stack/rank.h"
#include "waits.h"

namespace sightline::offcpu {

enum class ReportKind {
  snapshot,  // everything so far, on request
  final,
};

struct Measurement {
  const cli::Origin& origin;
  const std::vector<std::string>& by;  // what is counted apart
  std::uint64_t length_ns;
  const bpf::Ledger& ledger;
  const Waits& waits;
  const stack::Profile& profile;  // weights in nanoseconds
  const stack::Names& names;
  // What stacks are filed under, as --by says (by command without it).
  stack::Labeller labels;
};

class View {
 public:
  virtual ~View() = default;
  virtual Status show(const Measurement& measurement, ReportKind kind,
                      output::Sink& sink) = 0;
};

struct ViewSettings {
  std::size_t rows = 20;
  std::string sort;       // "total", "count" or "longest"
  std::size_t width = 0;  // columns, 0 for as many as it takes
  bool color = false;
  bool whole = false;  // each report is a document of its own
};

std::unique_ptr<View> make_table_view(const ViewSettings& settings);
std::unique_ptr<View> make_folded_view();
std::unique_ptr<View> make_json_view(const ViewSettings& settings);

// All outputs of a run, opened before anything is attached.
class Reports {
 public:
  static Result<Reports> open(const Options& options);

  // Writes a report to each output, also where another one failed; then the
  // first failure is returned and the others are said.
  Status write(const Measurement& measurement, ReportKind kind);

  // The only output, to watch for its reader; -1 when there are more, or when
  // it is a file.
  [[nodiscard]] int watched_fd() const;
  // An output file has still to be put in place.
  [[nodiscard]] bool replaces_files() const;
  // Nobody is left to write for.
  [[nodiscard]] bool readers_gone() const;
  // Folded lines have no place for the ledger: it goes to stderr, also when
  // `quiet` if something is missing.
  void say_losses(const bpf::Ledger& ledger, bool quiet) const;

 private:
  struct Output {
    output::Sink sink;
    std::unique_ptr<View> view;

    Status write(const Measurement& measurement, ReportKind kind);
  };
  std::vector<Output> outputs_;
};

}  // namespace sightline::offcpu
