// SPDX-License-Identifier: Apache-2.0
// A unit with as much DWARF as templates can make in a few seconds: code of the
// standard library for many types, inlined as a release build does. UNIT makes
// units differ. dwarf_main.cpp runs it.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace bench {

template <int N>
struct Item {
  int values[N % 7 + 1];
  std::string name;
  friend bool operator<(const Item& a, const Item& b) {
    return std::tie(a.values[0], a.name) < std::tie(b.values[0], b.name);
  }
};

template <int N>
int sort_items(const std::vector<std::string>& words) {
  std::vector<Item<N>> items;
  for (const auto& word : words) items.push_back({{N}, word});
  std::sort(items.begin(), items.end());
  std::map<std::string, std::vector<Item<N>>> by_name;
  for (auto& item : items) by_name[item.name].push_back(item);
  std::set<Item<N>> unique(items.begin(), items.end());
  std::unordered_map<std::string, Item<N>> table;
  for (const auto& item : unique) table.emplace(item.name, item);
  std::function<int(int)> add = [&](int value) {
    return value + static_cast<int>(table.size() + by_name.size());
  };
  auto last = std::make_shared<Item<N>>(items.back());
  std::variant<int, std::string, Item<N>> any = *last;
  return std::visit(
      [&](const auto& value) { return add(static_cast<int>(sizeof value)); },
      any);
}

template <int... N>
int all(const std::vector<std::string>& words,
        std::integer_sequence<int, N...>) {
  return (sort_items<UNIT * 100 + N>(words) + ...);
}

}  // namespace bench

int run(const std::vector<std::string>& words) {
  std::regex pattern("([a-z]+)([0-9]*)");
  std::smatch match;
  int found = 0;
  for (const auto& word : words)
    found += std::regex_match(word, match, pattern);
  return found + bench::all(words, std::make_integer_sequence<int, 12>());
}

extern "C" int run_unit() {
  std::vector<std::string> words;
  for (int number = 0; number < 50; ++number) {
    words.push_back("word" + std::to_string(number * 7919 % 1009));
  }
  return run(words);
}
