// SPDX-License-Identifier: Apache-2.0
// Where an event tool's rows and reports go: its outputs over a run, each with
// a view that turns what happened into text.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "cli/common_options.h"
#include "output/sink.h"
#include "output/style.h"

namespace sightline::event {

// How one output is to look.
struct ViewSettings {
  output::Format format = output::Format::table;
  std::size_t width = 0;  // columns, 0 for as many as it takes
  bool color = false;
};

// The last words of a report, behind an empty line: on a narrow terminal in
// several lines, as they say what was lost.
inline std::string closing(std::string_view text, std::size_t width) {
  std::string lines = "\n";
  if (width == 0) return lines.append(text) + "\n";
  for (const auto& line : wrap_words(text, width)) lines += line + "\n";
  return lines;
}

// The outputs of a run without their views. Not thread-safe.
class OutputSet {
 public:
  // A terminal that is gone, or a full disk, must not cost the other outputs.
  Status flush() {
    Status first;
    for (auto& output : outputs_) {
      auto text = std::exchange(output.text, {});
      if (!text.empty()) keep_first(first, output.sink.write(text));
    }
    return first;
  }

  // The only output, to watch for its reader; -1 when there are more, or when
  // it is a file.
  [[nodiscard]] int watched_fd() const {
    return outputs_.size() == 1 ? outputs_.front().sink.fd() : -1;
  }
  // An output file has still to be put in place.
  [[nodiscard]] bool replaces_files() const {
    return any([](const Output& output) { return output.sink.fd() < 0; });
  }
  [[nodiscard]] bool writes(output::Format format) const {
    return any(
        [=](const Output& output) { return output.sink.format() == format; });
  }
  // Nobody is left to write for.
  [[nodiscard]] bool readers_gone() const {
    return !any(
        [](const Output& output) { return !output.sink.reader_gone(); });
  }

 protected:
  struct Output {
    output::Sink sink;
    std::string text;
    bool report;

    Status replace(const std::string& document) {
      SL_CHECK(sink.begin_report());
      SL_CHECK(sink.write(document));
      return sink.commit();
    }
  };

  static void keep_first(Status& first, Status status) {
    if (first && !status) first = std::move(status);
  }

  std::vector<Output> outputs_;

 private:
  template <typename Is>
  [[nodiscard]] bool any(const Is& is) const {
    return std::ranges::any_of(outputs_, is);
  }
};

// `View` is the tool's own interface. Rows are gathered and leave with flush(),
// which is called once all that has happened is known: a write for each pass
// over the ring, not for each row. Not thread-safe.
template <typename View>
class Outputs : public OutputSet {
 public:
  using Factory = std::function<std::unique_ptr<View>(const ViewSettings&)>;

  // Opens all, so that a path that cannot be written fails before anything is
  // attached. `whole` says of a format that it has no rows: it is one report,
  // which takes the place of the one before.
  static Result<Outputs> open(const cli::CommonOptions& common,
                              const std::function<bool(output::Format)>& whole,
                              const Factory& make_view) {
    Outputs outputs;
    for (const auto& target : cli::output_targets(common)) {
      bool report = whole(target.format);
      auto sink = SL_TRY(output::Sink::open(
          target.path, target.format,
          report ? output::Delivery::whole : output::Delivery::live));
      auto width = common.wide ? std::optional<std::size_t>(0) : common.width;
      outputs.views_.push_back(
          make_view({.format = target.format,
                     .width = output::terminal_width(sink.fd(), width),
                     .color = output::want_color(common.color, sink.fd())}));
      outputs.outputs_.push_back({std::move(sink), std::string(), report});
    }
    return outputs;
  }

  // Adds what `text_of` makes of the view, to outputs that have rows.
  template <typename TextOf>
  void add(const TextOf& text_of) {
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      if (!outputs_[i].report) outputs_[i].text += text_of(*views_[i]);
    }
  }

  // Replaces the report of those that are one.
  template <typename TextOf>
  Status report(const TextOf& text_of) {
    Status first;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      if (!outputs_[i].report) continue;
      keep_first(first, outputs_[i].replace(text_of(*views_[i])));
    }
    return first;
  }

  // A report behind the rows, or in the place of the one before.
  template <typename Report>
  Status show(const Report& shown) {
    add([&](View& view) { return view.report(shown); });
    Status first = flush();
    keep_first(first, report([&](View& view) {
                 return view.begin() + view.report(shown);
               }));
    return first;
  }

 private:
  std::vector<std::unique_ptr<View>> views_;  // one for each output
};

}  // namespace sightline::event
