// SPDX-License-Identifier: Apache-2.0
#include "symbol/source_table.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sightline::symbol {
namespace {

constexpr std::size_t max_text = 1U << 15;
constexpr std::size_t max_payload = 1U << 16;
constexpr std::size_t max_texts_bytes = 64U << 20;
constexpr std::size_t max_chain = 256;
constexpr std::size_t max_frames = 16U << 20;
constexpr std::size_t flush_at = 1U << 15;

// Both sides are the same program on the same machine: numbers are as they are
// in memory.
enum Kind : std::uint32_t { kind_text, kind_chain, kind_progress, kind_end };
struct Header {
  std::uint32_t kind;
  std::uint32_t size;
};

template <typename T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

template <typename T>
bool read_into(T& value, std::string_view bytes) {
  if (bytes.size() != sizeof value) return false;
  std::memcpy(&value, bytes.data(), sizeof value);
  return true;
}

}  // namespace

void SourceEncoder::message(std::uint32_t kind, std::string_view payload) {
  const Header header{kind, static_cast<std::uint32_t>(payload.size())};
  buffer_.append(bytes_of(header)).append(payload);
  if (buffer_.size() >= flush_at) flush();
}

void SourceEncoder::flush() {
  std::string_view left = buffer_;
  while (!left.empty()) {
    const ssize_t put = ::write(fd_, left.data(), left.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) break;
    left.remove_prefix(static_cast<std::size_t>(put));
  }
  buffer_.clear();
}

std::uint32_t SourceEncoder::text(std::string_view text) {
  if (text.empty()) return 0;
  const auto next = static_cast<std::uint32_t>(ids_.size() + 1);
  const auto [at, added] =
      ids_.try_emplace(std::string(text.substr(0, max_text)), next);
  if (added) message(kind_text, at->first);
  return at->second;
}

void SourceEncoder::chain(std::size_t index,
                          std::span<const DwarfFrame> frames) {
  const auto number = static_cast<std::uint32_t>(index);
  std::string payload(bytes_of(number));
  for (const auto& frame : frames.first(std::min(frames.size(), max_chain))) {
    const SourceFrame coded{text(frame.function), text(frame.file), frame.line};
    payload.append(bytes_of(coded));
  }
  message(kind_chain, payload);
}

void SourceEncoder::progress(std::size_t done) {
  const auto number = static_cast<std::uint32_t>(done);
  message(kind_progress, bytes_of(number));
  flush();
}

void SourceEncoder::end(Reason reason) {
  const auto number = static_cast<std::uint32_t>(reason);
  message(kind_end, bytes_of(number));
  flush();
}

bool SourceDecoder::take(std::span<const char> bytes) {
  pending_.append(bytes.data(), bytes.size());
  std::string_view left = pending_;
  Header header{};
  while (read_into(header, left.substr(0, sizeof header))) {
    if (header.size > max_payload || ended_) return false;
    if (left.size() - sizeof header < header.size) break;
    if (!take_message(header.kind, left.substr(sizeof header, header.size))) {
      return false;
    }
    left.remove_prefix(sizeof header + header.size);
  }
  pending_.erase(0, pending_.size() - left.size());
  return true;
}

bool SourceDecoder::take_message(std::uint32_t kind, std::string_view payload) {
  std::uint32_t number = 0;
  switch (kind) {
    case kind_text:
      text_bytes_ += payload.size() + sizeof(std::string);
      full_ = text_bytes_ > max_texts_bytes;
      if (payload.size() > max_text || full_) return false;
      table_.texts.emplace_back(payload);
      return true;
    case kind_chain:
      return take_chain(payload);
    case kind_progress:
      if (!read_into(number, payload)) return false;
      done_ = std::min<std::size_t>(number, table_.chains.size());
      return true;
    case kind_end:
      if (!read_into(number, payload)) return false;
      for (const auto reason : {Reason::no_debug_info, Reason::split_debug_info,
                                Reason::corrupt_debug_info}) {
        if (number == static_cast<std::uint32_t>(reason)) {
          table_.reason = reason;
        }
      }
      ended_ = true;
      return table_.reason != Reason::none;
    default:
      return false;
  }
}

bool SourceDecoder::take_chain(std::string_view payload) {
  std::uint32_t index = 0;
  if (!read_into(index, payload.substr(0, sizeof index))) return false;
  payload.remove_prefix(sizeof index);
  const std::size_t count = payload.size() / sizeof(SourceFrame);
  if (payload.size() % sizeof(SourceFrame) != 0 || count == 0 ||
      count > max_chain || index >= table_.chains.size() ||
      table_.chains[index].count != 0) {
    return false;
  }
  full_ = table_.frames.size() + count > max_frames;
  if (full_) return false;
  table_.chains[index] = {static_cast<std::uint32_t>(table_.frames.size()),
                          static_cast<std::uint32_t>(count)};
  for (; !payload.empty(); payload.remove_prefix(sizeof(SourceFrame))) {
    SourceFrame frame;
    read_into(frame, payload.substr(0, sizeof frame));
    if (std::max(frame.function, frame.file) >= table_.texts.size()) {
      return false;
    }
    table_.frames.push_back(frame);
  }
  return true;
}

}  // namespace sightline::symbol
