// SPDX-License-Identifier: Apache-2.0
#include "recording_json.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/clock.h"
#include "base/text.h"
#include "bpf/loss_ledger.h"
#include "symbol/reason.h"

namespace sightline::cpuprof {
namespace {

using output::Json;
using stack::Function;
using symbol::Reason;

// A stack has at most 1,024 frames on each side.
constexpr std::size_t most_functions = 65'536;
constexpr std::size_t most_segments = 16;

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorKind::runtime, std::string(what));
}

// Null where there is none.
const Json* find(const Json& record, std::string_view key) {
  auto at = record.find(key);
  return at == record.end() || at->is_null() ? nullptr : &*at;
}

Result<std::uint64_t> number(const Json& record, std::string_view key) {
  const auto* value = find(record, key);
  if (value != nullptr && value->is_number_unsigned()) {
    return value->get<std::uint64_t>();
  }
  return malformed(fmt::format("\"{}\" is no number", key));
}

Result<std::uint64_t> number_or_0(const Json& record, std::string_view key) {
  if (find(record, key) == nullptr) return 0;
  return number(record, key);
}

// The bytes themselves, where they are no UTF-8.
Result<std::string> text(const Json& record, std::string_view key) {
  const auto* value = find(record, key);
  if (value == nullptr || !value->is_string()) {
    return malformed(fmt::format("\"{}\" is no text", key));
  }
  const auto* hex = find(record, fmt::format("{}_hex", key));
  if (hex == nullptr || !hex->is_string()) return value->get<std::string>();
  auto bytes = from_hex(hex->get_ref<const std::string&>());
  if (bytes) return *bytes;
  return malformed(fmt::format("\"{}_hex\" is not hexadecimal", key));
}

Result<std::uint64_t> hexadecimal(const Json& record, std::string_view key) {
  auto value = output::parse_hex_string(SL_TRY(text(record, key)));
  if (value) return *value;
  return malformed(fmt::format("\"{}\" is no hexadecimal number", key));
}

Result<bool> flag(const Json& record, std::string_view key) {
  const auto* value = find(record, key);
  if (value == nullptr) return false;
  if (value->is_boolean()) return value->get<bool>();
  return malformed(fmt::format("\"{}\" is neither true nor false", key));
}

Result<std::vector<std::string>> texts(const Json& record,
                                       std::string_view key) {
  std::vector<std::string> found;
  const auto* values = find(record, key);
  if (values == nullptr || !values->is_array()) {
    return malformed(fmt::format("\"{}\" is no list", key));
  }
  for (const auto& value : *values) {
    if (!value.is_string()) {
      return malformed(
          fmt::format("\"{}\" has something other than text", key));
    }
    found.push_back(value.get<std::string>());
  }
  return found;
}

// Why a value is null.
Result<Reason> reason(const Json& record, std::string_view key) {
  auto phrase = SL_TRY(text(record, fmt::format("{}_reason", key)));
  auto known = symbol::reason_of(phrase);
  if (known) return *known;
  return malformed(fmt::format(
      "\"{}_reason\": '{}' is no reason that this version knows", key, phrase));
}

Status take_place(const Json& record, Function& function) {
  if (!record.contains("file")) return {};
  if (find(record, "file") == nullptr) {
    function.file_reason = SL_TRY(reason(record, "file"));
    return {};
  }
  function.file = SL_TRY(text(record, "file"));
  auto line = SL_TRY(number(record, "line"));
  function.line =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(line, UINT32_MAX));
  return {};
}

Result<Function> function_of(const Json& record) {
  auto object = SL_TRY(text(record, "object"));
  auto kernel = SL_TRY(flag(record, "kernel"));
  Function function;
  if (find(record, "name") == nullptr) {
    auto why = SL_TRY(reason(record, "name"));
    bool placed = find(record, "address") != nullptr;
    function = stack::unnamed_function(
        object, kernel, why,
        placed ? SL_TRY(hexadecimal(record, "address")) : 0);
  } else {
    function = {.name = SL_TRY(text(record, "name")),
                .object = object,
                .kernel = kernel};
    if (function.name.empty()) return malformed("\"name\" is empty");
  }
  function.inlined = SL_TRY(flag(record, "inlined"));
  function.jit = object == "[jit]" || object == "[anon]";
  SL_CHECK(take_place(record, function));
  return function;
}

