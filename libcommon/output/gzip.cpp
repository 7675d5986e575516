// SPDX-License-Identifier: Apache-2.0
#include "output/gzip.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <utility>

namespace sightline::output {
namespace {

constexpr int gzip_window = 15 + 16;  // the largest, with a gzip header
constexpr int memory_level = 8;       // zlib's own choice
constexpr std::size_t piece_bytes = 64U << 10;

// zlib counts in unsigned int and takes its input as not constant.
std::string_view take_piece(z_stream& stream, std::string_view bytes) {
  constexpr std::size_t most = std::numeric_limits<unsigned>::max();
  auto piece = bytes.substr(0, most);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
  stream.avail_in = static_cast<unsigned>(piece.size());
  return bytes.substr(piece.size());
}

void give_room(z_stream& stream, std::span<char> room) {
  stream.next_out = reinterpret_cast<Bytef*>(room.data());
  stream.avail_out = static_cast<unsigned>(room.size());
}

std::unexpected<Error> bad_gzip(std::string_view what) {
  return fail(ErrorKind::runtime, fmt::format("gzip data: {}", what));
}

class Inflater {
 public:
  Inflater() { ready_ = ::inflateInit2(&stream_, gzip_window) == Z_OK; }
  ~Inflater() {
    if (ready_) ::inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  Result<std::string> unpack(std::string_view packed, std::size_t most_bytes);

 private:
  z_stream stream_{};
  bool ready_ = false;
};

// One byte of room more than there may be tells that there is more.
Result<std::string> Inflater::unpack(std::string_view packed,
                                     std::size_t most_bytes) {
  if (!ready_) return bad_gzip("no memory to unpack it");
  std::string bytes;
  auto rest = packed;
  for (int code = Z_OK; code != Z_STREAM_END;) {
    if (stream_.avail_in == 0) rest = take_piece(stream_, rest);
    auto done = bytes.size();
    bytes.resize(done + std::min(piece_bytes + done, most_bytes + 1 - done));
    give_room(stream_, std::span(bytes).subspan(done));
    auto room = stream_.avail_out;
    code = ::inflate(&stream_, Z_NO_FLUSH);
    bytes.resize(done + room - stream_.avail_out);
    bool starved =
        code == Z_BUF_ERROR || (code == Z_OK && stream_.avail_in == 0 &&
                                rest.empty() && stream_.avail_out > 0);
    if (starved)
      return bad_gzip(fmt::format("cut after {} bytes", packed.size()));
    if (code != Z_OK && code != Z_STREAM_END) {
      return bad_gzip(
          fmt::format("damaged at byte {}",
                      packed.size() - rest.size() - stream_.avail_in));
    }
    if (bytes.size() > most_bytes) {
      return bad_gzip(fmt::format("unpacks to more than {} bytes", most_bytes));
    }
  }
  if (stream_.avail_in > 0 || !rest.empty()) {
    return bad_gzip(fmt::format("{} bytes too many at its end",
                                stream_.avail_in + rest.size()));
  }
  return bytes;
}

}  // namespace

void GzipStream::Closer::operator()(z_stream_s* stream) const {
  ::deflateEnd(stream);
  delete stream;
}

Result<GzipStream> GzipStream::open(Write write) {
  auto stream = std::make_unique<z_stream>();
  if (::deflateInit2(stream.get(), Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                     gzip_window, memory_level, Z_DEFAULT_STRATEGY) != Z_OK) {
    return fail(ErrorKind::runtime, "no memory to compress with");
  }
  GzipStream opened;
  opened.stream_.reset(stream.release());
  opened.write_ = std::move(write);
  return opened;
}

Status GzipStream::deflate_all(std::string_view bytes, int flush) {
  std::array<char, piece_bytes> room{};
  do {
    bytes = take_piece(*stream_, bytes);
    do {
      give_room(*stream_, room);
      // Cannot fail with a stream that was opened and room to write to.
      ::deflate(stream_.get(), bytes.empty() ? flush : Z_NO_FLUSH);
      auto made = room.size() - stream_->avail_out;
      if (made > 0) SL_CHECK(write_(std::string_view(room.data(), made)));
    } while (stream_->avail_out == 0);
  } while (!bytes.empty());
  return {};
}

Status GzipStream::write(std::string_view bytes) {
  return bytes.empty() ? Status() : deflate_all(bytes, Z_NO_FLUSH);
}

Status GzipStream::finish() { return deflate_all({}, Z_FINISH); }

Result<std::string> gunzip(std::string_view packed, std::size_t most_bytes) {
  return Inflater().unpack(packed, most_bytes);
}

}  // namespace sightline::output
