// SPDX-License-Identifier: Apache-2.0
// Reads what the JSON view writes (docs/schema.md), from whoever has written
// it.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "output/json.h"
#include "recording.h"

namespace sightline::cpuprof {

// Takes one line after the other. Not thread-safe; `into` must outlive it.
class JsonReader {
 public:
  explicit JsonReader(Recording& into) : into_(into) {}

  // Fails with what is wrong with it; the recording is of no use then.
  Status take(std::string_view line);

  // After the last line. False when the document was cut: it has what was
  // there.
  Result<bool> finish();

  // Single records, which other formats carry too.
  Status take_begin(const output::Json& record);
  Status take_span(const output::Json& record, bool is_end);

 private:
  struct Row {
    stack::RowKey key;
    stack::Counts counts;
  };
  Status take_object(const output::Json& record);
  Status take_stack(const output::Json& record);
  Result<Recording::Place> place_of(const output::Json& record,
                                    const stack::Function& function);
  Result<stack::CallTree::Node> stack_of(const output::Json& frames);
  void add_rows();

  Recording& into_;
  std::unordered_map<std::uint64_t, Recording::FileIndex> objects_;
  std::vector<Row> rows_;  // that no span has closed yet
  bool begun_ = false;
  bool ended_ = false;
  bool is_snapshot_ = false;  // they will come again, unless the file ends
  Span snapshot_;
};

}  // namespace sightline::cpuprof
