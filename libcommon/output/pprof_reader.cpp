// SPDX-License-Identifier: Apache-2.0
#include "output/pprof_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <protozero/pbf_message.hpp>
#include <utility>

#include "base/text.h"
#include "output/gzip.h"
#include "output/pprof_fields.h"

namespace sightline::output {
namespace {

using namespace pprof;
using protozero::data_view;
using protozero::tag_and_type;
using ProfileMessage = protozero::pbf_message<ProfileField>;
using enum protozero::pbf_wire_type;

std::unexpected<Error> wrong(std::string what) {
  return fail(ErrorKind::runtime, std::move(what));
}

Result<std::uint64_t> not_negative(std::int64_t number, std::string_view what) {
  if (number >= 0) return static_cast<std::uint64_t>(number);
  return wrong(fmt::format("{} is negative: {}", what, number));
}

// protozero throws at what is no message; here that is an error like others.
template <typename Read>
Status guarded(Read read) {
  try {
    return read();
  } catch (const protozero::exception&) {
    return wrong("cut or malformed");
  }
}

// The numbers of a message by their field, 0 where there is none; of a repeated
// one the last. The messages in it are left to `inner`.
template <typename Field>
class Numbers {
 public:
  template <typename Inner>
  Status read(data_view message, Inner inner) {
    protozero::pbf_message<Field> field(message);
    while (field.next()) {
      auto place = static_cast<std::size_t>(field.tag());
      if (field.wire_type() == length_delimited) {
        const auto tag = field.tag();  // first, as in Reader::scan()
        SL_CHECK(inner(tag, field.get_view()));
      } else if (field.wire_type() == varint && place < values_.size()) {
        values_[place] = field.get_uint64();
      } else {
        field.skip();
      }
    }
    return {};
  }
  Status read(data_view message) {
    return read(message, [](Field, data_view) { return Status(); });
  }

  std::uint64_t operator[](Field field) const {
    return values_[static_cast<std::size_t>(field)];
  }

 private:
  std::array<std::uint64_t, 16> values_{};
};

// From the numbers that a file gives things to their places in its list. Sorted
// and not hashed, for a stranger chooses the numbers.
class Ids {
 public:
  explicit Ids(std::string_view kind) : kind_(kind) {}

  void add(std::uint64_t id) {
    ids_.emplace_back(id, static_cast<Index>(ids_.size()));
  }

  Status seal() {
    std::ranges::sort(ids_);
    if (!ids_.empty() && ids_.front().first == 0) {
      return wrong(fmt::format("a {} without a number", kind_));
    }
    auto twice = std::ranges::adjacent_find(
        ids_, {}, &std::pair<std::uint64_t, Index>::first);
    if (twice == ids_.end()) return {};
    return wrong(
        fmt::format("two {}s have the number {}", kind_, twice->first));
  }

  [[nodiscard]] Result<Index> find(std::uint64_t id) const {
    auto at = std::ranges::lower_bound(ids_, id, {},
                                       &std::pair<std::uint64_t, Index>::first);
    if (at != ids_.end() && at->first == id) return at->second;
    return wrong(fmt::format("no {} {}", kind_, id));
  }

 private:
  std::string_view kind_;
  std::vector<std::pair<std::uint64_t, Index>> ids_;
};

// What is left of the memory that a profile may take.
class Budget {
 public:
  explicit Budget(std::size_t bytes) : all_(bytes), left_(bytes) {}

  // Of a list that grows, twice what is in it: it is copied to a larger place.
  template <typename T>
  Status take(std::size_t count = 1) {
    if (count > left_ / sizeof(T) / 2) {
      return wrong(fmt::format("takes more than {} bytes of memory", all_));
    }
    left_ -= 2 * count * sizeof(T);
    return {};
  }

 private:
  std::size_t all_;
  std::size_t left_;
};

class Reader {
 public:
  Reader(std::string bytes, const PprofLimits& limits)
      : budget_(limits.memory_bytes) {
    profile_.bytes = std::make_shared<const std::string>(std::move(bytes));
  }

  Result<Profile> read();

