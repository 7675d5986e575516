// SPDX-License-Identifier: Apache-2.0
#include "symbol/kernel_symbols.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/file.h"

namespace sightline::symbol {
namespace {

constexpr std::size_t chunk_size = 1U << 16;
// KSYM_NAME_LEN is 512 since 6.1, MODULE_NAME_LEN 56 (include/linux/kallsyms.h,
// module.h); a longer line is none of the kernel's.
constexpr std::size_t max_line = 1024;
// Fifteen times a distribution kernel with all its modules loaded.
constexpr std::size_t max_symbols = 1U << 22;
constexpr std::size_t max_names = 1U << 28;
constexpr std::size_t max_text = 1U << 30;
constexpr std::size_t max_modules = 1U << 14;
constexpr std::uint64_t max_last_symbol = 1U << 16;

struct Line {
  std::uint64_t address = 0;
  char type = 0;
  std::string_view name;
  std::string_view module;
};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// `ffffffffc0211000 t name` or the same with `\t[module]` behind it.
std::optional<Line> parse_line(std::string_view text) {
  Line line;
  std::size_t at = 0;
  for (; at < text.size() && at < 16; ++at) {
    const int digit = hex_digit(text[at]);
    if (digit < 0) break;
    line.address = line.address * 16 + static_cast<unsigned>(digit);
  }
  if (at == 0 || text.size() < at + 4 || text[at] != ' ' ||
      text[at + 2] != ' ') {
    return std::nullopt;
  }
  line.type = text[at + 1];
  line.name = text.substr(at + 3);
  const std::size_t tab = line.name.find('\t');
  if (tab == std::string_view::npos) return line;
  line.module = line.name.substr(tab + 1);
  line.name = line.name.substr(0, tab);
  if (line.module.size() < 3 || line.module.front() != '[' ||
      line.module.back() != ']') {
    return std::nullopt;
  }
  line.module = line.module.substr(1, line.module.size() - 2);
  return line;
}

bool is_text(char type) {
  return type == 't' || type == 'T' || type == 'w' || type == 'W';
}

// Linker script marks behind the last instruction of a section
// (include/asm-generic/vmlinux.lds.h, arch/x86/kernel/vmlinux.lds.S).
bool is_end_mark(std::string_view name) {
  constexpr std::array<std::string_view, 6> marks = {
      "_etext", "_einittext", "__init_end", "_end", "__bss_stop", "_edata"};
  return std::ranges::find(marks, name) != marks.end();
}

// Higher is better: visible, then few underscores, then strong.
std::uint8_t rank_of(char type, std::string_view name) {
  const auto underscores =
      std::min<std::size_t>(name.find_first_not_of('_'), 15);
  const unsigned visible = type == 't' ? 0 : 1;
  const unsigned strong = type == 'W' || type == 'w' ? 0 : 1;
  return static_cast<std::uint8_t>(
      visible << 5U | static_cast<unsigned>(15 - underscores) << 1U | strong);
}

}  // namespace

// Builds the arrays while the text comes by in pieces.
class KernelSymbolParser {
 public:
  explicit KernelSymbolParser(KernelSymbols& into) : into_(into) {
    into_.symbols_.clear();
    into_.names_.clear();
    into_.modules_.assign(1, "");
  }

  // Returns what is left behind the last whole line.
  std::string_view feed(std::string_view text) {
    for (;;) {
      const std::size_t end = text.find('\n');
      if (end == std::string_view::npos) return text;
      if (const auto line = parse_line(text.substr(0, end))) add(*line);
      text.remove_prefix(end + 1);
    }
  }

  Reason finish() {
    using Symbol = KernelSymbols::Symbol;
    auto& symbols = into_.symbols_;
    // Modules list their symbols in no order; the kernel's own are sorted.
    if (!std::ranges::is_sorted(symbols, {}, &Symbol::address)) {
      std::ranges::stable_sort(symbols, {}, &Symbol::address);
    }
    std::size_t kept = 0;
    for (const Symbol& symbol : symbols) {
      if (kept > 0 && symbols[kept - 1].address == symbol.address) {
        if (symbol.rank > symbols[kept - 1].rank) symbols[kept - 1] = symbol;
      } else {
        symbols[kept++] = symbol;
      }
    }
    symbols.resize(kept);
    symbols.shrink_to_fit();
    into_.names_.shrink_to_fit();
    if (!symbols.empty()) return Reason::no_covering_symbol;
    return saw_zero_ ? Reason::kernel_hidden : Reason::no_symbols;
  }

