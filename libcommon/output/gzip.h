// SPDX-License-Identifier: Apache-2.0
// gzip: written piece by piece, and unpacked within a bound.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

struct z_stream_s;

namespace sightline::output {

// One gzip member, without a time or a name, so that the same bytes give the
// same file. Takes 256 KiB. For one thread at a time.
class GzipStream {
 public:
  using Write = std::function<Status(std::string_view bytes)>;

  // Nothing is written yet. Fails when there is no memory.
  static Result<GzipStream> open(Write write);

  // Both fail as `write` does.
  Status write(std::string_view bytes);
  Status finish();

 private:
  struct Closer {
    void operator()(z_stream_s* stream) const;
  };
  Status deflate_all(std::string_view bytes, int flush);

  // zlib keeps a pointer back, so it must stay where it is.
  std::unique_ptr<z_stream_s, Closer> stream_;
  Write write_;
};

// The bytes of the one member that `packed` is. Fails when it is none, is
// damaged, cut or followed by something, or unpacks to more than `most_bytes`,
// of which no more are unpacked then. Thread-safe.
Result<std::string> gunzip(std::string_view packed, std::size_t most_bytes);

}  // namespace sightline::output
