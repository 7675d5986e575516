// SPDX-License-Identifier: Apache-2.0
#include "symbol/demangle.h"

#include <demangle.h>

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <optional>
#include <utility>

namespace sightline::symbol {
namespace {

constexpr std::size_t max_mangled = 1U << 13;
constexpr std::size_t max_demangled = 1U << 12;
// libiberty refuses every name over half of this length unless its limit is
// lifted (cp-demangle.c, d_demangle_callback, 2.40).
constexpr std::size_t longest_limited = DEMANGLE_RECURSION_LIMIT / 2;

// Collects what libiberty prints. Substitutions let a short name print without
// end, and the callback cannot say stop: it jumps out. Only frames of C that
// own nothing but stack lie between.
struct Sink {
  std::string text;
  std::jmp_buf full;
};

extern "C" void append(const char* piece, std::size_t size, void* opaque) {
  auto* const sink = static_cast<Sink*>(opaque);
  const std::size_t room = max_demangled - sink->text.size();
  sink->text.append(piece, std::min(size, room));
  if (size > room) std::longjmp(sink->full, 1);
}

using Demangler = int(const char*, int, demangle_callbackref, void*);

bool run(Demangler* demangler, const char* mangled, int options, Sink& sink) {
  sink.text.clear();
  if (setjmp(sink.full) != 0) {
    sink.text += "…";
    return true;
  }
  return demangler(mangled, options, append, &sink) != 0 && !sink.text.empty();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         c == '_';
}

// Where `.isra.0` and the like begin: the first dot from which on there are
// only words with one dot before each. Names themselves hold dots too (legacy
// Rust writes `::` as `..`, anonymous entities may have any), but not alone.
std::size_t clone_suffix(std::string_view name) {
  std::size_t begin = name.size();
  // Nearly every name has no dot, and this is the quick way to know it.
  if (name.find('.') == std::string_view::npos) return begin;
  for (std::size_t i = name.size(); i-- > 0;) {
    if (is_word(name[i])) continue;
    const bool starts_word = i + 1 < name.size() && is_word(name[i + 1]);
    if (name[i] != '.' || !starts_word || i == 0 || name[i - 1] == '.') break;
    begin = i;
  }
  return begin;
}

// The same for a Rust name: v0 names hold no dot themselves, legacy ones end
// with a hash: `_ZN4core3fmt5write17h0123456789abcdefE`. Nothing for others.
std::optional<std::size_t> rust_suffix(std::string_view name) {
  if (name.starts_with("_R")) return std::min(name.find('.'), name.size());
  if (!name.starts_with("_ZN")) return std::nullopt;
  constexpr std::size_t hash_size = 20;  // 17h, 16 digits, E
  for (std::size_t at = name.find("17h"); at < name.size();
       at = name.find("17h", at + 1)) {
    const std::size_t end = at + hash_size;
    if (end <= name.size() && name[end - 1] == 'E' &&
        (end == name.size() || name[end] == '.')) {
      return end;
    }
  }
  return std::nullopt;
}

// After a conversion operator, libiberty parses the arguments of each template
// template parameter (`T_I`) twice if the first try fails, which doubles for
// each one inside another (cp-demangle.c, cplus_demangle_type, 2.40).
bool parses_forever(std::string_view name) {
  constexpr unsigned most = 8;
  std::size_t at = name.find("cv", 1);
  // Behind a digit it is the beginning of an identifier.
  while (at < name.size() && is_digit(name[at - 1]))
    at = name.find("cv", at + 1);
  if (at >= name.size()) return false;
  unsigned parameters = 0;
  for (at = name.find("_I"); at < name.size(); at = name.find("_I", at + 1)) {
    ++parameters;
  }
  return parameters > most;
}

bool demangle_cxx(const std::string& name, Sink& sink) {
  if (parses_forever(name)) return false;
  const int options =
      name.size() < longest_limited ? DMGL_NO_OPTS : DMGL_NO_RECURSE_LIMIT;
  return run(cplus_demangle_v3_callback, name.c_str(), options, sink);
}

// A function's type and a trait object's may begin with how many lifetimes they
// bind, `G` and a number to the base of 62, and libiberty counts up to it, also
// where it prints nothing (rust-demangle.c, demangle_binder, 2.40). Nobody
// binds 62^2.
bool binds_forever(std::string_view name) {
  constexpr std::size_t most_digits = 2;
  for (auto at = name.find('G', 1); at < name.size();
       at = name.find('G', at + 1)) {
    if (name[at - 1] != 'F' && name[at - 1] != 'D') continue;
    auto end = name.find('_', at);
    auto digits = name.substr(at + 1, end - at - 1);
    bool number = std::ranges::all_of(digits, is_word);
    if (end < name.size() && number && digits.size() > most_digits) return true;
  }
  return false;
}

bool demangle_rust(const std::string& name, Sink& sink) {
  if (name.starts_with("_R") && binds_forever(name)) return false;
  return run(rust_demangle_callback, name.c_str(), DMGL_NO_OPTS, sink);
}

}  // namespace

std::string demangle(std::string_view name) {
  // `memcpy@@GLIBC_2.14`; a name that begins with @ would be left with nothing.
  const std::size_t version = name.find('@', 1);
  if (name.size() > 1 && version != std::string_view::npos &&
      !name.starts_with("_R")) {
    name = name.substr(0, version);
  }
  if (name.size() > max_mangled) return std::string(name);
  const auto rust = rust_suffix(name);
  const std::size_t suffix = rust ? *rust : clone_suffix(name);
  const std::string base(name.substr(0, suffix));
  Sink sink;
  if ((rust && demangle_rust(base, sink)) ||
      (name.starts_with("_Z") && demangle_cxx(base, sink))) {
    const std::string_view clone = name.substr(suffix);
    sink.text += clone.substr(0, clone.find(".llvm."));
    return std::move(sink.text);
  }
  return std::string(name);
}

}  // namespace sightline::symbol
