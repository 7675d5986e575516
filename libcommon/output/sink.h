// SPDX-License-Identifier: Apache-2.0
// One place that output goes to: standard output or one -o FILE.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/handle.h"
#include "output/staged_file.h"
#include "output/target.h"

namespace sightline::output {

enum class Format : std::uint8_t { table, folded, json, pprof, svg };

// Formats that are one document a file: nothing can follow it there.
constexpr bool is_document(Format format) {
  return format == Format::pprof || format == Format::svg;
}

enum class Delivery : std::uint8_t {
  whole,  // reports; each takes the place of the one before it
  live,   // lines or intervals, one after the other, out at once
};

// An output that is opened before anything is attached, so that a path that
// cannot be written fails at once. For one thread at a time.
//
// - whole, into a regular file or a name not taken yet: a report is written
//   beside it and takes its place in commit(); see StagedFile. Until then, and
//   for ever after a failure, the old text stays.
// - live, into a regular file: it is emptied by the first write, not by open(),
//   and then appended to.
// - standard output ("-" or /dev/stdout), devices, FIFOs, /dev/fd/N: written in
//   place; a whole report leaves at the latest in commit().
//
// SIGPIPE must be ignored by the program.
class Sink {
 public:
  // Fails with a sentence that names the path; kind `runtime`.
  static Result<Sink> open(const std::string& path, Format format,
                           Delivery delivery = Delivery::whole);

  [[nodiscard]] Format format() const { return format_; }
  [[nodiscard]] Delivery delivery() const { return delivery_; }

  // Takes text; whole lines, when live. The first failure is repeated by every
  // later call until begin_report(), so that no torn report is published.
  // A reader that went away is no failure: see reader_gone().
  Status write(std::string_view text);

  // Starts another report: forgets what was written since the last commit()
  // and has not left yet. Not needed for the first.
  Status begin_report();

  // Ends a whole report: it is in place, or handed to the system, afterwards.
  Status commit();

  // The other end of the pipe is closed. Writes are dropped from then on; it is
  // time to end quietly.
  [[nodiscard]] bool reader_gone() const { return reader_gone_; }

  // A person reads it: colour and truncation are welcome.
  [[nodiscard]] bool is_terminal() const;

  // What is written in place, to be watched for its reader's hang-up (EPOLLERR)
  // or asked for its width; -1 where a file is replaced.
  [[nodiscard]] int fd() const { return stream_.get(); }

 private:
  Sink(Format format, Delivery delivery)
      : format_(format), delivery_(delivery) {}
  Status open_stdout();
  Status open_live_file();
  Status open_target(const std::string& path);
  Status stage();
  Status flush();
  Status send(std::string_view text);

  Format format_;
  Delivery delivery_;
  std::shared_ptr<const Target> target_;
  UniqueFd stream_;
  std::optional<StagedFile> staged_;
  std::string buffer_;
  std::optional<Error> failure_;
  bool holds_old_text_ = false;  // live: nothing written to the file yet
  bool reader_gone_ = false;
};

}  // namespace sightline::output
