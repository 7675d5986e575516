// SPDX-License-Identifier: Apache-2.0
#include "output/sink.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <utility>

#include "base/file.h"

namespace sightline::output {
namespace {

constexpr std::size_t buffer_bytes = 64U << 10;

}  // namespace

Result<Sink> Sink::open(const std::string& path, Format format,
                        Delivery delivery) {
  Sink sink(format, delivery);
  // /dev/stdout opened anew would start at the beginning of a file that others
  // write to as well, and cannot be opened at all where it is a socket.
  if (path == "-" || path == "/dev/stdout") {
    SL_CHECK(sink.open_stdout());
  } else {
    SL_CHECK(sink.open_target(path));
  }
  return sink;
}

Status Sink::open_stdout() {
  Target target;
  target.shown = "standard output";
  stream_.reset(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  if (!stream_) return cannot_write(target.shown);
  target_ = std::make_shared<const Target>(std::move(target));
  return {};
}

Status Sink::open_target(const std::string& path) {
  target_ = std::make_shared<const Target>(SL_TRY(find_target(path)));
  if (target_->special) {
    stream_ = SL_TRY(open_special(*target_));
    return {};
  }
  return delivery_ == Delivery::live ? open_live_file() : stage();
}

// O_APPEND: a log that is emptied while it is written to goes on at its start.
Status Sink::open_live_file() {
  stream_.reset(::openat(target_->directory.get(), target_->name.c_str(),
                         O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
                         0666));
  if (!stream_) return cannot_write(target_->shown);
  holds_old_text_ = true;
  return {};
}

Status Sink::stage() {
  staged_.reset();
  staged_ = SL_TRY(StagedFile::create(target_));
  return {};
}

Status Sink::send(std::string_view text) {
  if (holds_old_text_ && ::ftruncate(stream_.get(), 0) != 0) {
    return cannot_write(target_->shown);
  }
  holds_old_text_ = false;
  if (!stream_ && !staged_) SL_CHECK(stage());
  int fd = stream_ ? stream_.get() : staged_->fd();
  auto written = write_all(fd, text.data(), text.size());
  if (written) return {};
  reader_gone_ = written.error().err == EPIPE;
  if (reader_gone_) return {};
  return cannot_write(target_->shown, written.error().err);
}

Status Sink::flush() {
  auto sent = reader_gone_ ? Status{} : send(buffer_);
  buffer_.clear();
  if (!sent) failure_ = sent.error();
  return sent;
}

Status Sink::write(std::string_view text) {
  if (failure_) return std::unexpected(*failure_);
  buffer_.append(text);
  bool due = delivery_ == Delivery::live || buffer_.size() >= buffer_bytes;
  return due ? flush() : Status{};
}

Status Sink::begin_report() {
  buffer_.clear();
  failure_.reset();
  return stream_ ? Status{} : stage();
}

Status Sink::commit() {
  if (failure_) return std::unexpected(*failure_);
  SL_CHECK(flush());
  if (!staged_) return {};
  auto published = staged_->publish();
  staged_.reset();
  if (!published) failure_ = published.error();
  return published;
}

bool Sink::is_terminal() const {
  return stream_ && ::isatty(stream_.get()) == 1;
}

}  // namespace sightline::output
