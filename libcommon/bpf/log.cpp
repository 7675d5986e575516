// SPDX-License-Identifier: Apache-2.0
#include "bpf/log.h"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>

namespace sightline::bpf {
namespace {

constexpr std::size_t kept_bytes = 8U << 10;

struct Log {
  std::string text;
  std::function<void(std::string_view)> show;
};

Log& log() {
  static Log instance;
  return instance;
}

std::string format_message(const char* format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  auto length = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  std::string text(static_cast<std::size_t>(length < 0 ? 0 : length), '\0');
  std::vsnprintf(text.data(), text.size() + 1, format, arguments);
  return text;
}

int keep(libbpf_print_level, const char* format, va_list arguments) {
  auto message = format_message(format, arguments);
  if (log().show) log().show(message);
  log().text += message;
  if (log().text.size() > kept_bytes) {
    log().text.erase(0, log().text.size() - kept_bytes);
  }
  return static_cast<int>(message.size());
}

}  // namespace

void capture_log(std::function<void(std::string_view)> show) {
  log().show = std::move(show);
  libbpf_set_print(keep);
}

std::string log_tail() { return log().text; }

}  // namespace sightline::bpf
