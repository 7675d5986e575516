// SPDX-License-Identifier: Apache-2.0
// The table: a row for each attempt, once it has ended.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/units.h"
#include "event/time_columns.h"
#include "output/live_table.h"
#include "report.h"

namespace sightline::tcpconnect {
namespace {

using output::Align;
using output::LiveColumn;

// Room for a name on a line of limited width; the longest has 15 bytes.
constexpr std::size_t short_name = 10;

std::vector<LiveColumn> columns_for(const Options& options, bool wide) {
  auto columns = event::time_columns(options.common);
  columns.push_back({"PID", 7, Align::right});
  columns.push_back({"COMM", wide ? 15 : short_name});
  columns.push_back({"OUTCOME", 11});
  columns.push_back({"LATENCY", 7, Align::right});
  columns.push_back({"RTX", 3, Align::right});
  if (wide) columns.push_back({"LOCAL", 21});
  columns.push_back({"REMOTE"});
  return columns;
}

// An error that has no word of its own goes by its name.
std::string outcome_cell(const Connect& connect) {
  return connect.outcome == Outcome::failed
             ? error_name(connect.error)
             : std::string(outcome_name(connect.outcome));
}

// One word each, so that awk can count columns.
std::string one_word(std::string text) {
  std::ranges::replace(text, ' ', '_');
  return text.empty() ? "-" : text;
}

std::string local_cell(const Connect& connect) {
  if (connect.local.port != 0) return endpoint_text(connect.local);
  auto address = address_text(connect.local.address);
  return is_ipv4(connect.local.address) ? address + ":-"
                                        : fmt::format("[{}]:-", address);
}

// Behind the remote endpoint, in brackets: what is not as it is mostly.
std::vector<std::string> remarks(const Connect& connect, bool ancestry) {
  std::vector<std::string> remarks;
  if (connect.asked) {
    remarks.push_back("asked for " + endpoint_text(*connect.asked));
  }
  if (connect.name && connect.remote) {
    remarks.push_back(address_text(connect.remote->address));
  }
  if (connect.syn_data) {
    remarks.emplace_back("fast open, data in the SYN");
  } else if (connect.fast_open) {
    remarks.emplace_back("fast open");
  }
  if (connect.mptcp) remarks.emplace_back("MPTCP");
  if (ancestry) {
    std::string chain = "parents:";
    for (const auto& [pid, comm] : connect.ancestors) {
      chain += fmt::format(" {} ({})", comm, pid);
    }
    remarks.push_back(std::move(chain));
  }
  return remarks;
}

// As it is cut, the port stays.
std::string shorten_endpoint(const std::string& text, std::size_t room) {
  auto colon = text.rfind(':');
  if (room == 0 || display_width(text) <= room || colon == text.npos) {
    return text;
  }
  auto tail = colon - (colon > 0 && text[colon - 1] == ']' ? 1 : 0);
  auto kept = text.size() - tail;
  return room <= kept
             ? text
             : truncate(text.substr(0, tail), room - kept) + text.substr(tail);
}

class TableView : public View {
 public:
  TableView(const Setup& setup, const event::ViewSettings& settings)
      : setup_(setup),
        style_(settings.color),
        table_(columns_for(setup.options, settings.width == 0), settings.width),
        width_(settings.width) {}

  std::string begin() override { return table_.title(style_); }

  std::string row(const Connect& connect) override {
    auto cells = event::time_cells(setup_.options.common, setup_,
                                   setup_.since_start(connect.time_ns));
    bool known = connect.start_seen;
    cells.push_back(known ? std::to_string(connect.pid) : "-");
    auto name = one_word(printable(connect.comm));
    cells.push_back(width_ == 0 ? name : truncate(name, short_name));
    cells.push_back(outcome_cell(connect));
    cells.push_back(
        connect.latency_ns ? format_duration_word(*connect.latency_ns) : "-");
    cells.push_back(std::to_string(connect.retransmits));
    if (width_ == 0) cells.push_back(local_cell(connect));
    cells.push_back(remote_cell(connect));
    return table_.row(cells);
  }

  std::string pending(const Connect& connect) override { return row(connect); }

  std::string report(const Report& report) override {
    auto text = fmt::format(
        "{}: {}, {} failed, {} pending; lost: {}; partial: {}",
        format_duration(report.length_ns()), attempts_text(report),
        format_count(report.counts.failed), format_count(report.counts.pending),
        bpf::describe(report.ledger, bpf::LossClass::lost),
        bpf::describe(report.ledger, bpf::LossClass::partial));
    return event::closing(text, width_);
  }

 private:
  std::string remote_cell(const Connect& connect) const {
    auto text = shorten_endpoint(remote_text(connect), table_.last_room());
    bool ancestry = setup_.options.ancestry && connect.start_seen;
    for (const auto& remark : remarks(connect, ancestry)) {
      text += fmt::format(" [{}]", remark);
    }
    return text;
  }

  const Setup& setup_;
  output::Style style_;
  output::LiveTable table_;
  std::size_t width_;
};

}  // namespace

std::unique_ptr<View> make_table_view(const Setup& setup,
                                      const event::ViewSettings& settings) {
  return std::make_unique<TableView>(setup, settings);
}

}  // namespace sightline::tcpconnect
