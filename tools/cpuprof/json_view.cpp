// SPDX-License-Identifier: Apache-2.0
// JSON Lines, schema 1: every key is described in docs/schema.md.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "base/text.h"
#include "bpf/ledger_json.h"
#include "json_records.h"
#include "report.h"

namespace sightline::cpuprof {
namespace {

using output::Json;
using output::put_absent;
using output::put_text;
using output::to_line;

// With --line, where the function was at.
void put_place(Json& record, const stack::Function& function) {
  if (function.line != 0) {
    put_text(record, "file", function.file);
    record["line"] = function.line;
  } else {
    // A recording without lines has no reason either.
    auto reason = function.file_reason == symbol::Reason::none
                      ? symbol::Reason::not_looked_up
                      : function.file_reason;
    for (const auto* key : {"file", "line"}) {
      put_absent(record, key, symbol::text(reason));
    }
  }
}

// Where each segment of code lay in the file and where the linker has put it:
// what its debug file does not tell.
Json segment_records(const stack::FileImage& image) {
  auto segments = Json::array();
  for (const auto& segment : image.code) {
    segments.push_back({{"file_offset", output::hex_string(segment.offset)},
                        {"address", output::hex_string(segment.address)},
                        {"size_bytes", segment.file_size}});
  }
  return segments;
}

Json object_record(const stack::Names& names, process::ObjectId object) {
  Json record{{"type", "object"}, {"object_id", object}};
  put_text(record, "path", names.path_of(object));
  const auto& image = names.image_of(object);
  if (image.build_id.empty()) {
    put_absent(record, "build_id",
               image.is_read ? "the file has none" : "the file was not read");
  } else {
    record["build_id"] = to_hex(image.build_id);
  }
  record["segments"] = segment_records(image);
  return record;
}

Json frame_record(const stack::Names& names, const stack::Frame& frame,
                  const stack::Function& function) {
  const auto& source = names.source_wanted();
  Json record;
  if (function.reason == symbol::Reason::none) {
    put_text(record, "name", function.name);
  } else {
    put_absent(record, "name", symbol::text(function.reason));
  }
  put_text(record, "object", function.object);
  record["kernel"] = function.kernel;
  if (frame.object == process::jit_object) {
    // The same function may have lain elsewhere a moment later.
    put_absent(record, "address", "generated code");
  } else {
    record["address"] = output::hex_string(frame.offset);
  }
  if (names.is_file(frame.object)) record["object_id"] = frame.object;
  if (source.inlines) record["inlined"] = function.inlined;
  if (source.lines) put_place(record, function);
  return record;
}

Json stack_record(const Measurement& measurement, const stack::RowKey& row,
                  const stack::Counts& counts) {
  const auto& profile = measurement.profile;
  const auto& setup = measurement.setup;
  const auto& process = profile.process_at(row.process);
  Json record{{"type", "stack"}, {"pid", process.pid}};
  put_text(record, "comm", profile.name_at(row.comm));
  if (process.known) {
    put_text(record, "process", process.comm);
    record["uid"] = process.uid;
  } else {
    put_absent(record, "process", "exited before it was seen");
    put_absent(record, "uid", "exited before it was seen");
  }
  if (setup.groups_by("tid")) record["tid"] = row.tid;
  if (setup.groups_by("cpu")) record["cpu"] = row.cpu;
  if (setup.groups_by("cgroup")) {
    record["cgroup_id"] = output::hex_string(row.cgroup);
    put_text(record, "cgroup", measurement.cgroup_path(row.cgroup));
  }
  record["event"] = setup.events[row.event];
  record["count"] = counts.count;
  record[setup.period_ns > 0 ? "cpu_ns" : "events"] = counts.sum;
  auto& frames = record["frames"] = Json::array();
  const auto& names = measurement.names;
  for (auto id : profile.stack(row.stack)) {
    for (auto function : names.functions_of(id)) {
      frames.push_back(frame_record(names, profile.frames().at(id),
                                    names.function(function)));
    }
  }
  return record;
}

class JsonView : public View {
 public:
  explicit JsonView(const ViewSettings& settings) : settings_(settings) {}

  Status show(const Measurement& measurement, ReportKind kind,
              output::Sink& sink) override {
    // A file that is replaced holds one whole document each time.
    if (settings_.whole || !std::exchange(begun_, true)) {
      objects_.clear();
      SL_CHECK(sink.write(to_line(begin_record(measurement.setup))));
    }
    SL_CHECK(write_objects(measurement, sink));
    SL_CHECK(write_stacks(measurement, sink));
    SL_CHECK(write_losses(measurement.span, sink));
    bool ends = kind == ReportKind::final;
    if (!ends || intervals_ > 0)
      SL_CHECK(write_interval(measurement, kind, sink));
    return ends ? write_end(measurement, sink) : Status();
  }

 private:
  // Before the first stack that refers to it. A number may come to stand for
  // another file; then it is told anew.
  Status write_objects(const Measurement& measurement, output::Sink& sink) {
    const auto& frames = measurement.profile.frames();
    std::set<process::ObjectId> used;
    for (stack::FrameId id = 0; id < frames.size(); ++id) {
      used.insert(frames.at(id).object);
    }
    for (auto object : used) {
      if (!measurement.names.is_file(object)) continue;
      auto line = to_line(object_record(measurement.names, object));
      auto& written = objects_[object];
      if (written == line) continue;
      SL_CHECK(sink.write(line));
      written = std::move(line);
    }
    return {};
  }

  static Status write_stacks(const Measurement& measurement,
                             output::Sink& sink) {
    for (const auto& [row, counts] : measurement.profile.rows()) {
      SL_CHECK(sink.write(to_line(stack_record(measurement, row, counts))));
    }
    return {};
  }

  static Status write_losses(const Span& span, output::Sink& sink) {
    for (const auto& record : bpf::loss_records(span.ledger, span.to_ns)) {
      SL_CHECK(sink.write(to_line(record)));
    }
    return {};
  }

  // Closes the stacks before it: those of this interval, or all so far.
  Status write_interval(const Measurement& measurement, ReportKind kind,
                        output::Sink& sink) {
    Json record{{"type", "interval"}, {"index", intervals_++}};
    record["snapshot"] = kind == ReportKind::snapshot;
    put_closing(record, measurement.span);
    return sink.write(to_line(record));
  }

  static Status write_end(const Measurement& measurement, output::Sink& sink) {
    return sink.write(to_line(end_record(measurement.run)));
  }

  ViewSettings settings_;
  bool begun_ = false;
  std::map<process::ObjectId, std::string> objects_;  // as they were written
  std::uint64_t intervals_ = 0;
};

}  // namespace

std::unique_ptr<View> make_json_view(const ViewSettings& settings) {
  return std::make_unique<JsonView>(settings);
}

}  // namespace sightline::cpuprof
