// SPDX-License-Identifier: Apache-2.0
#include "output/pprof_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <limits>
#include <protozero/pbf_builder.hpp>

#include "base/text.h"
#include "output/pprof_fields.h"

namespace sightline::output {
namespace {

using namespace pprof;

using ProfileBuilder = protozero::pbf_builder<ProfileField>;

constexpr std::size_t send_bytes = 64U << 10;
constexpr std::uint64_t most_value = std::numeric_limits<std::int64_t>::max();

std::int64_t signed_value(std::uint64_t value) {
  return static_cast<std::int64_t>(std::min(value, most_value));
}

// In the file, 0 is none.
std::uint64_t id_of(Index index) { return std::uint64_t{index} + 1; }

void put_value_type(std::string& out, ProfileField field, std::uint32_t type,
                    std::uint32_t unit) {
  ProfileBuilder profile(out);
  protozero::pbf_builder<ValueTypeField> message(profile, field);
  message.add_int64(ValueTypeField::type, type);
  message.add_int64(ValueTypeField::unit, unit);
}

}  // namespace

Result<PprofWriter> PprofWriter::open(const Header& header, Write write) {
  PprofWriter writer(SL_TRY(GzipStream::open(std::move(write))));
  writer.intern("");  // number 0 must be the empty text
  writer.put_header(header);
  return writer;
}

void PprofWriter::put_header(const Header& header) {
  for (const auto& type : header.sample_types) {
    put_value_type(pending_, ProfileField::sample_type, intern(type.type),
                   intern(type.unit));
  }
  totals_.resize(header.sample_types.size());
  auto preferred = intern(header.default_sample_type);
  put_value_type(pending_, ProfileField::period_type,
                 intern(header.period_type.type),
                 intern(header.period_type.unit));
  ProfileBuilder profile(pending_);
  profile.add_int64(ProfileField::default_sample_type, preferred);
  profile.add_int64(ProfileField::period, signed_value(header.period));
  profile.add_int64(ProfileField::time_nanos, signed_value(header.time_ns));
  profile.add_int64(ProfileField::duration_nanos,
                    signed_value(header.duration_ns));
}

// Put out at once: never while another message is being built.
std::uint32_t PprofWriter::intern(std::string_view text) {
  auto next = static_cast<std::uint32_t>(texts_.size());
  auto [at, added] = texts_.try_emplace(std::string(text), next);
  if (added) {
    ProfileBuilder(pending_).add_string(ProfileField::string_table,
                                        printable(text));
  }
  return at->second;
}

Index PprofWriter::add_function(const Function& function) {
  auto name = intern(function.name);
  auto file = intern(function.file);
  auto [at, added] = functions_.try_emplace(
      {name, file}, static_cast<Index>(functions_.size()));
  if (!added) return at->second;
  ProfileBuilder profile(pending_);
  protozero::pbf_builder<FunctionField> message(profile,
                                                ProfileField::function);
  message.add_uint64(FunctionField::id, id_of(at->second));
  message.add_int64(FunctionField::name, name);
  message.add_int64(FunctionField::filename, file);
  return at->second;
}

Index PprofWriter::add_mapping(const Mapping& mapping) {
  auto file = intern(mapping.file);
  auto build_id = intern(mapping.build_id);
  ProfileBuilder profile(pending_);
  protozero::pbf_builder<MappingField> message(profile, ProfileField::mapping);
  message.add_uint64(MappingField::id, id_of(mapping_count_));
  message.add_uint64(MappingField::memory_start, mapping.start);
  message.add_uint64(MappingField::memory_limit, mapping.limit);
  message.add_uint64(MappingField::file_offset, mapping.file_offset);
  message.add_int64(MappingField::filename, file);
  message.add_int64(MappingField::build_id, build_id);
  message.add_bool(MappingField::has_functions, mapping.has_functions);
  message.add_bool(MappingField::has_filenames, mapping.has_filenames);
  message.add_bool(MappingField::has_line_numbers, mapping.has_line_numbers);
  message.add_bool(MappingField::has_inline_frames, mapping.has_inline_frames);
  return mapping_count_++;
}

Index PprofWriter::add_location(const Location& location) {
  ProfileBuilder profile(pending_);
  protozero::pbf_builder<LocationField> message(profile,
                                                ProfileField::location);
  message.add_uint64(LocationField::id, id_of(location_count_));
  if (location.mapping) {
    message.add_uint64(LocationField::mapping_id, id_of(*location.mapping));
  }
  message.add_uint64(LocationField::address, location.address);
  for (const auto& line : location.lines) {
    protozero::pbf_builder<LineField> of_line(message, LocationField::line);
    of_line.add_uint64(LineField::function_id, id_of(line.function));
    of_line.add_int64(LineField::line, signed_value(line.line));
  }
  return location_count_++;
}

void PprofWriter::add_comment(std::string_view text) {
  auto comment = intern(text);
  ProfileBuilder(pending_).add_int64(ProfileField::comment, comment);
}

// What is left of 63 bits for the sum of a sample type.
std::int64_t PprofWriter::fit(std::size_t type, std::uint64_t value) {
  auto fitting = std::min(value, most_value - totals_[type]);
  totals_[type] += fitting;
  if (fitting < value) ++cut_values_;
  return static_cast<std::int64_t>(fitting);
}

void PprofWriter::put_label(std::string& message, const Label& label) {
  bool is_none = label.is_number ? label.number == 0 && label.unit.empty()
                                 : label.text.empty();
  if (is_none) return;
  auto key = intern(label.key);
  auto text = intern(label.text);
  auto unit = intern(label.unit);
  protozero::pbf_builder<SampleField> sample(message);
  protozero::pbf_builder<LabelField> of_label(sample, SampleField::label);
  of_label.add_int64(LabelField::key, key);
  if (label.is_number) {
    of_label.add_int64(LabelField::num, label.number);
    of_label.add_int64(LabelField::num_unit, unit);
  } else {
    of_label.add_int64(LabelField::str, text);
  }
}

Status PprofWriter::add_sample(std::span<const Index> locations,
                               std::span<const std::uint64_t> values,
                               std::span<const Label> labels) {
  assert(values.size() == totals_.size());
  std::vector<std::uint64_t> ids(locations.size());
  std::ranges::transform(locations, ids.begin(), id_of);
  std::vector<std::int64_t> fitted(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) fitted[i] = fit(i, values[i]);
  // Beside the others, for its labels may bring new texts.
  std::string message;
  protozero::pbf_builder<SampleField> sample(message);
  sample.add_packed_uint64(SampleField::location_id, ids.begin(), ids.end());
  sample.add_packed_int64(SampleField::value, fitted.begin(), fitted.end());
  for (const auto& label : labels) put_label(message, label);
  ProfileBuilder(pending_).add_message(ProfileField::sample, message);
  return pending_.size() < send_bytes ? sent_ : send();
}

Status PprofWriter::send() {
  if (sent_) sent_ = gzip_.write(pending_);
  pending_.clear();
  return sent_;
}

Status PprofWriter::finish() {
  if (cut_values_ > 0) {
    add_comment(
        fmt::format("{} values were cut: the sum of a sample type is "
                    "at most 2^63 - 1",
                    cut_values_));
  }
  SL_CHECK(send());
  return sent_ = gzip_.finish();
}

}  // namespace sightline::output
