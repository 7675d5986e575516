// SPDX-License-Identifier: Apache-2.0
// Names for the frames of a profile. Each frame is named once, in batches by
// object; frames that have the same name in the same object are one function.
// A frame is one function, or several where DWARF tells of inlined calls.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "process/objects.h"
#include "stack/frames.h"
#include "stack/generated_code.h"
#include "symbol/source.h"
#include "symbol/symbolizer.h"

namespace sightline::stack {

using FunctionId = std::uint32_t;

struct Function {
  std::string name;    // never empty; "[libfoo.so: stripped]" without a symbol
  std::string object;  // "libc.so.6", "[kernel]", "[xfs]", "[unknown]"
  bool kernel = false;
  symbol::Reason reason = symbol::Reason::none;
  bool jit = false;      // generated code, named or not
  bool inlined = false;  // by the compiler, into the function before it

  // Where in it, when lines are asked for; of a caller the line of the call.
  std::string file = {};  // as the compiler knew it; empty if there is a reason
  std::uint32_t line = 0;  // 0: not known
  symbol::Reason file_reason = symbol::Reason::none;

  bool operator==(const Function&) const = default;
};

// A frame without a name: "[libfoo.so: stripped]". What is to be named
// elsewhere is told apart by where it lies: "[libfoo.so+0x1234: not looked
// up]".
Function unnamed_function(std::string object, bool kernel,
                          symbol::Reason reason, std::uint64_t offset = 0);

// "file.c:42", the last part of the path; empty without a line.
std::string place_of(const Function& function);

// The name, with its place where there is one: "main:file.c:42".
std::string name_with_place(const Function& function);

// Inlined calls and lines, from DWARF.
struct SourceSettings {
  symbol::SourceWanted wanted = {};
  // What one resolve() may take for it, all objects together; each but the
  // last gets half of what is left.
  std::uint64_t timeout_ns = 30'000'000'000;
  // Called while an object is read; the addresses done, of how many.
  std::function<void(std::string_view object, std::size_t done,
                     std::size_t all)>
      progress = {};
};

// An object's file, as it was when a frame in it was named; of the kernel, only
// which one it is.
struct FileImage {
  std::string build_id = {};  // raw bytes; empty: none, or not read
  std::vector<symbol::Segment> code = {};  // executable ones, the first few
  bool is_read = false;
  bool only_debug = false;  // what is open of it is its debug file
};

class Names {
 public:
  // `generated` may be null where there is no frame in generated code.
  Names(symbol::Symbolizer symbolizer, process::Objects& objects,
        GeneratedCode* generated = nullptr)
      : symbolizer_(std::move(symbolizer)),
        objects_(objects),
        generated_(generated) {}

  // Who is asked for debug files that are not on this machine: by resolve()
  // only, which waits for it.
  void use_server(symbol::DebugFileServer server) {
    server_ = std::move(server);
  }

  // Names as in the source (the default) or as in the symbol table.
  void set_demangle(bool demangle) { symbolizer_.set_demangle(demangle); }

  // Before the first frame is named. Without it nothing is read but symbol
  // tables.
  void use_source(SourceSettings settings) { source_ = std::move(settings); }
  [[nodiscard]] const symbol::SourceWanted& source_wanted() const {
    return source_.wanted;
  }

  // Frames in files are left without a name, for who has the files and time;
  // which files they are is read all the same. Before the first frame is named.
  void leave_files_unnamed() { reads_symbols_ = false; }

  // Names all frames that have none yet. Can be called as often as frames come:
  // what is done during the run is not waited for at its end. May take as long
  // as use_server()'s server and use_source()'s timeout together.
  void resolve(const FrameTable& frames);

  // The same once as many frames are unnamed as have names: for each drain. A
  // pass over an object's symbols costs the same for one name as for
  // thousands, so there are few of them however long the run is. Inlined calls,
  // lines and the server are left to resolve(): they take seconds.
  void keep_up(const FrameTable& frames) {
    if (frames.size() >= 2 * chains_.size()) name_new(frames);
  }

  // The functions of a frame that a recording tells of, which resolve() does
  // not look for any more. At least one, each with its `file_reason`; new
  // frames in their order.
  void preset(FrameId frame, const std::vector<Function>& functions);

  // Which file a recording's object is.
  void preset_image(process::ObjectId object, FileImage image) {
    images_[object] = std::move(image);
  }

