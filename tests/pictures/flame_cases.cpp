// SPDX-License-Identifier: Apache-2.0
// flame_cases CASE: writes the flame graph of a made-up profile, for the tests
// that read pictures with an XML parser and with a browser.
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/file.h"
#include "output/flame_graph.h"

namespace sightline::output {
namespace {

struct Case {
  FlameGraph graph{.frames = {{.name = "all", .kind = FlameKind::group}},
                   .nodes = {{}}};
  FlameTitle title{.title = "made up",
                   .lines = {"a profile", "lost: none; partial: none"}};
  FlameOptions options = {};

  std::uint32_t add(std::uint32_t parent, FlameFrame frame, std::uint64_t self,
                    std::uint64_t before = 0) {
    graph.frames.push_back(std::move(frame));
    graph.nodes.push_back(
        {.parent = parent,
         .frame = static_cast<std::uint32_t>(graph.frames.size() - 1),
         .self = self,
         .before = before});
    return static_cast<std::uint32_t>(graph.nodes.size() - 1);
  }
};

Case empty() { return {}; }

Case single() {
  Case made;
  made.add(0, {.name = "main", .object = "a.out"}, 1);
  return made;
}

// Of each kind one, and the same name below itself, whose matches overlap.
Case kinds() {
  Case made;
  auto comm = made.add(0, {.name = "java", .kind = FlameKind::group}, 0);
  auto outer = made.add(comm, {.name = "walk", .object = "libwalk.so"}, 10);
  auto inner = made.add(outer, {.name = "walk", .object = "libwalk.so"}, 30);
  made.add(inner,
           {.name = "step", .object = "libwalk.so", .kind = FlameKind::inlined},
           20);
  made.add(
      comm,
      {.name = "Loop.run", .object = "[jit]", .kind = FlameKind::generated},
      15);
  made.add(outer,
           {.name = "do_syscall_64",
            .object = "[kernel]",
            .kind = FlameKind::kernel},
           20);
  made.add(comm,
           {.name = "[libold.so: stripped]",
            .object = "libold.so",
            .kind = FlameKind::unnamed,
            .reason = "stripped"},
           5);
  return made;
}

Case deep() {
  Case made;
  std::uint32_t node = 0;
  for (int i = 0; i < 1000; ++i) {
    node = made.add(node, {.name = "level " + std::to_string(i)}, 1);
  }
  return made;
}

Case huge() {
  Case made;
  auto half = std::uint64_t{1} << 63;
  for (const char* const name : {"one", "two", "three"}) {
    made.add(0, {.name = name}, half);
  }
  return made;
}

// What a name may hold and must not do.
constexpr std::string_view hostile_names[] = {
    "<script>document.title='pwned'</script>",
    "]]><script>document.title='pwned'</script>",
    "</text></svg>",
    "\"'><image href=\"x\" onerror=\"document.title='pwned'\"/>",
    "&#0;&#xffff;&lt;&amp;&nbsp;",
    "tab\there\nnew line\r\x1b[31m\x7f",
    "\xe2\x80\xae"
    "right to left\xe2\x81\xa6",
    "not UTF-8 \xff\xfe\xc0\x80\xed\xa0\x80",
    "no characters \xef\xbf\xbe\xef\xbf\xbf",
    "\xe6\xb1\x89\xe5\xad\x97\xe6\xb1\x89\xe5\xad\x97 \xf0\x9f\x94\xa5",
    "-->",
    "%n%s{}",
    "__proto__",
    "constructor",
    ""};

Case hostile() {
  Case made;
  for (auto name : hostile_names) {
    std::string text(name);
    auto node = made.add(0, {.name = text, .object = text}, 10);
    made.add(node,
             {.name = text + std::string(1, '\0'),
              .object = text,
              .kind = FlameKind::unnamed,
              .reason = text},
             10);
    made.title.lines.push_back(text);
  }
  made.title.title = hostile_names[0];
  made.add(0, {.name = std::string(100'000, 'x')}, 10);
  return made;
}

Case difference() {
  Case made;
  made.graph.difference = true;
  auto comm = made.add(0, {.name = "app", .kind = FlameKind::group}, 10, 10);
  made.add(comm, {.name = "grew"}, 60, 20);
  made.add(comm, {.name = "shrank"}, 20, 60);
  made.add(comm, {.name = "stayed"}, 10, 10);
  made.add(comm, {.name = "came"}, 20, 0);
  return made;
}

// As a compiler's: every stack another one, deep, with long names, and a few of
// them often.
Case many(std::uint32_t stacks) {
  Case made;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    made.graph.frames.push_back(
        {.name = "compiler::passes::function_with_a_long_name<std::vector<" +
                 std::to_string(i) + ">>(int)",
         .object = "cc1plus"});
  }
  std::unordered_map<std::uint64_t, std::uint32_t> children;
  std::uint64_t seed = 42;
  auto random = [&](std::uint64_t below) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::uint32_t>((seed >> 33) % below);
  };
  for (std::uint32_t stack = 0; stack < stacks; ++stack) {
    std::uint32_t node = 0;
    for (std::uint32_t level = 0; level < 30; ++level) {
      auto choice = level > 25 ? random(500) : random(4) < 3 ? 0 : random(9);
      auto frame = 1 + level * 600 + choice;
      auto next = static_cast<std::uint32_t>(made.graph.nodes.size());
      auto [at, added] =
          children.try_emplace(std::uint64_t{node} << 32 | frame, next);
      if (added) made.graph.nodes.push_back({.parent = node, .frame = frame});
      node = at->second;
    }
    ++made.graph.nodes[node].self;
  }
  return made;
}

// So many stacks, the first hundred of them of another weight.
Case columns(int stacks, std::uint64_t first, std::uint64_t others) {
  Case made;
  made.graph.frames.push_back({.name = "recursion", .object = "a.out"});
  for (int stack = 0; stack < stacks; ++stack) {
    auto node = made.add(0, {.name = "start " + std::to_string(stack)}, 0);
    for (int level = 0; level < 200; ++level) {
      auto next = static_cast<std::uint32_t>(made.graph.nodes.size());
      made.graph.nodes.push_back({.parent = node, .frame = 1});
      node = next;
    }
    made.graph.nodes[node].self = stack < 100 ? first : others;
  }
  return made;
}

Case find(std::string_view name) {
  if (name == "single") return single();
  if (name == "kinds") return kinds();
  if (name == "deep") return deep();
  if (name == "huge") return huge();
  if (name == "hostile") return hostile();
  if (name == "difference") return difference();
  if (name == "full") return columns(300, 1, 1);
  // More frames that are wide enough than there is room for in a file.
  if (name == "wide") return columns(430, 5, 2);
  if (name == "many") return many(100'000);
  return empty();
}

}  // namespace
}  // namespace sightline::output

int main(int argc, char** argv) {
  using namespace sightline;
  auto made = output::find(argc > 1 ? argv[1] : "");
  made.options.icicle = argc > 2 && std::string_view(argv[2]) == "icicle";
  auto written = output::write_flame_graph(
      made.graph, made.title, made.options, [](std::string_view text) {
        return write_all(STDOUT_FILENO, text.data(), text.size());
      });
  return written ? 0 : 1;
}
