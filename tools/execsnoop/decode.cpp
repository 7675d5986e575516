// SPDX-License-Identifier: Apache-2.0
#include "decode.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <ranges>

#include "event/record.h"
#include "execsnoop.h"

namespace sightline::execsnoop {
namespace {

using Bytes = std::span<const std::byte>;

using event::name_of;
using event::record_at;

// Takes text from the front, and nothing once a piece is longer than what is
// left.
class TextReader {
 public:
  explicit TextReader(Bytes bytes)
      : rest_(reinterpret_cast<const char*>(bytes.data()), bytes.size()) {}

  std::string_view take(std::size_t size) {
    if (size > rest_.size()) failed_ = true;
    if (failed_) return {};
    auto text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }
  // Without its NUL.
  std::string_view take_string(std::size_t size) {
    auto text = take(size);
    return text.substr(0, text.find('\0'));
  }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

// Strings with a NUL each; the last may lack it.
std::vector<std::string> split_strings(std::string_view text) {
  std::vector<std::string> strings;
  while (!text.empty()) {
    auto end = std::min(text.find('\0'), text.size());
    strings.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return strings;
}

// From the last component to the first.
std::string path_of(std::string_view text, bool cut) {
  auto components = split_strings(text);
  std::string path = cut ? "…" : "";
  for (const auto& component : components | std::views::reverse) {
    path += "/" + component;
  }
  return path.empty() ? "/" : path;
}

// What never had a path has a name: `memfd:name`.
std::string exe_of(std::string_view text, std::uint32_t flags) {
  if ((flags & EXEC_NOWHERE) == 0) {
    return path_of(text, (flags & EXEC_EXE_CUT) != 0);
  }
  return std::string(text.substr(0, text.find('\0')));
}

Times times_of(const exec_times& times) {
  return {.runtime_ns = times.runtime,
          .uncounted_ns = times.uncounted,
          .user = times.utime,
          .system = times.stime};
}

// As the kernel names it in bprm->filename (alloc_bprm, fs/exec.c, 6.18).
std::string tried_file(const exec_record& record, std::string_view file) {
  if ((record.flags & EXEC_FROM_FD) == 0 || record.directory == AT_FDCWD ||
      file.starts_with('/')) {
    return std::string(file);
  }
  return fmt::format("/dev/fd/{}{}{}", record.directory,
                     file.empty() ? "" : "/", file);
}

static_assert(2 * (EXEC_MOST_ARGS / EXEC_TEXT_SIZE + 1) <=
                  std::numeric_limits<decltype(event_header::rest)>::max(),
              "the pieces of both areas are numbered");

// One area out of its pieces, up to the first that is missing.
std::string area_of(const event::Pieces& pieces, std::uint32_t area,
                    std::string_view begin) {
  std::string text(begin);
  for (const auto& piece : pieces.rest) {
    auto chunk = record_at<exec_text>(piece);
    if (!chunk || chunk->area != area) continue;
    if (chunk->offset != text.size()) break;
    text.append(reinterpret_cast<const char*>(piece.data()) + sizeof(exec_text),
                piece.size() - sizeof(exec_text));
  }
  return text;
}

void take_args(Exec& exec, const exec_record& record, std::string_view text) {
  exec.args = split_strings(text);
  exec.args_count = record.args_count;
  exec.args_bytes = record.args_size;
  exec.args_read = std::min<std::uint64_t>(text.size(), record.args_size);
  // A program that was started with none has one that is empty (since 5.18).
  exec.args_cut = (record.flags & EXEC_TRIED_CUT) != 0;
  bool missing = exec.args_read < exec.args_bytes && text.empty();
  exec.args_unreadable = missing || (record.flags & EXEC_UNREADABLE) != 0;
}

// A variable is shown whole or not at all.
void take_env(Exec& exec, const exec_record& record, std::string_view text) {
  exec.env_cut = text.size() < record.env_size;
  if (exec.env_cut) text = text.substr(0, text.rfind('\0') + 1);
  exec.env = split_strings(text);
}

void take_ancestors(Exec& exec, const exec_record& record, TextReader& text) {
  for (unsigned i = 0; i < record.ancestors; ++i) {
    auto bytes = text.take(sizeof(event_ancestor));
    if (text.failed()) return;
    event_ancestor ancestor{};
    std::memcpy(&ancestor, bytes.data(), sizeof(ancestor));
    exec.ancestors.push_back({ancestor.pid, name_of(ancestor.comm)});
  }
}

void take_process(Exec& exec, const exec_record& record) {
  exec.time_ns = record.header.time_ns;
  exec.start_ns = record.start_ns;
  // A new program is its process's first thread, whichever one called.
  exec.thread = record.error != 0 ? record.header.tid : record.old_tid;
  exec.process = record.error != 0 ? 0 : record.header.tid;
  exec.pid = record.pid;
  exec.from_other_thread = record.error != 0
                               ? record.old_tid != record.pid
                               : record.old_tid != record.header.tid;
  exec.parent = record.parent;
  exec.uid = record.uid;
  exec.cgroup = record.cgroup;
  exec.error = record.error;
  exec.comm = name_of(record.comm);
  exec.parent_comm = name_of(record.parent_comm);
  exec.tty = name_of(record.tty);
  exec.compat = (record.flags & EXEC_COMPAT) != 0;
  exec.times = times_of(record.times);
}

std::optional<Exec> decode_exec(const event::Pieces& pieces) {
  auto record = record_at<exec_record>(pieces.first);
  if (!record) return std::nullopt;
  TextReader text(pieces.first.subspan(sizeof(exec_record)));
  Exec exec;
  take_process(exec, *record);
  auto exe = text.take(record->exe_length);
  auto cwd = text.take(record->cwd_length);
  auto file = text.take_string(record->file_length);
  exec.interpreter = text.take_string(record->interpreter_length);
  take_ancestors(exec, *record, text);
  auto args = text.take(record->args_length);
  if (text.failed()) return std::nullopt;
  exec.cwd = path_of(cwd, (record->flags & EXEC_CWD_CUT) != 0);
  if (record->error == 0) {
    exec.file = file;
    exec.exe = exe_of(exe, record->flags);
    exec.exe_deleted = (record->flags & EXEC_DELETED) != 0;
  } else {
    exec.file = tried_file(*record, file);
  }
  take_args(exec, *record, area_of(pieces, EXEC_ARGS, args));
  take_env(exec, *record, area_of(pieces, EXEC_ENV, {}));
  exec.text_lost = !pieces.whole;
  return exec;
}

std::optional<Exit> decode_exit(Bytes bytes) {
  static const auto page_bytes =
      static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  auto record = record_at<exec_exit>(bytes);
  if (!record) return std::nullopt;
  return Exit{.time_ns = record->header.time_ns,
              .start_ns = record->start_ns,
              .process = record->process,
              .times = times_of(record->times),
              .max_rss_bytes = record->max_rss_pages * page_bytes,
              .code = record->code};
}

}  // namespace

std::optional<std::variant<Exec, Exit>> decode(const event::Pieces& pieces) {
  if (pieces.first.size() < sizeof(event_header)) return std::nullopt;
  switch (event::header_of(pieces.first).type) {
    case EXEC_DONE:
    case EXEC_FAILED:
      return decode_exec(pieces);
    case EXEC_EXIT:
      return decode_exit(pieces.first);
    default:
      return std::nullopt;
  }
}

}  // namespace sightline::execsnoop
