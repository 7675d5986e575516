// SPDX-License-Identifier: Apache-2.0
#include "perf/event_pmu.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "base/units.h"
#include "perf/event_tables.h"

namespace sightline::perf {
namespace {

namespace fs = std::filesystem;

// NAME or NAME=VALUE; a name alone has no value yet.
struct Term {
  std::string name;
  std::optional<std::string> value;
};

// One PMU's folder in sysfs, and the event text that is being read, for errors.
struct Pmu {
  std::string folder;
  std::string_view text;
};

std::string devices_of(const std::string& sysfs) {
  return sysfs + "/bus/event_source/devices";
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
    if (error) break;
  }
  std::ranges::sort(names);
  return names;
}

// Beside each event NAME there may be NAME.scale, NAME.unit and the like.
std::vector<std::string> events_in(const std::string& pmu) {
  auto names = names_in(pmu + "/events");
  std::erase_if(names, [](const std::string& name) {
    return name.find('.') != std::string::npos;
  });
  return names;
}

std::unexpected<Error> usage(const Pmu& pmu, const std::string& what) {
  return fail(ErrorKind::usage,
              fmt::format("{} in event '{}'", what, printable(pmu.text)));
}

std::vector<Term> parse_terms(std::string_view text) {
  std::vector<Term> terms;
  for (auto part : split(text, ',')) {
    auto equals = part.find('=');
    Term term{std::string(part.substr(0, equals)), std::nullopt};
    if (equals != std::string_view::npos) term.value = part.substr(equals + 1);
    terms.push_back(std::move(term));
  }
  return terms;
}

// Terms are kept in order; a later one of the same name replaces the value,
// which is how `core=?` of a described event gets the user's number.
void put(std::vector<Term>& terms, Term term) {
  auto same = std::ranges::find(terms, term.name, &Term::name);
  if (same != terms.end()) {
    same->value = std::move(term.value);
  } else {
    terms.push_back(std::move(term));
  }
}

bool exists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

bool is_format(const Pmu& pmu, const std::string& name) {
  return exists(pmu.folder + "/format/" + name);
}

bool is_word(std::string_view name) {
  return name == "config" || name == "config1" || name == "config2";
}

std::unexpected<Error> unknown_term(const Pmu& pmu, const std::string& name) {
  auto names = names_in(pmu.folder + "/format");
  std::ranges::move(events_in(pmu.folder), std::back_inserter(names));
  auto what = fmt::format("unknown term '{}'", printable(name));
  auto closest = closest_name(name, names);
  if (!closest.empty()) what += fmt::format(", did you mean '{}',", closest);
  return usage(pmu, what);
}

// Described events become the terms that they stand for; the description
// itself holds only formats, so this goes one level deep.
Result<std::vector<Term>> expand(const Pmu& pmu, std::vector<Term> typed) {
  std::vector<Term> terms;
  for (auto& term : typed) {
    if (!is_plain_name(term.name)) return unknown_term(pmu, term.name);
    bool own = is_word(term.name) || term.name == "name";
    if (own || is_format(pmu, term.name)) {
      if (!term.value) term.value = "1";
      put(terms, std::move(term));
      continue;
    }
    auto described = read_file(pmu.folder + "/events/" + term.name);
    if (term.value || !described) return unknown_term(pmu, term.name);
    for (auto& part : parse_terms(trim(*described))) {
      if (!part.value) part.value = "1";
      put(terms, std::move(part));
    }
  }
  return terms;
}

Result<std::uint64_t> parse_value(const Pmu& pmu, const Term& term) {
  std::string_view text = *term.value;
  if (text == "?") {
    return usage(pmu, fmt::format("'{}' needs a value", term.name));
  }
  int base = text.starts_with("0x") ? 16 : 10;
  if (base == 16) text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto* end = text.data() + text.size();
  auto [next, error] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || error != std::errc{} || next != end) {
    return usage(pmu, fmt::format("'{}' is no number for '{}'",
                                  printable(*term.value), term.name));
  }
  return value;
}

__u64* word_of(perf_event_attr& attr, std::string_view word) {
  if (word == "config") return &attr.config;
  if (word == "config1") return &attr.config1;
  if (word == "config2") return &attr.config2;
  return nullptr;
}

struct BitRange {
  unsigned first;
  unsigned last;
};

// `0-7,32-35`, low bits of the value first.
Result<std::vector<BitRange>> parse_bits(std::string_view text) {
  std::vector<BitRange> ranges;
  for (auto part : split(text, ',')) {
    auto dash = part.find('-');
    auto first = SL_TRY(parse_number(part.substr(0, dash), 0, 63));
    auto last = first;
    if (dash != std::string_view::npos) {
      last = SL_TRY(parse_number(part.substr(dash + 1), first, 63));
    }
    ranges.push_back(
        {static_cast<unsigned>(first), static_cast<unsigned>(last)});
  }
  return ranges;
}

std::uint64_t low_bits(unsigned count) {
  return count >= 64 ? UINT64_MAX : (std::uint64_t{1} << count) - 1;
}

// Spreads the value over the bits; what does not fit is left over.
std::uint64_t spread(std::uint64_t value, const std::vector<BitRange>& bits,
                     __u64& word) {
  for (auto [first, last] : bits) {
    auto width = last - first + 1;
    word &= ~(low_bits(width) << first);
    word |= (value & low_bits(width)) << first;
    value = width >= 64 ? 0 : value >> width;
  }
  return value;
}

