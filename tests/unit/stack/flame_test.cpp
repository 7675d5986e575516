// SPDX-License-Identifier: Apache-2.0
#include "stack/flame.h"

#include <gtest/gtest.h>

#include <limits>

#include "stack/fake_profile.h"

namespace sightline::stack {
namespace {

using output::FlameGraph;
using output::FlameKind;
using symbol::Reason;

FlameGraph drawn(const FakeProfile& fake) {
  return flame_graph(fake.profile, fake.names, fake.by_comm());
}

// The names from the root to a node.
std::string path(const FlameGraph& graph, std::uint32_t node) {
  const auto& name = graph.frames[graph.nodes[node].frame].name;
  return node == 0 ? name : path(graph, graph.nodes[node].parent) + ";" + name;
}

std::uint64_t self_of(const FlameGraph& graph, const std::string& wanted) {
  for (std::uint32_t node = 0; node < graph.nodes.size(); ++node) {
    if (path(graph, node) == wanted) return graph.nodes[node].self;
  }
  ADD_FAILURE() << "no " << wanted;
  return 0;
}

TEST(Flame, StacksShareTheirBeginnings) {
  FakeProfile fake;
  auto a = fake.function("a");
  auto b = fake.function("b");
  fake.add("bash", {a}, {1, 100});
  fake.add("bash", {a, b}, {2, 200});
  fake.add("zsh", {a, b}, {4, 400});
  auto graph = drawn(fake);
  EXPECT_EQ(graph.nodes.size(), 7U);
  EXPECT_EQ(self_of(graph, "all"), 0U);
  EXPECT_EQ(self_of(graph, "all;bash;[a: stripped]"), 1U);
  EXPECT_EQ(self_of(graph, "all;bash;[a: stripped];[b: stripped]"), 2U);
  EXPECT_EQ(self_of(graph, "all;zsh;[a: stripped];[b: stripped]"), 4U);
}

TEST(Flame, AGroupIsNoFunctionOfThatName) {
  FakeProfile fake;
  fake.add("[a: stripped]", {fake.function("a")}, {1, 1});
  auto graph = drawn(fake);
  ASSERT_EQ(graph.nodes.size(), 3U);
  EXPECT_EQ(graph.frames[graph.nodes[1].frame].kind, FlameKind::group);
  const auto& function = graph.frames[graph.nodes[2].frame];
  EXPECT_EQ(function.kind, FlameKind::unnamed);
  EXPECT_EQ(function.object, "a");
  EXPECT_EQ(function.reason, "stripped");
}

TEST(Flame, ParentsComeFirst) {
  FakeProfile fake;
  fake.add("b", {fake.function("x"), fake.function("y")}, {9, 9});
  fake.add("a", {fake.function("y"), fake.function("x")}, {1, 1});
  auto graph = drawn(fake);
  for (std::uint32_t node = 1; node < graph.nodes.size(); ++node) {
    EXPECT_LT(graph.nodes[node].parent, node);
  }
}

TEST(Flame, NothingIsTheRoot) {
  auto graph = drawn(FakeProfile());
  EXPECT_EQ(graph.nodes.size(), 1U);
  EXPECT_EQ(graph.frames.size(), 1U);
}

TEST(Flame, ThreadsWithoutANameHaveOne) {
  FakeProfile fake;
  fake.add("", {fake.function("a")}, {1, 1});
  EXPECT_EQ(self_of(drawn(fake), "all;[no name];[a: stripped]"), 1U);
}

}  // namespace
}  // namespace sightline::stack
