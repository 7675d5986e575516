// SPDX-License-Identifier: Apache-2.0
#include "cli/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <exception>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/completion.h"
#include "cli/exit_status.h"
#include "cli/help.h"
#include "cli/man_options.h"

namespace sightline::cli {
namespace {

// Set while the command line is read, before there is a second thread.
bool hints_wanted = true;

// How long a message waits for a stderr that takes nothing.
constexpr std::uint64_t patience_ns = ns_per_second;

struct Generator {
  std::string_view name;
  std::string (*render)(const OptionTable&);
};

template <Shell shell>
std::string completion_for(const OptionTable& table) {
  return render_completion(table, shell);
}

constexpr std::array<Generator, 5> generators{{
    {"man-options", render_man_options},
    {"man-exit-status", render_man_exit_status},
    {"complete-bash", completion_for<Shell::bash>},
    {"complete-zsh", completion_for<Shell::zsh>},
    {"complete-fish", completion_for<Shell::fish>},
}};

Result<std::string> generate(const OptionTable& table, std::string_view what) {
  auto at = std::ranges::find(generators, what, &Generator::name);
  if (at != generators.end()) return at->render(table);
  std::vector<std::string> names;
  for (const auto& generator : generators) names.emplace_back(generator.name);
  auto status = check_choice(what, names);
  return fail(ErrorKind::usage,
              fmt::format("--generate: {}", status.error().what));
}

// A closed standard descriptor is opened the wrong way round: it takes no file
// of ours, and using it still fails as it should.
void occupy_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest free number is this one. It stays for the whole run, so it
    // has no owner; a command that is started then has its three as well.
    (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

// A number with one digit after the point, or with as many as show that it is
// above the limit.
std::string digits_above(double number, double limit) {
  constexpr int most_digits = 9;
  std::string text;
  for (int digits = 1; digits <= most_digits; ++digits) {
    text = fmt::format("{:.{}f}", number, digits);
    if (std::strtod(text.c_str(), nullptr) > limit) break;
  }
  return text;
}

int report(std::string_view name, const Error& error) {
  say(error_message(name, error));
  return exit_status(error);
}

bool stderr_has_room(std::uint64_t deadline_ns) {
  for (;;) {
    auto now = monotonic_ns();
    auto left = deadline_ns > now ? deadline_ns - now : 0;
    pollfd writable{STDERR_FILENO, POLLOUT, 0};
    auto ready = ::poll(&writable, 1, static_cast<int>(left / ns_per_ms));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

// Large tables come and go. Without this the first that goes makes glibc take
// the next ones from a heap that it does not give back (mallopt(3)).
void give_large_blocks_back() {
  constexpr int large = 256 << 10;
  ::mallopt(M_MMAP_THRESHOLD, large);
}

}  // namespace

std::string_view version() { return SIGHTLINE_VERSION; }

void say(std::string_view text) {
  auto deadline = monotonic_ns() + patience_ns;
  while (!text.empty() && stderr_has_room(deadline)) {
    // A pipe that poll calls writable takes this much without blocking
    // (pipe(7), PIPE_BUF).
    auto wrote = ::write(STDERR_FILENO, text.data(),
                         std::min<std::size_t>(text.size(), PIPE_BUF));
    if (wrote < 0 && errno != EINTR && errno != EAGAIN) return;
    if (wrote > 0) text.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

void say_hint(std::string_view text) {
  if (hints_wanted) say(text);
}

void set_quiet(bool quiet) { hints_wanted = !quiet; }

int run_program(
    std::string_view name, int argc, char** argv,
    const std::function<Result<int>(std::span<char* const>)>& body) {
  occupy_standard_descriptors();
  give_large_blocks_back();
  std::signal(SIGPIPE, SIG_IGN);
  try {
    auto status = body(std::span(argv, static_cast<std::size_t>(argc)));
    return status ? *status : report(name, status.error());
  } catch (const std::exception& problem) {
    // Memory ran out, or a bug: still one message and one status.
    return report(name, Error{ErrorKind::runtime, 0, problem.what(), {}});
  }
}

std::string error_message(std::string_view name, const Error& error) {
  auto message = fmt::format("{}: {}\n", name, printable(error.what));
  if (hints_wanted && !error.hint.empty()) {
    message += fmt::format("hint: {}\n", printable(error.hint));
  }
  if (error.kind == ErrorKind::usage) {
    message += fmt::format("Try '{} --help' for more information.\n", name);
  }
  return message;
}

int judge_loss(std::string_view name, double lost_percent,
               std::optional<double> limit_percent) {
  if (!limit_percent || lost_percent <= *limit_percent) return status_done;
  say(fmt::format("{}: {} % lost, more than --max-loss {}\n", name,
                  digits_above(lost_percent, *limit_percent), *limit_percent));
  return status_loss;
}

Status print_text(std::string_view text) {
  auto status = write_all(STDOUT_FILENO, text.data(), text.size());
  if (status || status.error().err == EPIPE) return {};
  auto err = status.error().err;
  auto error = fail_errno("cannot write to standard output", err).error();
  error.kind = ErrorKind::runtime;
  return std::unexpected(std::move(error));
}

Status print_version(std::string_view name, std::string_view features) {
  return print_text(fmt::format("{} {}\n{}", name, version(), features));
}

Status answer(const OptionTable& table, const Parsed& parsed,
              std::string_view man_page, std::string_view features) {
  switch (parsed.action) {
    case Action::run:
      break;
    case Action::help:
      return print_text(render_help(table));
    case Action::version:
      return print_version(table.info().name, features);
    case Action::man:
      return print_text(man_page);
    case Action::generate:
      return print_text(SL_TRY(generate(table, parsed.generate)));
  }
  return {};
}

}  // namespace sightline::cli
