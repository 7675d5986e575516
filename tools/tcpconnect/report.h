// SPDX-License-Identifier: Apache-2.0
// What the views show: rows as they come, and reports of a stretch of time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "base/histogram.h"
#include "connect.h"
#include "event/outputs.h"
#include "event/run.h"
#include "event/tally.h"
#include "options.h"

namespace sightline::tcpconnect {

struct Setup : event::Context {
  explicit Setup(const Options& options_) : options(options_) {}
  const Options& options;
};

// Rows, or what would be rows.
struct Counts {
  std::uint64_t established = 0;
  std::uint64_t failed = 0;
  std::uint64_t pending = 0;

  [[nodiscard]] std::uint64_t all() const {
    return established + failed + pending;
  }
  Counts& operator+=(const Counts& more);
};

// `systemd;sshd;curl;10.0.0.1:443 COUNT`; what failed ends in why, as in
// `curl;10.0.0.1:443 [refused]`.
class FoldedConnects {
 public:
  void add(const Connect& connect);
  [[nodiscard]] std::string text() const { return counts_.text(); }
  void clear() { counts_.clear(); }

 private:
  event::FoldedCounts counts_;
};

// What became of all attempts of one destination, or of all there are.
struct Total {
  std::uint64_t count = 0;
  std::array<std::uint64_t, outcomes> by_outcome = {};
  std::uint64_t retransmits = 0;
  Histogram latencies_ns = {};  // of connections

  void add(const Connect& connect);
  void add(const Total& other);
  [[nodiscard]] std::uint64_t failed() const;
};

// Totals of --summary and --hist.
struct Summary {
  Total all = {};
  event::Tally<Total> by_destination = event::Tally<Total>();
  std::array<Histogram, outcomes> latencies_ns = {};  // by outcome

  void add(const Connect& connect);
  void clear() { *this = Summary(); }
};

// All since the end of the last interval.
struct Totals {
  Counts counts = {};
  Summary summary = {};        // with --summary or --hist
  FoldedConnects folded = {};  // with folded output
};

struct Report : event::Stretch {
  Counts counts = {};
  const Summary* summary = nullptr;  // with --summary or --hist
  const FoldedConnects* folded = nullptr;

  // With those that --failed leaves out.
  [[nodiscard]] std::uint64_t attempts() const {
    return counts.all() + ledger[LEDGER_not_failed];
  }
};

// `1 attempt`, `337 attempts`.
std::string attempts_text(const Report& report);

// One output; its text is made of what it is told. A view without a row format
// gives no text for rows. A view of reports gives all of its document in
// report(), and its end in end() only.
class View {
 public:
  virtual ~View() = default;
  virtual std::string begin() = 0;
  virtual std::string row(const Connect& connect) = 0;
  // One that is pending at a snapshot, and will be a row when it has ended.
  virtual std::string pending(const Connect&) { return {}; }
  virtual std::string report(const Report& report) = 0;
};

std::unique_ptr<View> make_table_view(const Setup& setup,
                                      const event::ViewSettings& settings);
std::unique_ptr<View> make_summary_view(const Setup& setup,
                                        const event::ViewSettings& settings);
std::unique_ptr<View> make_json_view(const Setup& setup);
std::unique_ptr<View> make_folded_view();

}  // namespace sightline::tcpconnect
