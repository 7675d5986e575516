// SPDX-License-Identifier: Apache-2.0
#include "symbol/debug_data.h"

#include <lzma.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/file.h"

namespace sightline::symbol {
namespace {

constexpr std::uint64_t max_compressed = 32U << 20;
constexpr std::uint64_t max_decompressed = 128U << 20;
constexpr std::uint64_t max_decoder_memory = 72U << 20;
constexpr std::size_t chunk_size = 1U << 16;

// A decoder for one xz stream, freed with its dictionary.
class XzDecoder {
 public:
  XzDecoder() = default;
  XzDecoder(const XzDecoder&) = delete;
  XzDecoder& operator=(const XzDecoder&) = delete;
  ~XzDecoder() { lzma_end(&stream); }

  bool start() {
    return lzma_stream_decoder(&stream, max_decoder_memory, 0) == LZMA_OK;
  }

  lzma_stream stream = LZMA_STREAM_INIT;
};

// Hands the decoder the next piece of the section.
bool refill(const ElfFile& file, const Section& section, lzma_stream& stream,
            std::vector<char>& buffer) {
  const std::uint64_t left = section.file_size - stream.total_in;
  const auto want = std::min<std::uint64_t>(buffer.size(), left);
  stream.avail_in = file.read_at(section.offset + stream.total_in,
                                 std::span(buffer).first(want));
  stream.next_in = reinterpret_cast<const std::uint8_t*>(buffer.data());
  return stream.avail_in != 0;
}

// The decompressed bytes, in a file; none if the stream does not end well.
UniqueFd decompress(const ElfFile& file, const Section& section) {
  UniqueFd into(memfd_create("debug-data", MFD_CLOEXEC));
  XzDecoder decoder;
  if (!into || !decoder.start()) return {};
  lzma_stream& stream = decoder.stream;
  std::vector<char> input(chunk_size);
  std::vector<char> output(chunk_size);
  for (lzma_ret state = LZMA_OK; state == LZMA_OK;) {
    if (stream.avail_in == 0 && !refill(file, section, stream, input)) {
      return {};
    }
    stream.next_out = reinterpret_cast<std::uint8_t*>(output.data());
    stream.avail_out = output.size();
    state = lzma_code(&stream, LZMA_RUN);
    if (state != LZMA_OK && state != LZMA_STREAM_END) return {};
    const std::size_t made = output.size() - stream.avail_out;
    if (stream.total_out > max_decompressed ||
        !write_all(into.get(), output.data(), made)) {
      return {};
    }
  }
  return into;
}

}  // namespace

std::expected<ElfFile, Reason> open_debug_data(const ElfFile& file) {
  const Section* const section = file.find_section(".gnu_debugdata");
  if (section == nullptr) return std::unexpected(Reason::no_debug_file);
  if (section->file_size > max_compressed) {
    return std::unexpected(Reason::corrupt);
  }
  UniqueFd fd = decompress(file, *section);
  if (!fd) return std::unexpected(Reason::corrupt);
  auto inner = ElfFile::open(std::move(fd));
  if (!inner || inner->is_64bit() != file.is_64bit()) {
    return std::unexpected(Reason::corrupt);
  }
  // Not everybody keeps the note in it; one that is there must agree.
  const std::string id = inner->build_id();
  if (!id.empty() && id != file.build_id()) {
    return std::unexpected(Reason::corrupt);
  }
  return inner;
}

}  // namespace sightline::symbol