 private:
  void add(const Line& line) {
    if (line.address == 0) {
      saw_zero_ = true;
      return;
    }
    const bool text = is_text(line.type);
    // One nameless symbol where data begins ends the code before it.
    if (!text && !after_text_) return;
    after_text_ = text;
    if (into_.symbols_.size() == max_symbols ||
        into_.names_.size() + line.name.size() >= max_names) {
      return;
    }
    const bool named = text && !is_end_mark(line.name);
    into_.symbols_.push_back(
        {.address = line.address,
         .name = static_cast<std::uint32_t>(into_.names_.size()),
         .module = module_index(line.module),
         .rank = named ? rank_of(line.type, line.name) : std::uint8_t{0}});
    if (named) into_.names_.append(line.name);
    into_.names_.push_back('\0');
  }

  // Symbols of a module stand together, so the last one is nearly always it.
  std::uint16_t module_index(std::string_view module) {
    auto& modules = into_.modules_;
    if (module.empty()) return 0;
    if (modules.back() != module) {
      if (modules.size() == max_modules) return 0;
      modules.emplace_back(module);
    }
    return static_cast<std::uint16_t>(modules.size() - 1);
  }

  KernelSymbols& into_;
  bool after_text_ = false;
  bool saw_zero_ = false;
};

KernelSymbols KernelSymbols::open(const std::string& path) {
  KernelSymbols symbols;
  auto fd = open_file(path, O_RDONLY | O_NONBLOCK);
  if (fd) {
    symbols.fd_ = *std::move(fd);
  } else {
    symbols.loaded_ = true;
    symbols.reason_ = fd.error().kind == ErrorKind::permission
                          ? Reason::not_permitted
                          : Reason::no_symbols;
  }
  return symbols;
}

void KernelSymbols::load() {
  if (!fd_) return;
  loaded_ = true;
  KernelSymbolParser parser(*this);
  std::array<char, chunk_size> buffer{};
  std::size_t kept = 0;
  std::size_t total = 0;
  if (lseek(fd_.get(), 0, SEEK_SET) != 0) return;
  while (total < max_text) {
    const ssize_t got =
        ::read(fd_.get(), buffer.data() + kept, buffer.size() - kept);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    total += static_cast<std::size_t>(got);
    const std::size_t filled = kept + static_cast<std::size_t>(got);
    const std::string_view rest = parser.feed({buffer.data(), filled});
    // An endless line is dropped piece by piece.
    kept = rest.size() > max_line ? 0 : rest.size();
    std::memmove(buffer.data(), rest.data(), kept);
  }
  reason_ = parser.finish();
  loaded_at_ns_ = monotonic_ns();
}

KernelSymbol KernelSymbols::find(std::uint64_t address) {
  if (!loaded_) load();
  const Symbol* symbol = covering(address);
  if (symbol == nullptr && fd_ && reason_ == Reason::no_covering_symbol &&
      monotonic_ns() - loaded_at_ns_ >= reload_after_ns_) {
    load();
    symbol = covering(address);
  }
  if (symbol == nullptr) return {.reason = reason_};
  return {.name = name_of(*symbol),
          .module = modules_[symbol->module],
          .offset = address - symbol->address};
}

const KernelSymbols::Symbol* KernelSymbols::covering(
    std::uint64_t address) const {
  const auto next =
      std::ranges::upper_bound(symbols_, address, {}, &Symbol::address);
  if (next == symbols_.begin()) return nullptr;
  const Symbol& symbol = *(next - 1);
  if (name_of(symbol).empty()) return nullptr;
  const bool last = next == symbols_.end() || next->module != symbol.module;
  if (last && address - symbol.address >= max_last_symbol) return nullptr;
  return &symbol;
}

std::string_view KernelSymbols::name_of(const Symbol& symbol) const {
  return names_.data() + symbol.name;
}

}  // namespace sightline::symbol