// A format file reads `config1:0-15`.
Status apply_format(const Pmu& pmu, const Term& term, std::uint64_t value,
                    perf_event_attr& attr) {
  auto format = read_file(pmu.folder + "/format/" + term.name);
  if (!format) return unknown_term(pmu, term.name);
  auto text = trim(*format);
  auto colon = std::min(text.find(':'), text.size());
  auto* word = word_of(attr, text.substr(0, colon));
  auto bits = parse_bits(text.substr(std::min(colon + 1, text.size())));
  if (word == nullptr || !bits) {
    return fail(ErrorKind::unsupported,
                fmt::format("cannot use term '{}' of event '{}': its format "
                            "'{}' is not understood",
                            term.name, printable(pmu.text), printable(text)));
  }
  if (spread(value, *bits, *word) != 0) {
    return usage(pmu, fmt::format("{:#x} is too large for '{}' ({})", value,
                                  term.name, printable(text)));
  }
  return {};
}

Status apply_term(const Pmu& pmu, const Term& term, Event& event) {
  if (term.name == "name") {
    event.name = *term.value;
    return {};
  }
  auto value = SL_TRY(parse_value(pmu, term));
  if (is_word(term.name)) {
    *word_of(event.base, term.name) = value;
    return {};
  }
  if (!is_plain_name(term.name)) return unknown_term(pmu, term.name);
  return apply_format(pmu, term, value, event.base);
}

std::unexpected<Error> no_pmu(std::string_view name, std::string_view text,
                              const std::string& sysfs) {
  auto pmus = names_in(devices_of(sysfs));
  auto closest = closest_name(name, pmus);
  if (!closest.empty()) {
    return fail(ErrorKind::usage,
                fmt::format("unknown PMU '{}' in event '{}'; did you mean "
                            "'{}'?",
                            printable(name), printable(text), closest));
  }
  return fail(ErrorKind::unsupported,
              fmt::format("this machine has no PMU '{}' for event '{}'",
                          printable(name), printable(text)),
              fmt::format("it has {}", fmt::join(pmus, ", ")));
}

// What every event of the PMU shares: its type and where it counts.
Result<Event> start_event(std::string_view name, std::string_view text,
                          const std::string& sysfs) {
  auto folder = devices_of(sysfs) + "/" + std::string(name);
  if (!is_plain_name(name)) return no_pmu(name, text, sysfs);
  auto type = read_file(folder + "/type");
  if (!type) return no_pmu(name, text, sysfs);
  Event event;
  event.pmu = name;
  event.base.type = static_cast<std::uint32_t>(
      SL_TRY(parse_number(trim(*type), 0, UINT32_MAX)));
  if (auto cpus = read_file(folder + "/cpus")) {
    event.cpus = SL_TRY(parse_cpu_list(trim(*cpus)));
  }
  return event;
}

}  // namespace

bool is_plain_name(std::string_view name) {
  constexpr std::string_view marks = "_-.";
  return !name.empty() && name.size() < 256 && !name.starts_with('.') &&
         std::ranges::all_of(
             name,
             [&](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                      (c >= 'A' && c <= 'Z') ||
                      marks.find(c) != std::string_view::npos;
             });
}

Result<PmuEvent> parse_pmu_event(std::string_view text,
                                 const std::string& sysfs) {
  auto open = text.find('/');
  auto close = text.find('/', open + 1);
  if (close == std::string_view::npos) {
    return fail(
        ErrorKind::usage,
        fmt::format("event '{}' lacks its closing slash", printable(text)),
        "as in cpu/event=0x3c,umask=0x1/");
  }
  auto event = SL_TRY(start_event(text.substr(0, open), text, sysfs));
  Pmu pmu{devices_of(sysfs) + "/" + event.pmu, text};
  auto inner = text.substr(open + 1, close - open - 1);
  auto typed = inner.empty() ? std::vector<Term>{} : parse_terms(inner);
  for (const auto& term : SL_TRY(expand(pmu, std::move(typed)))) {
    SL_CHECK(apply_term(pmu, term, event));
  }
  auto modifiers = text.substr(close + 1);
  if (modifiers.starts_with(':')) modifiers.remove_prefix(1);
  return PmuEvent{std::move(event), modifiers};
}

Result<std::optional<Event>> find_sysfs_event(std::string_view name,
                                              const std::string& sysfs) {
  if (!is_plain_name(name)) return std::nullopt;
  std::vector<std::string> found;
  for (const auto& pmu : names_in(devices_of(sysfs))) {
    auto path = fmt::format("{}/{}/events/{}", devices_of(sysfs), pmu, name);
    if (name.find('.') == std::string_view::npos && exists(path)) {
      found.push_back(fmt::format("{}/{}/", pmu, name));
    }
  }
  if (found.empty()) return std::nullopt;
  if (found.size() > 1) {
    return fail(ErrorKind::usage,
                fmt::format("several PMUs have event '{}'", name),
                fmt::format("choose from {}", fmt::join(found, ", ")));
  }
  auto event = SL_TRY(parse_pmu_event(found[0], sysfs)).event;
  return std::optional<Event>(std::move(event));
}

std::vector<std::string> sysfs_event_names(const std::string& sysfs) {
  std::vector<std::string> names;
  for (const auto& pmu : names_in(devices_of(sysfs))) {
    std::ranges::move(events_in(devices_of(sysfs) + "/" + pmu),
                      std::back_inserter(names));
  }
  return names;
}

}  // namespace sightline::perf