Status take_ledger(const Json& record, bpf::Ledger& ledger) {
  const auto* written = find(record, "ledger");
  if (written == nullptr || !written->is_object()) {
    return malformed("\"ledger\" is missing");
  }
  const auto& entries = bpf::ledger_entries();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    ledger.counts[i] = SL_TRY(number_or_0(*written, entries[i].name));
  }
  return {};
}

}  // namespace

Status JsonReader::take(std::string_view line) {
  auto record = Json::parse(line, nullptr, false);
  if (record.is_discarded() || !record.is_object()) {
    return malformed("no JSON object");
  }
  auto type = SL_TRY(text(record, "type"));
  if (!begun_ && type != "begin") return malformed("no \"begin\" before this");
  if (ended_ && type != "begin") return malformed("something behind \"end\"");
  if (type == "begin") return take_begin(record);
  if (type == "object") return take_object(record);
  if (type == "stack") return take_stack(record);
  if (type == "interval") return take_span(record, false);
  if (type == "end") return take_span(record, true);
  return {};  // a reader ignores what it does not know
}

Status JsonReader::take_begin(const Json& record) {
  if (std::exchange(begun_, true)) return malformed("a second \"begin\"");
  if (SL_TRY(text(record, "tool")) != "cpuprof") {
    return malformed("a recording of another tool");
  }
  auto schema = SL_TRY(number(record, "schema"));
  if (schema != 1) {
    return malformed(
        fmt::format("schema {}, of which this version knows "
                    "nothing",
                    schema));
  }
  auto& setup = into_.setup();
  setup.host = SL_TRY(text(record, "host"));
  setup.kernel = SL_TRY(text(record, "kernel"));
  setup.arguments = SL_TRY(texts(record, "arguments"));
  setup.events = SL_TRY(texts(record, "events"));
  setup.by = SL_TRY(texts(record, "by"));
  setup.frequency_hz = SL_TRY(number_or_0(record, "frequency_hz"));
  setup.period = SL_TRY(number_or_0(record, "period"));
  setup.cpus = SL_TRY(number(record, "cpus"));
  auto start = parse_rfc3339(SL_TRY(text(record, "start")));
  if (!start) return malformed("\"start\" is no time");
  setup.start_realtime_ns = *start;
  if (setup.events.empty() || setup.by.empty()) {
    return malformed("no events, or nothing to group by");
  }
  setup.by_default = setup.by == std::vector<std::string>{"comm"};
  return {};
}

// What a number stands for from here on.
Status JsonReader::take_object(const Json& record) {
  Recording::File file{.path = SL_TRY(text(record, "path"))};
  file.image.is_read = find(record, "build_id") != nullptr;
  if (file.image.is_read) {
    auto id = from_hex(SL_TRY(text(record, "build_id")));
    if (!id) return malformed("\"build_id\" is not hexadecimal");
    file.image.build_id = *std::move(id);
  }
  const auto* segments = find(record, "segments");
  if (segments == nullptr || !segments->is_array() ||
      segments->size() > most_segments) {
    return malformed("\"segments\" is no list, or too long");
  }
  for (const auto& segment : *segments) {
    if (!segment.is_object()) return malformed("a segment is no object");
    file.image.code.push_back(
        {.type = PT_LOAD,
         .flags = PF_R | PF_X,
         .offset = SL_TRY(hexadecimal(segment, "file_offset")),
         .address = SL_TRY(hexadecimal(segment, "address")),
         .file_size = SL_TRY(number(segment, "size_bytes"))});
  }
  auto number_of_it = SL_TRY(number(record, "object_id"));
  objects_[number_of_it] = into_.add_file(std::move(file));
  return {};
}

Result<Recording::Place> JsonReader::place_of(const Json& record,
                                              const Function& function) {
  Recording::Place place{.object = function.object,
                         .has_address = find(record, "address") != nullptr};
  if (place.has_address) {
    place.address = SL_TRY(hexadecimal(record, "address"));
  }
  if (find(record, "object_id") == nullptr) return place;
  auto known = objects_.find(SL_TRY(number(record, "object_id")));
  if (known == objects_.end()) {
    return malformed("a frame in an object that was not told of");
  }
  place.file = known->second;
  return place;
}