  // Such frames are looked for once more at the next resolve(), for their
  // object's file is there now. All in one object.
  void name_again(process::ObjectId object, const std::vector<FrameId>& frames);

  // Forgets all names, for another table of frames.
  void reset();

  // The functions of a frame that was there at the last resolve(), at least
  // one: the first was called, the next is inlined into it, and so on.
  [[nodiscard]] std::span<const FunctionId> functions_of(FrameId frame) const {
    return std::span(chain_ids_)
        .subspan(chains_[frame].first, chains_[frame].count);
  }
  [[nodiscard]] const Function& function(FunctionId id) const {
    return functions_[id];
  }
  // The first of them.
  [[nodiscard]] FunctionId function_of(FrameId frame) const {
    return functions_of(frame).front();
  }
  [[nodiscard]] const Function& at(FrameId frame) const {
    return functions_[function_of(frame)];
  }

  // The same function without its line, inlined or not.
  [[nodiscard]] FunctionId group_of(FunctionId id) const { return groups_[id]; }

  // The object that a frame lies in: its path, which is empty for what is no
  // file, and which build of it.
  [[nodiscard]] std::string_view name_of(process::ObjectId object) const {
    return objects_.name(object);
  }
  [[nodiscard]] std::string_view path_of(process::ObjectId object) const {
    return objects_.path(object);
  }
  [[nodiscard]] const FileImage& image_of(process::ObjectId object) const;
  // False for the kernel, generated code and the like, and for what a recording
  // does not know the file of.
  [[nodiscard]] bool is_file(process::ObjectId object) const {
    return object >= process::first_file_object &&
           path_of(object).starts_with('/');
  }

  // Why an object's DWARF, so far, did not tell of all its frames.
  [[nodiscard]] const std::map<process::ObjectId, symbol::Reason>&
  source_problems() const {
    return source_problems_;
  }

 private:
  using Batch = std::vector<FrameId>;
  void name_batch(const FrameTable& frames, process::ObjectId object,
                  Batch& batch, const symbol::DebugFileServer* server);
  void name_offsets(process::ObjectId object,
                    const std::vector<std::uint64_t>& offsets,
                    std::vector<symbol::Named>& out,
                    const symbol::DebugFileServer* server);
  void keep_image(process::ObjectId object, const symbol::ElfFile& file);
  void look_at(process::ObjectId object, int fd);
  [[nodiscard]] Function function_without_file(const Frame& frame) const;
  void name_generated(const FrameTable& frames);
  void name_later(const FrameTable& frames, process::ObjectId object,
                  Batch& batch);
  [[nodiscard]] bool reads_source() const {
    return reads_symbols_ && (source_.wanted.inlines || source_.wanted.lines);
  }
  void ask_server(const FrameTable& frames);
  void name_new(const FrameTable& frames);
  void set_function(FrameId frame, Function function);
  void read_source(const FrameTable& frames, process::ObjectId object,
                   const Batch& batch, std::uint64_t deadline_ns);
  void put_chain(FrameId frame, const symbol::SourceTable& table,
                 std::size_t index);
  FunctionId intern(Function function);

  symbol::Symbolizer symbolizer_;
  process::Objects& objects_;
  GeneratedCode* generated_;
  std::vector<Function> functions_;
  std::unordered_multimap<std::size_t, FunctionId> function_ids_;
  std::vector<FunctionId> groups_;  // of each function

  struct Chain {
    std::uint32_t first;
    std::uint32_t count;
  };
  std::vector<Chain> chains_;  // of each frame, into the next
  std::vector<FunctionId> chain_ids_;

  [[nodiscard]] symbol::Place place_of(
      process::ObjectId object, int root,
      const symbol::DebugFileServer* server) const;

  symbol::DebugFileServer server_;
  SourceSettings source_;
  std::map<process::ObjectId, Batch> unserved_;  // server_ may know more
  Batch generated_frames_;                       // as yet unnamed
  Batch unread_;  // frames whose object's DWARF was not asked yet
  std::map<process::ObjectId, Batch> again_;  // see name_again()
  bool reads_symbols_ = true;
  std::map<process::ObjectId, symbol::Reason> source_problems_;
  std::map<process::ObjectId, FileImage> images_;
};

}  // namespace sightline::stack
