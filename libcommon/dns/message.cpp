// SPDX-License-Identifier: Apache-2.0
#include "dns/message.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

#include "dns/host_name.h"

namespace sightline::dns {
namespace {

// RFC 1035, 2.3.4 and 3.2; AAAA: RFC 3596, 2.1.
constexpr std::size_t most_name_bytes = 255;
constexpr std::uint16_t type_a = 1;
constexpr std::uint16_t type_cname = 5;
constexpr std::uint16_t type_aaaa = 28;
constexpr std::uint16_t class_in = 1;

// RFC 1035, 4.1.1: QR, which is 1 in answers; OPCODE and RCODE, which are 0 in
// what we want.
constexpr std::uint16_t answer_flag = 0x8000;
constexpr std::uint16_t zero_flags = 0x780f;

// A name has no more labels than this, and need not have more pointers.
constexpr int most_pointers = 127;
// Resolvers give up long before.
constexpr std::size_t most_aliases = 64;

void append_label(std::string& name, std::span<const std::byte> label) {
  if (!name.empty()) name += '.';
  for (std::byte byte : label) {
    auto c = static_cast<unsigned char>(byte);
    if (c <= ' ' || c > '~') {
      fmt::format_to(std::back_inserter(name), "\\{:03}", c);
      continue;
    }
    if (c == '.' || c == '\\') name += '\\';
    name += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
}

// Reads from the front of a message; after the first thing that is not there,
// nothing is.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> message) : message_(message) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t at() const { return at_; }

  std::span<const std::byte> bytes(std::size_t count) {
    ok_ = ok_ && message_.size() - at_ >= count;
    if (!ok_) return {};
    return message_.subspan(std::exchange(at_, at_ + count), count);
  }

  std::uint16_t number() {
    auto two = bytes(2);
    if (!ok_) return 0;
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(two[0]) << 8 |
                                      std::to_integer<unsigned>(two[1]));
  }

  // Compressed or not (RFC 1035, 4.1.4).
  std::string name();

  // A name that stands elsewhere in the message.
  [[nodiscard]] std::string name_at(std::size_t at) const {
    Reader reader(message_);
    reader.at_ = at;
    return reader.name();
  }

 private:
  std::span<const std::byte> message_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

std::string Reader::name() {
  std::string name;
  std::optional<std::size_t> behind;  // the first pointer
  std::size_t length = 1;
  for (int pointers = 0; ok_;) {
    auto first = bytes(1);
    if (!ok_) break;
    auto size = std::to_integer<std::size_t>(first[0]);
    if (size == 0) {
      at_ = behind.value_or(at_);
      return name.empty() ? "." : name;
    }
    if (size >= 0xc0) {
      auto second = bytes(1);
      if (!ok_) break;
      if (!behind) behind = at_;
      at_ = (size & 0x3f) << 8 | std::to_integer<std::size_t>(second[0]);
      ok_ = ++pointers <= most_pointers && at_ < message_.size();
      continue;
    }
    length += 1 + size;
    if (size > 63 || length > most_name_bytes) ok_ = false;
    append_label(name, bytes(size));
  }
  return {};
}

struct Record {
  std::string owner;
  std::uint16_t type = 0;
  std::span<const std::byte> data;
  std::string target = {};  // of a CNAME
};

std::optional<Record> read_record(Reader& reader) {
  Record record{.owner = reader.name(), .type = reader.number(), .data = {}};
  auto record_class = reader.number();
  reader.bytes(4);  // how long it may be kept
  auto size = reader.number();
  auto at = reader.at();
  record.data = reader.bytes(size);
  if (!reader.ok()) return std::nullopt;
  if (record_class != class_in) record.type = 0;
  if (record.type == type_cname) record.target = reader.name_at(at);
  return record;
}

std::vector<Record> read_records(Reader& reader, std::size_t count) {
  std::vector<Record> records;
  while (records.size() < std::min(count, most_records)) {
    auto record = read_record(reader);
    if (!record) break;
    records.push_back(*std::move(record));
  }
  return records;
}

// The name and what it is an alias of, each once, so that circles end.
std::vector<std::string> follow_aliases(const std::string& name,
                                        std::span<const Record> records) {
  std::vector<std::string> names{name};
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (const auto& record : records) {
      bool leads_on = record.type == type_cname && record.owner == names[i] &&
                      !record.target.empty() && names.size() < most_aliases &&
                      std::ranges::find(names, record.target) == names.end();
      if (leads_on) names.push_back(record.target);
    }
  }
  return names;
}

// The header and the question behind it.
struct Head {
  bool is_answer = false;
  std::size_t answers = 0;
  Question question;
};

std::optional<Head> read_head(Reader& reader) {
  Head head;
  head.question.id = reader.number();
  auto flags = reader.number();
  auto questions = reader.number();
  head.answers = reader.number();
  reader.bytes(4);  // counts of what comes behind the answers
  bool wanted = (flags & zero_flags) == 0 && questions == 1;
  if (!reader.ok() || !wanted) return std::nullopt;
  head.is_answer = (flags & answer_flag) != 0;
  head.question.name = reader.name();
  head.question.type = reader.number();
  bool sound = reader.number() == class_in && reader.ok() &&
               is_host_name(head.question.name);
  if (!sound) return std::nullopt;
  return head;
}

bool is_address(const Record& record) {
  return (record.type == type_a && record.data.size() == 4) ||
         (record.type == type_aaaa && record.data.size() == 16);
}

}  // namespace

std::optional<Question> parse_question(std::span<const std::byte> message) {
  Reader reader(message);
  auto head = read_head(reader);
  if (!head || head->is_answer) return std::nullopt;
  return std::move(head->question);
}

std::optional<Answer> parse_answer(std::span<const std::byte> message) {
  Reader reader(message);
  auto head = read_head(reader);
  if (!head || !head->is_answer) return std::nullopt;
  Answer answer{.question = std::move(head->question), .addresses = {}};
  auto records = read_records(reader, head->answers);
  auto names = follow_aliases(answer.question.name, records);
  for (const auto& record : records) {
    bool answers_it = is_address(record) &&
                      std::ranges::find(names, record.owner) != names.end();
    if (answers_it) answer.addresses.push_back(*address_of(record.data));
  }
  if (answer.addresses.empty()) return std::nullopt;
  return answer;
}

}  // namespace sightline::dns