// Frames of the same place are one frame with what is inlined in it.
Result<stack::CallTree::Node> JsonReader::stack_of(const Json& frames) {
  auto node = stack::CallTree::root;
  auto& tree = into_.profile().stacks();
  Recording::Place place;
  auto put = [&] {
    if (!place.functions.empty()) node = tree.child(node, into_.frame(place));
  };
  for (const auto& record : frames) {
    if (!record.is_object()) return malformed("a frame is no object");
    auto function = SL_TRY(function_of(record));
    if (!function.inlined || place.functions.empty()) {
      put();
      place = SL_TRY(place_of(record, function));
    }
    if (record.contains("inlined")) into_.has_inlines();
    if (record.contains("file")) into_.has_lines();
    place.functions.push_back(std::move(function));
  }
  put();
  return node;
}

Status JsonReader::take_stack(const Json& record) {
  if (is_snapshot_) rows_.clear();  // these are the same again
  is_snapshot_ = false;
  stack::RowKey key;
  Recording::Who who{
      .pid = static_cast<std::uint32_t>(SL_TRY(number(record, "pid"))),
      .uid = static_cast<std::uint32_t>(SL_TRY(number_or_0(record, "uid")))};
  if (find(record, "process") != nullptr) {
    who.comm = SL_TRY(text(record, "process"));
  }
  key.process = into_.process(who);
  key.comm = into_.profile().name(SL_TRY(text(record, "comm")));
  key.tid = static_cast<std::uint32_t>(SL_TRY(number_or_0(record, "tid")));
  if (find(record, "cpu") != nullptr) {
    key.cpu = static_cast<std::int32_t>(SL_TRY(number(record, "cpu")));
  }
  if (find(record, "cgroup_id") != nullptr) {
    key.cgroup = SL_TRY(hexadecimal(record, "cgroup_id"));
    into_.name_cgroup(key.cgroup, SL_TRY(text(record, "cgroup")));
  }
  auto event = into_.event(SL_TRY(text(record, "event")));
  if (!event) {
    return malformed("an event that is not among those of \"begin\"");
  }
  key.event = *event;
  const auto* frames = find(record, "frames");
  if (frames == nullptr || !frames->is_array() ||
      frames->size() > most_functions) {
    return malformed("\"frames\" is no list, or too long");
  }
  key.stack = SL_TRY(stack_of(*frames));
  bool timed = find(record, "cpu_ns") != nullptr;
  if (timed) into_.setup().period_ns = 1;
  rows_.push_back({key,
                   {SL_TRY(number(record, "count")),
                    SL_TRY(number(record, timed ? "cpu_ns" : "events"))}});
  return {};
}

void JsonReader::add_rows() {
  for (const auto& row : std::exchange(rows_, {})) {
    into_.profile().add(row.key, row.counts);
  }
}

Status JsonReader::take_span(const Json& record, bool is_end) {
  Span span{.from_ns = SL_TRY(number(record, "from_ns")),
            .to_ns = SL_TRY(number(record, "to_ns")),
            .samples = SL_TRY(number(record, "samples")),
            .busy_ns = SL_TRY(number(record, "busy_ns")),
            .idle_ns = SL_TRY(number(record, "idle_ns")),
            .steal_ns = SL_TRY(number(record, "steal_ns"))};
  SL_CHECK(take_ledger(record, span.ledger));
  if (span.to_ns < span.from_ns) return malformed("it ends before it begins");
  ended_ = is_end;
  if (!is_end && SL_TRY(flag(record, "snapshot"))) {
    is_snapshot_ = true;
    snapshot_ = span;
    return {};
  }
  if (is_snapshot_) rows_.clear();
  is_snapshot_ = false;
  add_rows();
  // That of the end covers all there were.
  if (is_end) into_.span() = span;
  if (!is_end) into_.span() += span;
  return {};
}

Result<bool> JsonReader::finish() {
  if (!begun_) return malformed("no \"begin\": not a recording of this tool");
  bool whole = ended_ || rows_.empty() || is_snapshot_;
  if (is_snapshot_) {
    auto from = into_.span().from_ns;
    into_.span() += snapshot_;
    into_.span().from_ns = from;
  }
  add_rows();
  auto& span = into_.span();
  if (!ended_) span.samples = into_.profile().total().count;
  return whole;
}

}  // namespace sightline::cpuprof
