// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/units.h"
#include "cli/setters.h"
#include "process/users.h"

namespace sightline::tcpconnect {
namespace {

cli::ProgramInfo program_info() {
  return {
      .name = "tcpconnect",
      .purpose =
          "Shows each attempt to connect by TCP, with what came of it "
          "and how long that took.",
      .usages = {"[OPTION...]", "[OPTION...] -- CMD [ARG...]"},
      .examples =
          {{"tcpconnect", "every attempt, until Ctrl-C"},
           {"tcpconnect -x", "only what did not become a connection, and why"},
           {"tcpconnect -m 100ms -P 5432", "slow connects to PostgreSQL"},
           {"tcpconnect --summary -i 5s", "by destination, every five seconds"},
           {"tcpconnect -- curl -s http://localhost/", "what a command does"},
           {"tcpconnect -f -d 10 >connects.folded",
            "who connects to where, for a flame graph"}},
      .hints = {{"-d", "-d is --duration"},
                {"-U",
                 "the user of each attempt is in JSON; -u USER chooses one"},
                {"-L", "local addresses are shown with -w"},
                {"-s", "-s is --sort, of --summary"},
                {"-l", "local addresses are shown with -w"},
                {"--count", "did you mean --summary?"},
                {"--print-uid", "the user is in JSON: -j"},
                {"--cgroupmap", "did you mean --cgroup PATH?"},
                {"--source-port", "local addresses are shown with -w"}},
      .takes_command = true};
}

cli::Setter add_ports(std::vector<std::uint16_t>& ports) {
  return [&ports](std::string_view value) -> Status {
    for (auto part : split(value, ',')) {
      auto port = SL_TRY(parse_number(part, 1, 65535));
      cli::add_unique(ports, static_cast<std::uint16_t>(port));
    }
    return {};
  };
}

void add_destination_options(cli::OptionTable& table, Options& options) {
  table.add({.name = "port",
             .letter = 'P',
             .value = "PORT[,...]",
             .help = "Only attempts to these remote ports.",
             .group = "Filtering",
             .repeatable = true,
             .set = add_ports(options.ports)});
  table.add({.name = "ipv4",
             .letter = '4',
             .help = "Only IPv4.",
             .group = "Filtering",
             .set = cli::set_flag(options.ipv4_only)});
  table.add({.name = "ipv6",
             .letter = '6',
             .help = "Only IPv6.",
             .group = "Filtering",
             .set = cli::set_flag(options.ipv6_only)});
}

void add_content_options(cli::OptionTable& table, Options& options) {
  table.add({.name = "ancestry",
             .letter = 'a',
             .help = "Show the chain of parents, up to init or a container's "
                     "first process.",
             .group = "Content",
             .set = cli::set_flag(options.ancestry)});
  table.add({.name = "dns",
             .help = "Show remote addresses by the names that programs asked "
                     "for, as far as they are seen; nobody is asked.",
             .group = "Content",
             .set = cli::set_flag(options.dns)});
}

Status check_content(const Options& options) {
  const auto& common = options.common;
  if (options.ancestry && options.only_reports()) {
    return fail(ErrorKind::usage,
                fmt::format("--ancestry is for rows, {} has none",
                            common.summary ? "--summary" : "--hist"));
  }
  if (options.ipv4_only && options.ipv6_only) {
    return fail(ErrorKind::usage, "--ipv4 and --ipv6 leave nothing to show");
  }
  if (!common.pids.empty() && !options.command.empty()) {
    return fail(ErrorKind::usage, "--pid cannot be used with a command");
  }
  return {};
}

}  // namespace

bool Options::needs_ancestry() const {
  auto targets = cli::output_targets(common);
  return ancestry ||
         std::ranges::any_of(targets, [](const cli::OutputTarget& target) {
           return target.format == output::Format::folded;
         });
}

cli::OptionTable option_table(Options& options) {
  cli::OptionTable table(program_info());
  auto& common = options.common;
  cli::add_process_options(table, common, [](std::string_view user) {
    return process::find_user(user);
  });
  cli::add_name_options(table, common);
  cli::add_failed_option(table, common);
  add_destination_options(table, options);
  cli::add_length_options(table, common, "ms");
  cli::add_timing_options(table, common);
  add_content_options(table, options);
  cli::add_time_columns(table, common);
  cli::add_summary_options(table, common);
  cli::add_histogram_option(table, common);
  cli::add_table_options(table, common,
                         {"attempts", "failed", "latency", "retransmits"});
  cli::add_output_options(table, common, cli::Formats::lines);
  cli::add_kernel_options(table, common);
  cli::add_general_options(table, common);
  return table;
}

Status check(const Options& options) {
  SL_CHECK(cli::check_event_options(options.common));
  SL_CHECK(cli::check_outputs(options.common));
  return check_content(options);
}

}  // namespace sightline::tcpconnect
