// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/handle.h"
#include "base/text.h"
#include "recording.h"
#include "recording_json.h"
#include "recording_pprof.h"
#include "stack/fold.h"

namespace sightline::cpuprof {
namespace {

// A stack of 2,048 frames with long names has half a megabyte.
constexpr std::size_t most_line_bytes = 64U << 20;
constexpr std::size_t most_packed_bytes = 256U << 20;

// Appends what the next read() gives; false at the end.
Result<bool> read_more(int fd, std::string& bytes) {
  constexpr std::size_t piece = 64U << 10;
  const auto before = bytes.size();
  bytes.resize(before + piece);
  ssize_t got = 0;
  do {
    got = ::read(fd, bytes.data() + before, piece);
  } while (got < 0 && errno == EINTR);
  bytes.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0) return fail_errno("cannot read it");
  return got > 0;
}

std::unexpected<Error> in_line(std::uint64_t line, Error error) {
  error.what = fmt::format("line {}: {}", line, error.what);
  return std::unexpected(std::move(error));
}

// Lines of a file, one after the other.
class Lines {
 public:
  // `bytes`: what was read already.
  Lines(int fd, std::string bytes) : fd_(fd), bytes_(std::move(bytes)) {}

  // Valid until the next call; nothing behind the last.
  Result<std::optional<std::string_view>> next() {
    while (true) {
      auto end = bytes_.find('\n', at_);
      bool found = end != std::string::npos;
      if (found || ended_) return take(found ? end : bytes_.size(), found);
      if (bytes_.size() - at_ > most_line_bytes) {
        return fail(ErrorKind::runtime, "longer than a record can be");
      }
      bytes_.erase(0, std::exchange(at_, 0));
      ended_ = !SL_TRY(read_more(fd_, bytes_));
    }
  }

  // The last one has no newline: it was being written when something ended.
  [[nodiscard]] bool is_half() const { return is_half_; }

 private:
  std::optional<std::string_view> take(std::size_t end, bool found) {
    if (!found && at_ >= bytes_.size()) return std::nullopt;
    is_half_ = !found;
    auto begin = std::exchange(at_, end + 1);
    return std::string_view(bytes_).substr(begin, end - begin);
  }

  int fd_;
  std::string bytes_;
  std::size_t at_ = 0;
  bool ended_ = false;
  bool is_half_ = false;
};

Status read_lines(int fd, std::string bytes, Recording& into) {
  JsonReader reader(into);
  Lines lines(fd, std::move(bytes));
  for (std::uint64_t number = 1;; ++number) {
    auto line = lines.next();
    if (!line) return in_line(number, std::move(line.error()));
    if (!*line) break;
    auto status = trim(**line).empty() ? Status() : reader.take(**line);
    if (!status && lines.is_half() && number > 1) break;
    if (!status && number == 1) {
      status.error().hint =
          "collapsed stacks and pictures cannot be shown again; --diff takes "
          "collapsed stacks";
    }
    if (!status) return in_line(number, std::move(status.error()));
  }
  into.set_whole(SL_TRY(reader.finish()));
  return {};
}

Status read_packed(int fd, std::string bytes, Recording& into) {
  while (SL_TRY(read_more(fd, bytes))) {
    if (bytes.size() <= most_packed_bytes) continue;
    return fail(ErrorKind::runtime, "larger than a profile may be (256 MiB)");
  }
  SL_CHECK(read_pprof_recording(bytes, into));
  into.set_whole(true);
  return {};
}

constexpr std::string_view gzip("\x1f\x8b", 2);

// A file, and what is read of it to tell what it is.
struct Opened {
  UniqueFd own = {};
  int fd = STDIN_FILENO;
  std::string begin = {};

  [[nodiscard]] bool is_packed() const { return begin.starts_with(gzip); }
  [[nodiscard]] bool is_json() const { return begin.starts_with('{'); }
};

Result<Opened> open_file(const std::string& path) {
  Opened opened;
  if (path != "-") {
    opened.own.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!opened.own) return fail_errno("cannot open it");
    opened.fd = opened.own.get();
  }
  while (opened.begin.size() < gzip.size() &&
         SL_TRY(read_more(opened.fd, opened.begin))) {
  }
  return opened;
}

Status read_into(Opened& opened, Recording& into) {
  return opened.is_packed()
             ? read_packed(opened.fd, std::move(opened.begin), into)
             : read_lines(opened.fd, std::move(opened.begin), into);
}

Result<std::unique_ptr<Recording>> read_any(const std::string& path) {
  auto opened = SL_TRY(open_file(path));
  auto recording = std::make_unique<Recording>();
  SL_CHECK(read_into(opened, *recording));
  return recording;
}

Result<FoldedRun> fold_recording(Opened& opened, const Options& options) {
  Recording recording;
  SL_CHECK(read_into(opened, recording));
  SourceReport source(options);
  recording.name_here(options, source, nullptr);
  const auto& by = options.common.by;
  SL_CHECK(regroup(recording.setup(),
                   by.empty() ? std::vector<std::string>{"comm"} : by));
  auto measurement = recording.measurement();
  const auto total = measurement.profile.total();
  FoldedRun run{.whole = recording.is_whole(),
                .events = measurement.setup.events,
                .length_ns = measurement.span.length_ns(),
                .cpu_ns = measurement.setup.period_ns > 0 ? total.sum : 0};
  SL_CHECK(stack::fold(
      measurement.profile, measurement.names, measurement.labels,
      [&](std::string_view line) { return run.profile.add(trim(line)); }));
  return run;
}

Result<FoldedRun> read_stacks(Opened& opened) {
  FoldedRun run;
  Lines lines(opened.fd, std::move(opened.begin));
  for (std::uint64_t number = 1;; ++number) {
    auto line = lines.next();
    if (!line) return in_line(number, std::move(line.error()));
    if (!*line) return run;
    auto text = trim(**line);
    auto status = text.empty() ? Status() : run.profile.add(text);
    if (!status) return in_line(number, std::move(status.error()));
  }
}

Result<FoldedRun> read_any_folded(const std::string& path,
                                  const Options& options) {
  auto opened = SL_TRY(open_file(path));
  auto run = SL_TRY(opened.is_packed() || opened.is_json()
                        ? fold_recording(opened, options)
                        : read_stacks(opened));
  if (run.profile.total == 0) return fail(ErrorKind::runtime, "no samples");
  return run;
}

// Says of which file.
template <typename Value>
Result<Value> of_file(const std::string& path, Result<Value> result) {
  if (result) return result;
  auto error = std::move(result.error());
  error.what = fmt::format("{}: {}", printable(path), error.what);
  return std::unexpected(std::move(error));
}

}  // namespace

Result<std::unique_ptr<Recording>> read_recording(const std::string& path) {
  return of_file(path, read_any(path));
}

Result<FoldedRun> read_folded(const std::string& path, const Options& options) {
  return of_file(path, read_any_folded(path, options));
}

}  // namespace sightline::cpuprof
