// SPDX-License-Identifier: Apache-2.0
// The true callers of a thread, known because each of its instructions was
// watched: the place where a call left its return address is kept here, until
// something takes the stack pointer above it. Asks no unwinder and no debug
// information.
#pragma once

#include <sys/user.h>

#include <cstdint>
#include <vector>

namespace sightline::oracle {

using Registers = user_regs_struct;

// What an instruction begins with; zeros where memory ends.
using Bytes = std::vector<std::uint8_t>;

class ShadowStack {
 public:
  struct Entry {
    std::uint64_t place;        // on the stack, of the return address
    std::uint64_t interrupted;  // where a signal came (only sigreturn leads
                                // back there), 0 for a call
  };

  // One instruction was executed.
  void stepped(const Registers& before, const Bytes& instruction,
               const Registers& after);

  // A signal was delivered instead, and its handler is entered.
  void signalled(const Registers& before, const Registers& after);

  bool in_handler() const;

  // What lies at the places has to be read anew each time: the processor will
  // go there, and a thrown exception writes another address there.
  std::vector<Entry> innermost_first() const {
    return {entries_.rbegin(), entries_.rend()};
  }

 private:
  void drop_returned(std::uint64_t stack_pointer);

  std::vector<Entry> entries_;
};

}  // namespace sightline::oracle
