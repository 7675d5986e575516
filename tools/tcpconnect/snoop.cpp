// SPDX-License-Identifier: Apache-2.0
#include "snoop.h"

#include <fmt/format.h>
#include <sys/capability.h>

#include <utility>

#include "base/clock.h"
#include "base/text.h"
#include "base/units.h"
#include "bpf/log.h"
#include "cli/preflight.h"
#include "cli/program.h"
#include "decode.h"

namespace sightline::tcpconnect {
namespace {

// What the BPF maps take: for RLIMIT_MEMLOCK.
constexpr std::uint64_t memlock_needed = 8U << 20;
constexpr std::uint64_t memlock_of_ancestry = 16U << 20;

event::RunSettings settings_of(const Options& options) {
  return {
      .tool = "tcpconnect",
      .traces = "TCP connects",
      .common = options.common,
      .command = options.command,
      .processes = options.common.pids,
      .names = options.dns,
      .memlock_bytes = memlock_needed +
                       (options.needs_ancestry() ? memlock_of_ancestry : 0)};
}

std::unique_ptr<View> view_for(const Setup& setup,
                               const event::ViewSettings& settings) {
  switch (settings.format) {
    case output::Format::json:
      return make_json_view(setup);
    case output::Format::folded:
      return make_folded_view();
    default:
      return setup.options.only_reports() ? make_summary_view(setup, settings)
                                          : make_table_view(setup, settings);
  }
}

}  // namespace

Snoop::Snoop(const Options& options, cli::Session session)
    : Run(settings_of(options), std::move(session)),
      options_(options),
      setup_(options) {}

Result<std::unique_ptr<Snoop>> Snoop::open(const Options& options,
                                           std::span<char* const> argv) {
  bpf::capture_log();
  auto session = SL_TRY(cli::Session::open());
  std::unique_ptr<Snoop> snoop(new Snoop(options, std::move(session)));
  SL_CHECK(snoop->Run::open(argv, snoop->setup_));
  return snoop;
}

Result<event::OutputSet*> Snoop::open_outputs() {
  auto is_report = [this](output::Format format) {
    bool rows = format != output::Format::folded && !options_.only_reports();
    return !rows && !options_.common.interval_ns;
  };
  outputs_ = SL_TRY(event::Outputs<View>::open(
      options_.common, is_report, [this](const event::ViewSettings& settings) {
        return view_for(setup_, settings);
      }));
  return &*outputs_;
}

Result<event::Source*> Snoop::load(pid_t command_pid) {
  tracing_ = SL_TRY(Tracing::open(options_, command_pid));
  note(std::string(tracing_->failures()));
  if (options_.dns) SL_CHECK(open_names());
  return &*tracing_;
}

// One of its sources is better than none.
Status Snoop::open_names() {
  auto names = dns::Names::open(options_.common.btf);
  if (!names) {
    return std::unexpected(cli::with_capability_hint(
        std::move(names.error()), needs(), cli::read_system_facts()));
  }
  names_ = std::make_unique<dns::Names>(*std::move(names));
  note_names();
  if (const auto& missing = names_->missing()) {
    cli::say_hint(fmt::format("tcpconnect: some names will not be seen: {}\n",
                              printable(missing->what)));
  }
  return {};
}

std::vector<int> Snoop::further_fds() const {
  return names_ ? names_->fds() : std::vector<int>();
}

std::vector<int> Snoop::further_capabilities() const {
  if (names_ && names_->needs_admin()) return {CAP_SYS_ADMIN};
  return {};
}

Status Snoop::read_further() { return names_->read(); }

// Again when it has changed.
void Snoop::note_names() {
  auto text = names_->describe();
  if (text != names_noted_) note(text);
  names_noted_ = std::move(text);
}

// settle() can tell what has failed.
void Snoop::read_names() {
  auto status = names_->read();
  if (!status && names_status_) names_status_ = std::move(status);
}

// Names wait for their reader in little memory. They are read again before the
// first event: by then all are there that are older than the portion.
void Snoop::begin_portion() {
  names_read_ = false;
  if (!names_) return;
  read_names();
  seek_libraries();
}

// Also while there is no end of events.
void Snoop::seek_libraries() {
  auto now = monotonic_ns();
  if (now - libraries_sought_ns_ < ns_per_second) return;
  libraries_sought_ns_ = now;
  auto status = names_->attach_new();
  if (!status && names_status_) names_status_ = std::move(status);
}

Status Snoop::settle() { return std::exchange(names_status_, {}); }

void Snoop::name(Connect& connect) {
  connect.elsewhere = connect.remote && is_local(connect.remote->address) &&
                      connect.netns != own_netns_;
  if (!names_ || !connect.remote) return;
  if (!std::exchange(names_read_, true)) read_names();
  dns::Address address{connect.remote->address};
  auto found = names_->find({.pid = connect.pid,
                             .parent = connect.parent,
                             .uid = connect.uid,
                             .cgroup = connect.cgroup},
                            address, connect.time_ns);
  // What servers said in our own network is of no other's local addresses.
  bool foreign =
      connect.elsewhere && found && found->source == dns::Source::answer;
  if (!found || foreign) return;
  connect.name = std::move(found->text);
  connect.name_source = dns::to_string(found->source);
  connect.own_name = found->source == dns::Source::lookup;
}

void Snoop::begin_outputs() {
  outputs_->add([](View& view) { return view.begin(); });
}

// A record of ours that makes no sense is not counted as delivered, and so
// shows up as unaccounted.
void Snoop::take(const event::Pieces& pieces) {
  if (auto connect = decode(pieces)) judge(*connect);
}

bool Snoop::has_wanted_name(const Connect& connect) const {
  const auto& wanted = options_.common.name;
  return !wanted || wanted->matches(connect.comm);
}

void Snoop::count(const Connect& connect, Totals& totals) const {
  auto& counts = totals.counts;
  ++(connect.outcome == Outcome::ok        ? counts.established
     : connect.outcome == Outcome::pending ? counts.pending
                                           : counts.failed);
  if (outputs_->writes(output::Format::folded)) totals.folded.add(connect);
  if (options_.only_reports()) totals.summary.add(connect);
}

// What the kernel half could not leave out.
void Snoop::judge(Connect& connect) {
  if (!has_wanted_name(connect)) {
    ++left_out_[LEDGER_not_matching];
    return;
  }
  ++delivered_;
  if (connect.parents_lost) ++parents_lost_;
  name(connect);
  count(connect, totals_);
  if (options_.only_reports()) return;
  outputs_->add([&](View& view) { return view.row(connect); });
}

void Snoop::count_left_out(bpf::Ledger& ledger) const {
  for (auto index :
       {LEDGER_not_matching, LEDGER_other_latency, LEDGER_exit_missing}) {
    ledger[index] += left_out_[index];
  }
  // Where a record of parents was announced and did not come; the kernel half
  // counts those that it could not keep.
  ledger[LEDGER_parents_lost] += parents_lost_;
  if (!names_) return;
  if (auto losses = names_->losses()) {
    ledger[LEDGER_lookups_lost] = losses->lookups;
    ledger[LEDGER_answers_lost] = losses->answers;
    ledger[LEDGER_answers_unasked] = losses->unasked;
  }
}

Result<std::uint64_t> Snoop::pending() {
  return SL_TRY(tracing_->open_attempts()).size();
}

Status Snoop::end_pending() {
  if (names_) note_names();
  auto open = SL_TRY(open_attempts());
  for (auto& connect : open) end_attempt(connect);
  return {};
}

Result<std::vector<Connect>> Snoop::open_attempts() const {
  auto ancestries = SL_TRY(tracing_->open_ancestries());
  auto attempts = SL_TRY(tracing_->open_attempts());
  return decode_open(attempts, ancestries, monotonic_ns());
}

// How long one that is pending will take nobody knows, but not less than its
// age.
bool Snoop::has_wanted_age(const Connect& connect) const {
  const auto& common = options_.common;
  auto age = connect.latency_ns.value_or(0);
  return age >= common.min_ns.value_or(0) &&
         age <= common.max_ns.value_or(UINT64_MAX);
}

void Snoop::end_attempt(Connect& connect) {
  if (!has_wanted_age(connect)) {
    ++left_out_[LEDGER_other_latency];
    return;
  }
  if (connect.outcome == Outcome::unknown) ++left_out_[LEDGER_exit_missing];
  judge(connect);
}

// What hangs is to be seen while it does: an attempt that is pending at the end
// of an interval is in it, and in the next one again.
Status Snoop::count_pending(Totals& totals, bool list) {
  auto open = SL_TRY(open_attempts());
  for (auto& connect : open) {
    if (connect.outcome != Outcome::pending || !has_wanted_age(connect) ||
        !has_wanted_name(connect)) {
      continue;
    }
    name(connect);
    count(connect, totals);
    if (!list) continue;
    outputs_->add([&](View& view) { return view.pending(connect); });
  }
  return {};
}

Status Snoop::show(const event::Stretch& stretch) {
  auto totals = totals_;
  if (stretch.kind != event::ReportKind::final) {
    bool rows = !options_.only_reports();
    SL_CHECK(count_pending(
        totals, rows && stretch.kind == event::ReportKind::snapshot));
  }
  const auto* summary = options_.only_reports() ? &totals.summary : nullptr;
  Report report{stretch, totals.counts, summary, &totals.folded};
  if (stretch.behind_intervals) report.counts += earlier_;
  if (stretch.kind == event::ReportKind::interval) {
    earlier_ += totals_.counts;
    totals_ = {};
  }
  return outputs_->show(report);
}

}  // namespace sightline::tcpconnect
