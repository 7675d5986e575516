// SPDX-License-Identifier: Apache-2.0
// Where reports go and in which format: the tool's outputs over a run.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "measurement.h"
#include "options.h"
#include "output/sink.h"

namespace sightline::cpuprof {

enum class ReportKind {
  interval,  // one of several, each on its own
  snapshot,  // everything so far, on request
  final,
};

// One output. Views keep their own state from report to report.
class View {
 public:
  virtual ~View() = default;
  virtual Status show(const Measurement& measurement, ReportKind kind,
                      output::Sink& sink) = 0;
};

struct ViewSettings {
  std::size_t rows = 10;
  std::string sort;       // "self", "total", or both
  std::size_t width = 0;  // columns, 0 for as many as it takes
  bool color = false;
  bool whole = false;  // each report is a document of its own
  bool icicle = false;
};

std::unique_ptr<View> make_table_view(const ViewSettings& settings);
std::unique_ptr<View> make_folded_view();
std::unique_ptr<View> make_json_view(const ViewSettings& settings);
std::unique_ptr<View> make_pprof_view();
std::unique_ptr<View> make_svg_view(const ViewSettings& settings);

// All outputs of a run, opened before anything is attached.
class Reports {
 public:
  static Result<Reports> open(const Options& options);

  // Writes a report to each output. A reader that went away is no failure.
  Status write(const Measurement& measurement, ReportKind kind);

  // The only output, to watch for its reader; -1 when there are more, or when
  // it is a file.
  [[nodiscard]] int watched_fd() const;
  // An output file has still to be put in place.
  [[nodiscard]] bool replaces_files() const;
  // One output is collapsed stacks.
  [[nodiscard]] bool writes_folded() const;
  // Folded lines have no place for the ledger: it goes to stderr, also when
  // `quiet` if something is missing.
  void say_losses(const bpf::Ledger& ledger, bool quiet) const;
  // Nobody is left to write for.
  [[nodiscard]] bool readers_gone() const;

 private:
  struct Output {
    output::Sink sink;
    std::unique_ptr<View> view;
    std::string pattern = {};  // of files that get one report each, else empty
    std::uint64_t number = 1;  // of the next
    bool used = false;         // that file has a report

    Status write(const Measurement& measurement, ReportKind kind);
    Status open_next();
    [[nodiscard]] bool skips(ReportKind kind) const;
  };
  std::vector<Output> outputs_;
};

}  // namespace sightline::cpuprof
