// SPDX-License-Identifier: Apache-2.0
// JSON Lines, schema 1: every key is described in docs/schema.md.
#include <sys/socket.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "event/json_report.h"
#include "output/json.h"
#include "output/json_line.h"
#include "process/users.h"
#include "report.h"

namespace sightline::tcpconnect {
namespace {

using output::Json;
using output::JsonLine;
using output::put_absent;
using output::put_text;
using output::to_line;

constexpr auto not_seen = "it began before it could be seen";

std::string_view family_name(int family) {
  return family == AF_INET6 ? "inet6" : "inet";
}

void put_error(JsonLine& record, const Connect& connect) {
  if (connect.error != 0) {
    record.number("errno", connect.error);
    record.word("error", error_name(connect.error));
    return;
  }
  const auto* reason = connect.outcome == Outcome::unknown
                           ? "its end was not seen"
                           : "there was none";
  record.absent("errno", reason).absent("error", reason);
}

void put_outcome(JsonLine& record, const Connect& connect) {
  record.word("outcome", outcome_name(connect.outcome));
  put_error(record, connect);
  if (connect.latency_ns) {
    record.number("latency_ns", *connect.latency_ns);
  } else {
    record.absent("latency_ns",
                  connect.immediate ? "the call failed at once" : not_seen);
  }
  record.number("retransmits", connect.retransmits);
}

std::string why_no_remote(const Connect& connect) {
  switch (connect.asked_family) {
    case 0:
      return "it could not be read";
    case AF_INET:
    case AF_INET6:
      return "too short, or part of it could not be read";
    default:
      return "of address family " + std::to_string(connect.asked_family);
  }
}

void put_remote(JsonLine& record, const Connect& connect) {
  if (connect.remote) {
    record.word("remote_address", address_text(connect.remote->address));
    record.number("remote_port", connect.remote->port);
  } else {
    auto reason = why_no_remote(connect);
    record.absent("remote_address", reason).absent("remote_port", reason);
  }
  if (connect.asked) {
    record.word("asked_address", address_text(connect.asked->address));
    record.number("asked_port", connect.asked->port);
  } else {
    constexpr auto reason = "not known to be another";
    record.absent("asked_address", reason).absent("asked_port", reason);
  }
  if (connect.name) {
    record.text("remote_name", *connect.name);
    record.word("remote_name_source", connect.name_source);
  } else {
    record.absent("remote_name", "not known");
    record.absent("remote_name_source", "not known");
  }
}

// All zeros, also in IPv6.
bool is_none(const Address& address) {
  auto from = is_ipv4(address) ? 12 : 0;
  return std::all_of(address.begin() + from, address.end(),
                     [](std::uint8_t byte) { return byte == 0; });
}

void put_local(JsonLine& record, const Connect& connect) {
  if (!is_none(connect.local.address)) {
    record.word("local_address", address_text(connect.local.address));
  } else {
    record.absent("local_address", "none was chosen");
  }
  if (connect.local.port != 0) {
    record.number("local_port", connect.local.port);
  } else {
    record.absent("local_port", "none was chosen by then");
  }
}

void put_socket(JsonLine& record, const Connect& connect) {
  put_local(record, connect);
  put_remote(record, connect);
  record.word("family", family_name(connect.family));
  record.boolean("v4_mapped", connect.family == AF_INET6 && connect.remote &&
                                  is_ipv4(connect.remote->address));
  record.hex("netns", connect.netns);
  if (connect.interface != 0) {
    record.number("interface_index", connect.interface);
  } else {
    record.absent("interface_index", "not bound to one");
  }
  record.boolean("fast_open", connect.fast_open);
  record.boolean("syn_data", connect.syn_data);
  record.boolean("mptcp", connect.mptcp);
}

Json ancestor_records(const Connect& connect) {
  auto ancestors = Json::array();
  for (const auto& ancestor : connect.ancestors) {
    Json record{{"pid", ancestor.pid}};
    put_text(record, "comm", ancestor.comm);
    ancestors.push_back(std::move(record));
  }
  return ancestors;
}

void put_ancestors(JsonLine& record, const Connect& connect) {
  if (connect.parents_lost) {
    record.absent("ancestors", "their record was lost");
  } else {
    record.value("ancestors", ancestor_records(connect));
  }
}

Json outcome_counts(const Total& total) {
  auto counts = Json::object();
  for (std::size_t i = 0; i < outcomes; ++i) {
    counts[std::string(outcome_name(static_cast<Outcome>(i)))] =
        total.by_outcome[i];
  }
  return counts;
}

Json total_records(const Summary& summary) {
  auto records = Json::array();
  for (const auto& [name, total] : summary.by_destination.ranked()) {
    Json record;
    put_text(record, "destination", name);
    record["attempts"] = total->count;
    record["failed"] = total->failed();
    record["outcomes"] = outcome_counts(*total);
    record["retransmits"] = total->retransmits;
    for (int share : {50, 90, 99}) {
      auto key = "latency_p" + std::to_string(share) + "_ns";
      if (total->latencies_ns.count() > 0) {
        record[key] = total->latencies_ns.percentile(share);
      } else {
        put_absent(record, key, "no connection was established");
      }
    }
    records.push_back(std::move(record));
  }
  return records;
}

Json histogram_records(const Summary& summary) {
  auto records = Json::array();
  for (std::size_t i = 0; i < outcomes; ++i) {
    const auto& latencies = summary.latencies_ns[i];
    if (latencies.count() == 0) continue;
    auto buckets = Json::array();
    for (const auto& [from, count] : latencies.by_power()) {
      buckets.push_back({{"from_ns", from}, {"count", count}});
    }
    records.push_back({{"outcome", outcome_name(static_cast<Outcome>(i))},
                       {"count", latencies.count()},
                       {"buckets", std::move(buckets)}});
  }
  return records;
}

class JsonView : public View {
 public:
  explicit JsonView(const Setup& setup) : setup_(setup) {}