 private:
  using Messages = std::vector<data_view>;
  Status each(std::string_view kind, const Messages& messages,
              Status (Reader::*decode)(data_view message));
  Status scan();
  Status scan_field(ProfileField field, data_view message);
  Status scan_comments(ProfileMessage& field);
  void scan_number(ProfileField field, std::int64_t number);
  Status keep(Messages& messages, data_view message);
  [[nodiscard]] Status check_texts() const;
  Status read_header();
  [[nodiscard]] Result<ValueType> read_value_type(data_view message) const;
  Status read_sample_type(data_view message);
  Status read_period_type(data_view message);
  Status read_mapping(data_view message);
  Status read_function(data_view message);
  Status read_location(data_view message);
  Result<Line> read_line(data_view message);
  Status read_sample(data_view message);
  Status read_label(data_view message, Sample& sample);
  Status add_location(Sample& sample, std::uint64_t id);
  Status add_value(Sample& sample, std::int64_t value);
  [[nodiscard]] Result<std::string_view> text(std::uint64_t number) const;

  Budget budget_;
  Profile profile_;
  std::vector<std::string_view> texts_;
  data_view period_type_;
  std::int64_t period_ = 0;
  std::int64_t time_ = 0;
  std::int64_t duration_ = 0;
  std::int64_t default_type_ = 0;
  std::vector<std::int64_t> comments_;
  Messages types_;
  Messages mappings_;
  Messages functions_;
  Messages locations_;
  Messages samples_;
  Ids mapping_ids_{"mapping"};
  Ids function_ids_{"function"};
  Ids location_ids_{"location"};
};

Status Reader::each(std::string_view kind, const Messages& messages,
                    Status (Reader::*decode)(data_view message)) {
  for (std::size_t i = 0; i < messages.size(); ++i) {
    auto status = guarded([&] { return (this->*decode)(messages[i]); });
    if (status) continue;
    return wrong(fmt::format("{} {}: {}", kind, i, status.error().what));
  }
  return {};
}

Status Reader::keep(Messages& messages, data_view message) {
  SL_CHECK(budget_.take<data_view>());
  messages.push_back(message);
  return {};
}

Status Reader::scan_field(ProfileField field, data_view message) {
  switch (field) {
    case ProfileField::sample_type:
      return keep(types_, message);
    case ProfileField::sample:
      return keep(samples_, message);
    case ProfileField::mapping:
      return keep(mappings_, message);
    case ProfileField::location:
      return keep(locations_, message);
    case ProfileField::function:
      return keep(functions_, message);
    case ProfileField::string_table:
      SL_CHECK(budget_.take<std::string_view>());
      texts_.emplace_back(message.data(), message.size());
      return {};
    case ProfileField::period_type:
      period_type_ = message;
      return {};
    default:
      return {};
  }
}

// Where each message is; what they refer to may come in any order.
Status Reader::scan() {
  const auto& bytes = *profile_.bytes;
  ProfileMessage field(bytes);
  auto at = bytes.size();
  auto status = guarded([&]() -> Status {
    // Of what cannot be read, where it begins.
    for (at = 0; field.next(); at = bytes.size() - field.length()) {
      // First: without NDEBUG protozero forgets it when the value is taken.
      const auto tag = field.tag();
      if (tag == ProfileField::comment) {
        SL_CHECK(scan_comments(field));
      } else if (field.wire_type() == length_delimited) {
        SL_CHECK(scan_field(tag, field.get_view()));
      } else if (field.wire_type() == varint) {
        scan_number(tag, field.get_int64());
      } else {
        field.skip();
      }
    }
    return {};
  });
  if (status) return check_texts();
  return wrong(fmt::format("byte {}: {}", at, status.error().what));
}

Status Reader::scan_comments(ProfileMessage& field) {
  auto add = [this](std::int64_t text) -> Status {
    SL_CHECK(budget_.take<std::int64_t>());
    comments_.push_back(text);
    return {};
  };
  if (field.wire_type() == varint) return add(field.get_int64());
  if (field.wire_type() != length_delimited) return wrong("cut or malformed");
  for (auto text : field.get_packed_int64()) SL_CHECK(add(text));
  return {};
}

void Reader::scan_number(ProfileField field, std::int64_t number) {
  if (field == ProfileField::time_nanos) time_ = number;
  if (field == ProfileField::duration_nanos) duration_ = number;
  if (field == ProfileField::period) period_ = number;
  if (field == ProfileField::default_sample_type) default_type_ = number;
}

Status Reader::check_texts() const {
  if (texts_.empty() || !texts_.front().empty()) {
    return wrong("its texts do not begin with the empty one");
  }
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    if (!is_utf8(texts_[i])) return wrong(fmt::format("text {}: no UTF-8", i));
  }
  return {};
}

Result<std::string_view> Reader::text(std::uint64_t number) const {
  if (number < texts_.size()) return texts_[number];
  return wrong(fmt::format("no text {}", number));
}

Result<ValueType> Reader::read_value_type(data_view message) const {
  Numbers<ValueTypeField> field;
  SL_CHECK(field.read(message));
  return ValueType{.type = SL_TRY(text(field[ValueTypeField::type])),
                   .unit = SL_TRY(text(field[ValueTypeField::unit]))};
}

Status Reader::read_sample_type(data_view message) {
  SL_CHECK(budget_.take<ValueType>());
  profile_.header.sample_types.push_back(SL_TRY(read_value_type(message)));
  return {};
}

Status Reader::read_period_type(data_view message) {
  profile_.header.period_type = SL_TRY(read_value_type(message));
  return {};
}

Status Reader::read_header() {
  auto& header = profile_.header;
  header.default_sample_type =
      SL_TRY(text(static_cast<std::uint64_t>(default_type_)));
  header.period = SL_TRY(not_negative(period_, "the period"));
  header.time_ns = SL_TRY(not_negative(time_, "the time"));
  header.duration_ns = SL_TRY(not_negative(duration_, "the duration"));
  for (auto comment : comments_) {
    SL_CHECK(budget_.take<std::string_view>());
    profile_.comments.push_back(
        SL_TRY(text(static_cast<std::uint64_t>(comment))));
  }
  return {};
}

Status Reader::read_mapping(data_view message) {
  SL_CHECK(budget_.take<Mapping>());
  using enum MappingField;
  Numbers<MappingField> field;
  SL_CHECK(field.read(message));
  mapping_ids_.add(field[id]);
  profile_.mappings.push_back(
      {.start = field[memory_start],
       .limit = field[memory_limit],
       .file_offset = field[file_offset],
       .file = SL_TRY(text(field[filename])),
       .build_id = SL_TRY(text(field[build_id])),
       .has_functions = field[has_functions] != 0,
       .has_filenames = field[has_filenames] != 0,
       .has_line_numbers = field[has_line_numbers] != 0,
       .has_inline_frames = field[has_inline_frames] != 0});
  return {};
}

// The name in the symbol table stands in where there is no other.
Status Reader::read_function(data_view message) {
  SL_CHECK(budget_.take<Function>());
  Numbers<FunctionField> field;
  SL_CHECK(field.read(message));
  function_ids_.add(field[FunctionField::id]);
  Function function{.name = SL_TRY(text(field[FunctionField::name])),
                    .file = SL_TRY(text(field[FunctionField::filename]))};
  if (function.name.empty()) {
    function.name = SL_TRY(text(field[FunctionField::system_name]));
  }
  profile_.functions.push_back(function);
  return {};
}

Result<Line> Reader::read_line(data_view message) {
  SL_CHECK(budget_.take<Line>());
  Numbers<LineField> field;
  SL_CHECK(field.read(message));
  return Line{
      .function = SL_TRY(function_ids_.find(field[LineField::function_id])),
      .line = SL_TRY(not_negative(
          static_cast<std::int64_t>(field[LineField::line]), "a line"))};
}

Status Reader::read_location(data_view message) {
  SL_CHECK(budget_.take<Location>());
  Location location;
  Numbers<LocationField> field;
  auto add_line = [&](LocationField inner, data_view line) -> Status {
    if (inner != LocationField::line) return {};
    location.lines.push_back(SL_TRY(read_line(line)));
    return {};
  };
  SL_CHECK(field.read(message, add_line));
  location.address = field[LocationField::address];
  if (auto mapping = field[LocationField::mapping_id]) {
    location.mapping = SL_TRY(mapping_ids_.find(mapping));
  }
  location_ids_.add(field[LocationField::id]);
  profile_.locations.push_back(std::move(location));
  return {};
}

// One that says nothing is none.
Status Reader::read_label(data_view message, Sample& sample) {
  SL_CHECK(budget_.take<Label>());
  Numbers<LabelField> field;
  SL_CHECK(field.read(message));
  Label label{.key = SL_TRY(text(field[LabelField::key])),
              .text = SL_TRY(text(field[LabelField::str])),
              .number = static_cast<std::int64_t>(field[LabelField::num]),
              .unit = SL_TRY(text(field[LabelField::num_unit]))};
  label.is_number = label.text.empty();
  if (!label.is_number) {
    sample.labels.push_back(Label::of_text(label.key, label.text));
  } else if (label.number != 0 || !label.unit.empty()) {
    sample.labels.push_back(label);
  }
  return {};
}

Status Reader::add_location(Sample& sample, std::uint64_t id) {
  SL_CHECK(budget_.take<Index>());
  sample.locations.push_back(SL_TRY(location_ids_.find(id)));
  return {};
}

Status Reader::add_value(Sample& sample, std::int64_t value) {
  SL_CHECK(budget_.take<std::uint64_t>());
  sample.values.push_back(SL_TRY(not_negative(value, "a value")));
  return {};
}

Status Reader::read_sample(data_view message) {
  SL_CHECK(budget_.take<Sample>());
  Sample sample;
  protozero::pbf_message<SampleField> field(message);
  while (field.next()) {
    switch (field.tag_and_type()) {
      case tag_and_type(SampleField::location_id, varint):
        SL_CHECK(add_location(sample, field.get_uint64()));
        break;
      case tag_and_type(SampleField::location_id, length_delimited):
        for (auto id : field.get_packed_uint64())
          SL_CHECK(add_location(sample, id));
        break;
      case tag_and_type(SampleField::value, varint):
        SL_CHECK(add_value(sample, field.get_int64()));
        break;
      case tag_and_type(SampleField::value, length_delimited):
        for (auto value : field.get_packed_int64())
          SL_CHECK(add_value(sample, value));
        break;
      case tag_and_type(SampleField::label, length_delimited):
        SL_CHECK(read_label(field.get_view(), sample));
        break;
      default:
        field.skip();
    }
  }
  auto types = profile_.header.sample_types.size();
  if (sample.values.size() != types) {
    return wrong(fmt::format("{} values for {} sample types",
                             sample.values.size(), types));
  }
  profile_.samples.push_back(std::move(sample));
  return {};
}

Result<Profile> Reader::read() {
  SL_CHECK(scan());
  SL_CHECK(read_header());
  SL_CHECK(each("sample type", types_, &Reader::read_sample_type));
  SL_CHECK(each("period type", {period_type_}, &Reader::read_period_type));
  SL_CHECK(each("mapping", mappings_, &Reader::read_mapping));
  SL_CHECK(mapping_ids_.seal());
  SL_CHECK(each("function", functions_, &Reader::read_function));
  SL_CHECK(function_ids_.seal());
  SL_CHECK(each("location", locations_, &Reader::read_location));
  SL_CHECK(location_ids_.seal());
  SL_CHECK(each("sample", samples_, &Reader::read_sample));
  return std::move(profile_);
}

}  // namespace

Result<Profile> read_pprof(std::string_view packed, const PprofLimits& limits) {
  auto read = [&]() -> Result<Profile> {
    auto bytes = SL_TRY(gunzip(packed, limits.unpacked_bytes));
    return Reader(std::move(bytes), limits).read();
  };
  auto profile = read();
  if (profile) return profile;
  return wrong(fmt::format("not a pprof profile: {}", profile.error().what));
}

}  // namespace sightline::output
