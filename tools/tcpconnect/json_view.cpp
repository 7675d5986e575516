// SPDX-License-Identifier: Apache-2.0
// JSON Lines, schema 1: every key is described in docs/schema.md.
#include <sys/socket.h>

#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>
#include <utility>

#include "bpf/ledger_json.h"
#include "output/json.h"
#include "process/users.h"
#include "report.h"

namespace sightline::tcpconnect {
namespace {

using output::Json;
using output::put_absent;
using output::put_text;
using output::to_line;

constexpr auto not_seen = "it began before it could be seen";

std::string_view family_name(int family) {
  return family == AF_INET6 ? "inet6" : "inet";
}

void put_outcome(Json& record, const Connect& connect) {
  record["outcome"] = outcome_name(connect.outcome);
  if (connect.error != 0) {
    record["errno"] = connect.error;
    record["error"] = error_name(connect.error);
  } else {
    const auto* reason = connect.outcome == Outcome::unknown
                             ? "its end was not seen"
                             : "there was none";
    put_absent(record, "errno", reason);
    put_absent(record, "error", reason);
  }
  if (connect.latency_ns) {
    record["latency_ns"] = *connect.latency_ns;
  } else {
    put_absent(record, "latency_ns",
               connect.immediate ? "the call failed at once" : not_seen);
  }
  record["retransmits"] = connect.retransmits;
}

// The keys of one end.
struct EndKeys {
  const char* address;
  const char* port;
};
constexpr EndKeys remote_keys{"remote_address", "remote_port"};
constexpr EndKeys asked_keys{"asked_address", "asked_port"};

void put_endpoint(Json& record, const EndKeys& keys, const Endpoint& endpoint) {
  record[keys.address] = address_text(endpoint.address);
  record[keys.port] = endpoint.port;
}

void put_no_endpoint(Json& record, const EndKeys& keys,
                     std::string_view reason) {
  put_absent(record, keys.address, reason);
  put_absent(record, keys.port, reason);
}

std::string why_no_remote(const Connect& connect) {
  return connect.asked_family == 0
             ? "it could not be read"
             : "of address family " + std::to_string(connect.asked_family);
}

void put_remote(Json& record, const Connect& connect) {
  if (connect.remote) {
    put_endpoint(record, remote_keys, *connect.remote);
  } else {
    put_no_endpoint(record, remote_keys, why_no_remote(connect));
  }
  if (connect.asked) {
    put_endpoint(record, asked_keys, *connect.asked);
  } else {
    put_no_endpoint(record, asked_keys, "not known to be another");
  }
  if (connect.name) {
    put_text(record, "remote_name", *connect.name);
  } else {
    put_absent(record, "remote_name", "not known");
  }
}

void put_local(Json& record, const Connect& connect) {
  bool any = connect.local.address != Address{} &&
             address_text(connect.local.address) != "0.0.0.0";
  if (any) {
    record["local_address"] = address_text(connect.local.address);
  } else {
    put_absent(record, "local_address", "none was chosen");
  }
  if (connect.local.port != 0) {
    record["local_port"] = connect.local.port;
  } else {
    put_absent(record, "local_port", "none was chosen by then");
  }
}

void put_socket(Json& record, const Connect& connect) {
  put_local(record, connect);
  put_remote(record, connect);
  record["family"] = family_name(connect.family);
  record["v4_mapped"] = connect.family == AF_INET6 && connect.remote &&
                        is_ipv4(connect.remote->address);
  record["netns"] = output::hex_string(connect.netns);
  record["fast_open"] = connect.fast_open;
  record["syn_data"] = connect.syn_data;
  record["mptcp"] = connect.mptcp;
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
    Json record{{"type", "event"},
                {"event", "connect"},
                {"time_ns", setup_.since_start(connect.time_ns)}};
    put_process(record, connect);
    put_outcome(record, connect);
    put_socket(record, connect);
    if (setup_.options.needs_ancestry()) {
      record["ancestors"] = ancestor_records(connect);
    }
    return to_line(record);
  }

  std::string report(const Report& report) override {
    std::string text;
    for (const auto& record : bpf::loss_records(report.ledger, report.to_ns)) {
      text += to_line(record);
    }
    bool ends = report.kind == event::ReportKind::final;
    if (!ends || setup_.options.only_reports()) {
      Json record{{"type", "interval"}, {"index", intervals_++}};
      record["snapshot"] = report.kind == event::ReportKind::snapshot;
      put_closing(record, report);
      if (report.summary != nullptr) put_summary(record, *report.summary);
      text += to_line(record);
    }
    if (!ends) return text;
    Json record{{"type", "end"}};
    put_closing(record, report);
    return text + to_line(record);
  }

 private:
  // The password file is read once for each user.
  const std::string& user(uid_t uid) {
    auto known = users_.find(uid);
    if (known != users_.end()) return known->second;
    return users_.emplace(uid, process::user_name(uid)).first->second;
  }

  void put_process(Json& record, const Connect& connect) {
    if (!connect.start_seen) {
      for (const auto* key : {"pid", "tid", "comm", "parent_pid", "parent_comm",
                              "uid", "user", "cgroup_id", "cgroup"}) {
        put_absent(record, key, not_seen);
      }
      return;
    }
    record["pid"] = connect.pid;
    record["tid"] = connect.tid;
    put_text(record, "comm", connect.comm);
    record["parent_pid"] = connect.parent;
    put_text(record, "parent_comm", connect.parent_comm);
    record["uid"] = connect.uid;
    put_text(record, "user", user(connect.uid));
    record["cgroup_id"] = output::hex_string(connect.cgroup);
    if (auto path = setup_.cgroup_path(connect.cgroup)) {
      put_text(record, "cgroup", *path);
    } else {
      put_absent(record, "cgroup", "gone before it was looked up");
    }
  }

  static void put_closing(Json& record, const Report& report) {
    record["from_ns"] = report.from_ns;
    record["to_ns"] = report.to_ns;
    record["duration_ns"] = report.length_ns();
    record["attempts"] = report.counts.all();
    record["established"] = report.counts.established;
    record["failed"] = report.counts.failed;
    record["pending"] = report.counts.pending;
    record["ledger"] =
        bpf::ledger_record(report.ledger, bpf::LedgerScope::events);
  }

  void put_summary(Json& record, const Summary& summary) const {
    const auto& common = setup_.options.common;
    if (common.summary) record["by_destination"] = total_records(summary);
    if (common.histogram) {
      record["latency_histograms"] = histogram_records(summary);
    }
  }

  const Setup& setup_;
  std::unordered_map<uid_t, std::string> users_;
  std::uint64_t intervals_ = 0;
};

}  // namespace

std::unique_ptr<View> make_json_view(const Setup& setup) {
  return std::make_unique<JsonView>(setup);
}

}  // namespace sightline::tcpconnect
