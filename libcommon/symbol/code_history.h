// SPDX-License-Identifier: Apache-2.0
// Generated code by address and time, for addresses are used again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sightline::symbol {

// What was at an address when. Const members may be called from many threads.
class CodeHistory {
 public:
  struct Version {
    std::uint64_t start;
    std::uint64_t size;
    std::uint64_t time_ns;  // since when it is there
    std::uint32_t name;     // whatever the owner means by it
  };

  // [start, start + size) must not be empty and not reach over 2^64. Of two
  // with the same time the later added is the later. Visible after settle().
  void add(const Version& version);

  // Linear in all that is known if something was added, else free.
  void settle();

  // What lay at `address` at some time of [from_ns, to_ns], in the order of
  // time: what came to lie there last at or before from_ns, and each that came
  // until to_ns. O(log n), and one step for each version that ever lay there:
  // after 16,384 of them it gives up and says nothing.
  [[nodiscard]] std::vector<Version> find(std::uint64_t address,
                                          std::uint64_t from_ns,
                                          std::uint64_t to_ns) const;

  // Forgets all that were added before the newest `count`. Settles. Their
  // names are told to the caller by for_each().
  void keep_newest(std::size_t count);

  // Calls change(name&) for every version, in no order.
  template <typename Change>
  void for_each_name(Change change) {
    for (Entry& entry : entries_) change(entry.version.name);
  }

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  void clear();
  [[nodiscard]] std::size_t memory() const;

 private:
  struct Entry {
    Version version;
    std::uint32_t order;    // of adding
    std::uint64_t max_end;  // of the subtree that this is the root of
  };
  struct Search;

  std::uint64_t build(std::size_t first, std::size_t last);
  void visit(std::size_t first, std::size_t last, Search& search) const;

  // Sorted by start up to settled_. A range of them is a tree whose root is the
  // one in the middle, so no pointers are needed.
  std::vector<Entry> entries_;
  std::size_t settled_ = 0;
  std::uint32_t next_order_ = 0;
};

}  // namespace sightline::symbol
