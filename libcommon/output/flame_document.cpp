// SPDX-License-Identifier: Apache-2.0
#include "output/flame_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/text.h"
#include "flame_graph_script.h"
#include "flame_graph_style.h"
#include "output/flame_colors.h"
#include "output/flame_text.h"
#include "output/xml.h"

namespace sightline::output {
namespace {

// What the script knows too (flame_graph.js).
constexpr double pitch = 16;  // from row to row; a frame is one less
constexpr double text_margin = 3;
constexpr double letter_width = 6.62;  // monospaced, 11 px
constexpr std::size_t least_text = 5;  // letters of a name that is cut
// Without a browser the width of other letters can only be guessed.
constexpr double line_letter_width = 6.6;
constexpr double title_letter_width = 10.5;
constexpr double line_pitch = 16;
constexpr double legend_pitch = 18;
constexpr double legend_gap = 16;
constexpr double swatch = 12;

// A stranger's text of any length must not become the file's.
constexpr std::size_t longest_line = 2000;
constexpr std::size_t longest_name = 2000;

std::string_view shown_name(const FlameFrame& frame) {
  return frame.name.empty() ? std::string_view("[no name]") : frame.name;
}

std::string safe_text(std::string_view bytes, std::size_t longest) {
  return xml_text(truncate(printable(bytes), longest));
}

// Collects pieces, and keeps the first failure.
class Pieces {
 public:
  explicit Pieces(const std::function<Status(std::string_view)>& write)
      : write_(write) {}

  void add(std::string_view text) {
    buffer_ += text;
    if (buffer_.size() >= enough) flush();
  }
  Status finish() {
    flush();
    return status_;
  }

 private:
  static constexpr std::size_t enough = 32U << 10;

  void flush() {
    if (status_) status_ = write_(buffer_);
    buffer_.clear();
  }

  const std::function<Status(std::string_view)>& write_;
  std::string buffer_;
  Status status_;
};

// Lines for the script: each frame that is drawn, once.
class FrameLines {
 public:
  explicit FrameLines(const FlameGraph& graph) : graph_(graph) {}

  std::size_t number_of(const FlameBox& box) {
    if (box.merged > 0) return number(merged_, box.merged, merged_line(box));
    auto frame = graph_.nodes[box.node].frame;
    if (auto at = frames_.find(frame); at != frames_.end()) return at->second;
    return number(frames_, frame, line(graph_.frames[frame]));
  }
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

 private:
  using Numbers = std::unordered_map<std::uint32_t, std::size_t>;

  std::size_t number(Numbers& numbers, std::uint32_t key, std::string line) {
    auto [at, added] = numbers.try_emplace(key, lines_.size());
    if (added) lines_.push_back(std::move(line));
    return at->second;
  }
  static std::string line(const FlameFrame& frame) {
    return fmt::format("{}{}\t{}\t{}\n", letter_of(frame.kind),
                       safe_text(shown_name(frame), longest_name),
                       safe_text(frame.object, longest_name),
                       safe_text(frame.reason, longest_name));
  }
  static std::string merged_line(const FlameBox& box) {
    return fmt::format("m{}\t\t\n", merged_name(box.merged));
  }

  const FlameGraph& graph_;
  Numbers frames_;
  Numbers merged_;
  std::vector<std::string> lines_;
};

class Document {
 public:
  Document(const FlameTree& tree, const FlameLayout& layout,
           const FlameTitle& title, const FlameOptions& options, Pieces& out)
      : tree_(tree),
        graph_(tree.graph()),
        layout_(layout),
        title_(title),
        options_(options),
        out_(out) {}

  void write() {
    auto head = header();
    const auto height =
        y_ + pitch * static_cast<double>(layout_.row_count()) + flame_margin;
    open(height);
    out_.add(head);
    rows();
    out_.add("<rect id=\"cursor\" height=\"15\"/>\n");
    data();
    out_.add("<script><![CDATA[\n");
    out_.add(flame_graph_script);
    out_.add("]]></script>\n</svg>\n");
  }

 private:
  void open(double height) {
    out_.add("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    out_.add(fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" "
        "height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"graphics-document\" "
        "aria-labelledby=\"title\" data-unit=\"{2}\" data-counted=\"{3}\" "
        "data-hidden=\"{4}\"{5}{6}{7}>\n",
        options_.width, height,
        graph_.unit == FlameUnit::count ? "count" : "nanoseconds",
        xml_text(graph_.counted), layout_.hidden,
        options_.icicle ? " data-icicle=\"yes\"" : "",
        graph_.difference ? " data-difference=\"yes\"" : "",
        options_.show_before ? " data-show-before=\"yes\"" : ""));
    out_.add(fmt::format("<title id=\"title\">{}</title>\n",
                         safe_text(title_.title, longest_line)));
    out_.add("<style><![CDATA[\n");
    out_.add(flame_graph_style);
    out_.add(color_rules());
    out_.add("]]></style>\n");
  }

  // --- what stands above

  std::string header() {
    y_ = 26;
    auto text = words("title", title_.title, title_letter_width);
    y_ += 4;
    for (const auto& line : title_.lines) {
      text += words("line", line, line_letter_width);
    }
    auto hidden = hidden_sentence(graph_, layout_, tree_.weight(0));
    if (!hidden.empty()) text += words("line", hidden, line_letter_width);
    y_ -= 4;
    text += legend();
    y_ += 8;
    return text;
  }

