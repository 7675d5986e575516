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
constexpr std::size_t most_room = 64U << 20;

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
  int append_to(std::string& bytes, std::size_t most_bytes);
  [[nodiscard]] std::size_t left() const {
    return stream_.avail_in + rest_.size();
  }

  z_stream stream_{};
  std::string_view rest_;  // behind what the stream was given
  bool ready_ = false;
};

// Takes what is there, up to one byte more than there may be, which tells that
// there is more.
int Inflater::append_to(std::string& bytes, std::size_t most_bytes) {
  if (stream_.avail_in == 0) rest_ = take_piece(stream_, rest_);
  auto done = bytes.size();
  auto room = std::min({piece_bytes + done, most_room, most_bytes - done});
  bytes.resize(done + room + 1);
  give_room(stream_, std::span(bytes).subspan(done));
  int code = ::inflate(&stream_, Z_NO_FLUSH);
  bytes.resize(bytes.size() - stream_.avail_out);
  return code;
}

Result<std::string> Inflater::unpack(std::string_view packed,
                                     std::size_t most_bytes) {
  if (!ready_) return bad_gzip("no memory to unpack it");
  rest_ = packed;
  std::string bytes;
  for (int code = Z_OK; code != Z_STREAM_END;) {
    code = append_to(bytes, most_bytes);
    // There is always room, so it is input that is wanting.
    if (code == Z_BUF_ERROR) {
      return bad_gzip(fmt::format("cut after {} bytes", packed.size()));
    }
    if (code != Z_OK && code != Z_STREAM_END) {
      return bad_gzip(
          fmt::format("damaged at byte {}", packed.size() - left()));
    }
    if (bytes.size() > most_bytes) {
      return bad_gzip(fmt::format("unpacks to more than {} bytes", most_bytes));
    }
  }
  if (left() == 0) return bytes;
  return bad_gzip(fmt::format("{} bytes too many at its end", left()));
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
