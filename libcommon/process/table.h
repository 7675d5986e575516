// SPDX-License-Identifier: Apache-2.0
// Which image a process ran, and when: kept live by perf's side-band records,
// from /proc only for what was running before. An image is PID, start time and
// exec id, as the kernel half keys its counts; the table ties that to the life
// (fork to exit) and the exec that were current when the image was first
// sampled, which works because both stamp CLOCK_MONOTONIC.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "process/address_space.h"
#include "process/objects.h"
#include "process/proc.h"
#include "process/roots.h"

namespace sightline::process {

struct ImageKey {
  std::uint32_t pid = 0;
  std::uint32_t exec_id = 0;
  std::uint64_t start_ns = 0;

  bool operator==(const ImageKey&) const = default;
};

struct ImageKeyHash {
  std::size_t operator()(const ImageKey& key) const;
};

// An image as the kernel half first saw it.
struct ImageSeen {
  ImageKey key;
  std::uint64_t time_ns = 0;
  std::uint64_t start_boottime_ns = 0;
  std::uint32_t uid = 0;
  bool kernel_thread = false;
  std::string comm;  // of the process, raw bytes
};

// Not thread-safe. Side-band records must come in the order of their time.
class Table {
 public:
  explicit Table(Objects& objects) : objects_(objects) {}

  // Side-band: a new process, a new image, an executable mapping, an end.
  void on_fork(std::uint32_t pid, std::uint32_t parent, std::uint64_t time_ns);
  void on_exec(std::uint32_t pid, std::uint64_t time_ns);
  void on_map(std::uint32_t pid, std::uint64_t time_ns, const MapsLine& map);
  void on_exit(std::uint32_t pid, std::uint64_t time_ns);

  // All side-band records up to this time were told. What an image is that was
  // seen later is not decided yet.
  void on_told(std::uint64_t until_ns) { told_ns_ = until_ns; }

  // Side-band records are missing before this time: what is mapped is compared
  // with /proc before it is believed again, and is unknown until then.
  void on_lost(std::uint64_t time_ns) { lost_ns_ = time_ns; }

  // The kernel half reports an image. To be called as soon as the report
  // arrives: what the side-band does not know is read from /proc here, while
  // the process lives.
  void see(const ImageSeen& seen);

  // The report for a key, or nullptr when it never came.
  [[nodiscard]] const ImageSeen* find(const ImageKey& key) const;

  // Where a user address of an image was from `from_ns` until now, with its
  // object captured. To be called once the side-band has been applied up to
  // now.
  Location locate(const ImageKey& key, std::uint64_t address,
                  std::uint64_t from_ns);

  // What a process sees around it, and what of its mappings it has now: for
  // names that it keeps itself. Nothing for an image that was never reported,
  // or whose root is not known.
  struct Surroundings {
    Root root;
    std::uint32_t namespace_pid = 0;  // what it calls itself
    std::uint32_t uid = 0;
    std::uint64_t start_boottime_ns = 0;
    const AddressSpace* space = nullptr;  // null: unknown; until the next call
  };
  std::optional<Surroundings> surroundings(const ImageKey& key);

  // Whether the image of a process that was there before the side-band is the
  // first that is known of it: it has executed nothing since.
  [[nodiscard]] bool is_first_image(const ImageKey& key);

  // Reads from /proc what a process maps, unless that is known: for those that
  // ran before the side-band was there.
  void preload(std::uint32_t pid);

  // What a process maps now, as far as the side-band has told, and what its
  // paths start from.
  struct Current {
    const AddressSpace* space = nullptr;  // null: unknown; until the next call
    Root root = {};                       // our own where it is not known
  };
  Current current(std::uint32_t pid);

  // The same for an image that was seen, also when it has ended since.
  Current current(const ImageKey& key);

  // Drops what ended before `before_ns` and was not asked for since.
  void forget(std::uint64_t before_ns);

  // Marks the objects that any image maps, by id.
  void mark_objects(std::vector<bool>& live) const;

  [[nodiscard]] std::size_t images() const { return seen_.size(); }
  [[nodiscard]] std::size_t processes() const { return lives_.size(); }

 private:
  // One exec of one life. No space: nobody has told its mappings.
  struct Image {
    std::uint64_t since_ns = 0;
    std::uint64_t snapshot_ns = 0;  // when /proc was read, 0 for never
    std::shared_ptr<AddressSpace>
        space;                      // shared after a fork, until it differs
    std::shared_ptr<Image> parent;  // whose mappings a fork shares
    Root root;                      // what its paths start from
    bool root_known = false;
    std::uint32_t exec_id = 0;     // of the report that was bound to it
    std::uint64_t checked_ns = 0;  // when its space was last known to be whole
    std::uint32_t namespace_pid = 0;  // what it calls itself, 0: not known
    std::uint32_t generation = 0;     // length of the chain of parents
    symbol::Reason reason = symbol::Reason::process_gone;
  };
  struct Life {
    std::uint64_t fork_ns = 0;  // 0: before the tool started
    std::uint64_t exit_ns = 0;  // 0: not yet
    std::vector<std::shared_ptr<Image>> images;
  };
  struct Seen {
    ImageSeen report;
    std::shared_ptr<Image> image = {};  // bound at the first locate()
    std::uint64_t used_ns = 0;
    bool gone = false;  // so it was at the last forget()
  };

  Life& current_life(std::uint32_t pid);
  Image& image_of(Seen& seen);
  std::shared_ptr<Image> image_of_lost_exec(const ImageSeen& report,
                                            const Image& before);
  std::shared_ptr<Image> image_at(std::uint32_t pid, std::uint64_t time_ns);
  using Maps = Result<std::vector<MapsLine>>;
  void take_snapshot(const Maps& maps, Image& image);
  void capture_files(std::uint32_t pid, const std::vector<MapsLine>& maps,
                     const Root& root);
  static bool inherit_space(Image& image);
  static AddressSpace& own_space(Image& image);
  bool recheck(const ImageKey& key, const Seen& seen, Image& image);
  [[nodiscard]] bool is_superseded(const Seen& seen) const;
  static void forget_images(Life& life, std::uint64_t before_ns);

  Objects& objects_;
  Roots roots_;
  std::uint64_t lost_ns_ = 0;
  std::uint64_t told_ns_ = UINT64_MAX;  // until somebody says
  std::shared_ptr<Image> undecided_;    // what image_of() returned last
  std::unordered_map<std::uint32_t, std::vector<Life>> lives_;
  std::unordered_map<ImageKey, Seen, ImageKeyHash> seen_;
};

}  // namespace sightline::process