  std::string words(std::string_view style, std::string_view bytes,
                    double letter) {
    auto room = options_.width - 2 * flame_margin;
    auto text = fmt::format("<text class=\"{}\">", style);
    for (const auto& line :
         wrap_words(truncate(printable(bytes), longest_line),
                    static_cast<std::size_t>(room / letter))) {
      text += fmt::format("<tspan x=\"{}\" y=\"{}\">{} </tspan>", flame_margin,
                          y_, xml_text(line));
      y_ += line_pitch;
    }
    return text + "</text>\n";
  }

  struct Entry {
    std::string style;
    std::string text;
  };

  [[nodiscard]] std::vector<Entry> entries() const {
    if (graph_.difference) {
      return {{"b4", "much less"},
              {"b2", "less"},
              {"n0", "unchanged"},
              {"r2", "more"},
              {"r4", "much more"}};
    }
    std::vector<Entry> all;
    auto sums = self_by_kind(graph_);
    for (std::size_t i = 1; i < flame_kinds; ++i) {
      auto kind = static_cast<FlameKind>(i);
      all.push_back({fmt::format("{}0", letter_of(kind)),
                     fmt::format("{} {}", name_of(kind),
                                 flame_share(sums[i], tree_.weight(0).total))});
    }
    return all;
  }

  std::string legend() {
    std::string text = "<g class=\"legend\">\n";
    double x = flame_margin;
    for (const auto& entry : entries()) {
      auto wide = swatch + 6 +
                  line_letter_width * static_cast<double>(entry.text.size());
      if (x > flame_margin && x + wide > options_.width - flame_margin) {
        x = flame_margin;
        y_ += legend_pitch;
      }
      text += fmt::format(
          "<g transform=\"translate({:.0f},{:.0f})\"><rect width=\"12\" "
          "height=\"12\" class=\"{}\"/><text x=\"18\" y=\"10\">{}</text></g>\n",
          x, y_, entry.style, entry.text);
      x += wide + legend_gap;
    }
    y_ += legend_pitch;
    return text + "</g>\n";
  }

  // --- the picture

  void rows() {
    out_.add(
        fmt::format("<g id=\"graph\" transform=\"translate(0,{:.0f})\" "
                    "aria-label=\"Flame graph\">\n",
                    y_));
    const auto count = layout_.row_count();
    for (std::size_t i = 0; i < count; ++i) {
      auto place = options_.icicle ? i : count - 1 - i;
      out_.add(fmt::format("<g transform=\"translate(0,{:.0f})\">\n",
                           pitch * static_cast<double>(place)));
      for (const auto& box : layout_.row(i)) out_.add(markup(box));
      out_.add("</g>\n");
    }
    out_.add("</g>\n");
  }

  [[nodiscard]] const FlameFrame& frame_of(const FlameBox& box) const {
    return graph_.frames[graph_.nodes[box.node].frame];
  }

  [[nodiscard]] std::string style_of(const FlameBox& box) const {
    if (box.merged > 0) return std::string(merged_class);
    if (!graph_.difference) return kind_class(frame_of(box));
    return change_class(static_cast<double>(box.weight.before),
                        static_cast<double>(box.weight.total));
  }

  [[nodiscard]] std::string markup(const FlameBox& box) const {
    auto rect = fmt::format(
        "<rect x=\"{:.7g}\" width=\"{:.5g}\" height=\"15\" class=\"{}\"/>",
        box.x + flame_margin, box.width > 2 ? box.width - 0.5 : box.width,
        style_of(box));
    auto label = labelled(box);
    if (label.empty()) return rect + "\n";
    return fmt::format("<g>{}{}</g>\n", rect, label);
  }

  // The text, and the hint for where no script makes one.
  [[nodiscard]] std::string labelled(const FlameBox& box) const {
    auto room = static_cast<std::size_t>(
        std::max(box.width - 2 * text_margin, 0.0) / letter_width);
    auto name = truncate(printable(box.merged > 0 ? merged_name(box.merged)
                                                  : shown_name(frame_of(box))),
                         longest_name);
    if (room < least_text && room < name.size()) return {};
    static const FlameFrame merged{.name = {}, .kind = FlameKind::group};
    auto facts = flame_facts(graph_, box.merged > 0 ? merged : frame_of(box),
                             box.weight, tree_.weight(0));
    return fmt::format(
        "<title>{}\n{}</title><text x=\"{:.7g}\" y=\"11\">{}</text>",
        xml_text(name), safe_text(facts, longest_line),
        box.x + flame_margin + text_margin, xml_text(fit_columns(name, room)));
  }

  // --- what the script reads

  void data() {
    FrameLines frames(graph_);
    out_.add("<metadata id=\"boxes\">\n");
    std::uint32_t parent = 0;
    for (const auto& box : layout_.boxes) {
      auto self = box.merged > 0 ? 0 : graph_.nodes[box.node].self;
      out_.add(fmt::format("{} {} {} {}", box.parent - parent,
                           frames.number_of(box), box.weight.total, self));
      if (graph_.difference) out_.add(fmt::format(" {}", box.weight.before));
      out_.add("\n");
      parent = box.parent;
    }
    out_.add("</metadata>\n<metadata id=\"frames\">\n");
    for (const auto& line : frames.lines()) out_.add(line);
    out_.add("</metadata>\n");
  }

  const FlameTree& tree_;
  const FlameGraph& graph_;
  const FlameLayout& layout_;
  const FlameTitle& title_;
  const FlameOptions& options_;
  Pieces& out_;
  double y_ = 0;
};

}  // namespace

Status write_flame_document(
    const FlameTree& tree, const FlameLayout& layout, const FlameTitle& title,
    const FlameOptions& options,
    const std::function<Status(std::string_view text)>& write) {
  Pieces out(write);
  Document(tree, layout, title, options, out).write();
  return out.finish();
}

}  // namespace sightline::output