  std::string begin() override {
    return to_line(cli::begin_record("tcpconnect", setup_.origin));
  }

  std::string row(const Connect& connect) override {
    JsonLine record;
    record.word("type", "event").word("event", "connect");
    record.number("time_ns", setup_.since_start(connect.time_ns));
    put_process(record, connect);
    put_outcome(record, connect);
    put_socket(record, connect);
    if (setup_.options.needs_ancestry()) {
      put_ancestors(record, connect);
    }
    return record.finish();
  }

  std::string report(const Report& report) override {
    event::JsonReport::Put totals;
    if (report.summary != nullptr) {
      totals = [&](Json& record) { put_summary(record, *report.summary); };
    }
    return report_.lines(
        report, [&](Json& record) { put_counts(record, report); }, totals);
  }

 private:
  void put_process(JsonLine& record, const Connect& connect) {
    if (!connect.start_seen) {
      for (const auto* key : {"pid", "tid", "comm", "parent_pid", "parent_comm",
                              "uid", "user", "cgroup_id", "cgroup"}) {
        record.absent(key, not_seen);
      }
      return;
    }
    record.number("pid", connect.pid).number("tid", connect.tid);
    record.text("comm", connect.comm);
    record.number("parent_pid", connect.parent);
    record.text("parent_comm", connect.parent_comm);
    record.number("uid", connect.uid).text("user", users_.of(connect.uid));
    record.hex("cgroup_id", connect.cgroup);
    if (auto path = setup_.cgroup_path(connect.cgroup)) {
      record.text("cgroup", *path);
    } else {
      record.absent("cgroup", "gone before it was looked up");
    }
  }

  static void put_counts(Json& record, const Report& report) {
    record["attempts"] = report.counts.all();
    record["established"] = report.counts.established;
    record["failed"] = report.counts.failed;
    record["pending"] = report.counts.pending;
  }

  void put_summary(Json& record, const Summary& summary) const {
    const auto& common = setup_.options.common;
    if (common.summary) record["by_destination"] = total_records(summary);
    if (common.histogram) {
      record["latency_histograms"] = histogram_records(summary);
    }
  }

  const Setup& setup_;
  process::UserNames users_;
  event::JsonReport report_;
};

}  // namespace

std::unique_ptr<View> make_json_view(const Setup& setup) {
  return std::make_unique<JsonView>(setup);
}

}  // namespace sightline::tcpconnect
