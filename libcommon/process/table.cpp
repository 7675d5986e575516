// SPDX-License-Identifier: Apache-2.0
#include "process/table.h"

#include <algorithm>

#include "base/clock.h"

namespace sightline::process {
namespace {

using symbol::Reason;

// Forks without exec that are remembered behind an image whose mappings nobody
// has told yet. A process that forks and leaves, again and again, makes a chain
// without end.
constexpr std::uint32_t most_generations = 64;

bool is_same_process(const ImageSeen& seen) {
  auto stat = read_stat(seen.key.pid);
  return stat && stat->start_ticks == start_ticks_of(seen.start_boottime_ns);
}

}  // namespace

std::size_t ImageKeyHash::operator()(const ImageKey& key) const {
  auto id = std::uint64_t{key.pid} << 32 | key.exec_id;
  return (id ^ key.start_ns) * 0x9e3779b97f4a7c15ULL;
}

Table::Life& Table::current_life(std::uint32_t pid) {
  auto& lives = lives_[pid];
  if (lives.empty()) lives.push_back({.images = {std::make_shared<Image>()}});
  return lives.back();
}

void Table::on_fork(std::uint32_t pid, std::uint32_t parent,
                    std::uint64_t time_ns) {
  auto from = current_life(parent).images.back();
  auto image = std::make_shared<Image>();
  image->since_ns = time_ns;
  image->space = from->space;
  image->root = from->root;
  image->root_known = from->root_known;
  image->checked_ns = from->checked_ns;
  // What was read later than this fork may be what an exec after it mapped.
  if (from->snapshot_ns > time_ns) image->space.reset();
  if (!image->space) {
    bool deep = from->generation == most_generations;
    image->parent = deep ? from->parent : from;
    image->generation = from->generation + (deep ? 0 : 1);
  }
  auto& lives = lives_[pid];
  // The record of its exit was lost.
  if (!lives.empty() && lives.back().exit_ns == 0) {
    lives.back().exit_ns = time_ns;
  }
  lives.push_back({.fork_ns = time_ns, .images = {std::move(image)}});
}

void Table::on_exec(std::uint32_t pid, std::uint64_t time_ns) {
  auto& life = current_life(pid);
  auto& before = *life.images.back();
  // What was read from /proc after the exec was the new image's.
  if (before.snapshot_ns > time_ns) before.space.reset();
  auto image = std::make_shared<Image>();
  image->since_ns = time_ns;
  image->space = std::make_shared<AddressSpace>();
  image->root = before.root;
  image->root_known = before.root_known;
  image->checked_ns = time_ns;
  image->namespace_pid = before.namespace_pid;
  life.images.push_back(std::move(image));
}

void Table::on_map(std::uint32_t pid, std::uint64_t time_ns,
                   const MapsLine& map) {
  auto& image = *current_life(pid).images.back();
  // Without a space yet, the snapshot will hold this mapping too.
  if (!image.space) return;
  own_space(image).insert({map.start, map.end, map.file_offset,
                           objects_.intern(map.file), time_ns});
}

AddressSpace& Table::own_space(Image& image) {
  if (image.space.use_count() > 1) {
    image.space = std::make_shared<AddressSpace>(*image.space);
  }
  return *image.space;
}

void Table::on_exit(std::uint32_t pid, std::uint64_t time_ns) {
  current_life(pid).exit_ns = time_ns;
}

void Table::take_snapshot(const Maps& maps, Image& image) {
  image.snapshot_ns = monotonic_ns();
  image.checked_ns = image.snapshot_ns;
  if (!maps) {
    bool refused = maps.error().kind == ErrorKind::permission;
    image.reason = refused ? Reason::not_permitted : Reason::process_gone;
    return;
  }
  if (maps->empty()) return;  // exiting: the memory is already gone
  image.space = std::make_shared<AddressSpace>();
  image.parent.reset();
  for (const auto& line : *maps) {
    image.space->insert({line.start, line.end, line.file_offset,
                         objects_.intern(line.file), 0});
  }
}

bool Table::inherit_space(Image& image) {
  if (image.space || !image.parent) return image.space != nullptr;
  // Detached first, so that a chain cannot lead back here.
  auto parent = std::move(image.parent);
  if (!inherit_space(*parent)) return false;
  image.space = parent->space;
  return true;
}

void Table::see(const ImageSeen& seen) {
  auto [at, added] = seen_.try_emplace(seen.key, Seen{seen});
  if (!added || seen.kernel_thread || seen.key.pid == 0) return;
  auto& image = *current_life(seen.key.pid).images.back();
  if (!is_same_process(seen)) return;
  auto root = roots_.of(seen.key.pid);
  image.root_known = root.has_value();
  image.root = root.value_or(nullptr);
  image.namespace_pid = read_namespace_pid(seen.key.pid).value_or(0);
  // From /proc also where the side-band knows, whose latest records have not
  // settled yet.
  auto maps = read_maps(seen.key.pid);
  if (!image.space) take_snapshot(maps, image);
  if (maps) capture_files(seen.key.pid, *maps, image.root);
}

bool Table::is_first_image(const ImageKey& key) {
  auto at = seen_.find(key);
  if (at == seen_.end()) return false;
  return image_of(at->second).since_ns == 0;
}

void Table::preload(std::uint32_t pid) {
  auto& image = *current_life(pid).images.back();
  if (image.space) return;
  auto root = roots_.of(pid);
  image.root_known = root.has_value();
  image.root = root.value_or(nullptr);
  take_snapshot(read_maps(pid), image);
}

Table::Current Table::current(std::uint32_t pid) {
  auto lives = lives_.find(pid);
  if (lives == lives_.end() || lives->second.empty()) return {};
  auto& image = *lives->second.back().images.back();
  if (!inherit_space(image) || image.checked_ns < lost_ns_) return {};
  return {image.space.get(), image.root};
}

// What may be gone by the time that a name is wanted: all files of another
// root, which ends with its container; of our own the program itself, which
// who builds and tests software deletes as soon as it has run.
void Table::capture_files(std::uint32_t pid, const std::vector<MapsLine>& maps,
                          const Root& root) {
  for (const auto& line : maps) {
    auto object = objects_.intern(line.file);
    if (object < first_file_object) continue;
    objects_.capture(object, pid, line.start, line.end, root);
    if (!root) return;
  }
}

const ImageSeen* Table::find(const ImageKey& key) const {
  auto at = seen_.find(key);
  return at == seen_.end() ? nullptr : &at->second.report;
}

std::shared_ptr<Table::Image> Table::image_at(std::uint32_t pid,
                                              std::uint64_t time_ns) {
  current_life(pid);
  const auto& lives = lives_[pid];
  const Life* life = &lives.front();
  for (const auto& candidate : lives) {
    if (candidate.fork_ns <= time_ns) life = &candidate;
  }
  auto image = life->images.front();
  for (const auto& candidate : life->images) {
    if (candidate->since_ns <= time_ns) image = candidate;
  }
  return image;
}

Table::Image& Table::image_of(Seen& seen) {
  if (seen.image) return *seen.image;
  auto image = image_at(seen.report.key.pid, seen.report.time_ns);
  if (seen.report.time_ns > told_ns_) {
    undecided_ = std::move(image);
    return *undecided_;
  }
  auto exec_id = seen.report.key.exec_id;
  if (image->exec_id != 0 && image->exec_id != exec_id) {
    image = image_of_lost_exec(seen.report, *image);
  }
  image->exec_id = exec_id;
  seen.image = std::move(image);
  return *seen.image;
}

// Two execs in one image: the record of the second was lost. What it maps only
// /proc can tell, if it still runs.
std::shared_ptr<Table::Image> Table::image_of_lost_exec(const ImageSeen& report,
                                                        const Image& before) {
  const auto pid = report.key.pid;
  bool is_next = &before == current_life(pid).images.back().get() &&
                 report.key.exec_id > before.exec_id;
  if (!is_next || !is_same_process(report)) return std::make_shared<Image>();
  on_exec(pid, report.time_ns);
  auto image = current_life(pid).images.back();
  image->space.reset();
  take_snapshot(read_maps(pid), *image);
  return image;
}

// After a loss: what /proc shows now is put over what was known; where they
// differ, the epoch has two answers. False for a process that cannot be asked.
bool Table::recheck(const ImageKey& key, const Seen& seen, Image& image) {
  const auto& current = current_life(key.pid).images.back();
  if (&image != current.get() || !is_same_process(seen.report)) return false;
  auto maps = read_maps(key.pid);
  if (!maps || maps->empty()) return false;
  auto now = monotonic_ns();
  auto& space = own_space(image);
  for (const auto& line : *maps) {
    space.insert({line.start, line.end, line.file_offset,
                  objects_.intern(line.file), now});
  }
  image.checked_ns = now;
  return true;
}

bool Table::is_superseded(const Seen& seen) const {
  auto lives = lives_.find(seen.report.key.pid);
  return seen.image && lives != lives_.end() && !lives->second.empty() &&
         lives->second.back().images.back() != seen.image;
}

void Table::mark_objects(std::vector<bool>& live) const {
  auto mark = [&](const std::shared_ptr<Image>& image) {
    if (!image || !image->space) return;
    for (const auto& mapping : image->space->mappings()) {
      live[mapping.object] = true;
    }
  };
  for (const auto& [key, seen] : seen_) mark(seen.image);
  for (const auto& [pid, lives] : lives_) {
    for (const auto& life : lives) std::ranges::for_each(life.images, mark);
  }
}

std::optional<Table::Surroundings> Table::surroundings(const ImageKey& key) {
  auto at = seen_.find(key);
  if (at == seen_.end() || key.pid == 0) return std::nullopt;
  auto& image = image_of(at->second);
  if (!image.root_known) return std::nullopt;
  auto pid = image.namespace_pid != 0 ? image.namespace_pid : key.pid;
  const auto& report = at->second.report;
  return Surroundings{image.root, pid, report.uid, report.start_boottime_ns,
                      inherit_space(image) ? image.space.get() : nullptr};
}

Table::Current Table::current(const ImageKey& key) {
  auto at = seen_.find(key);
  if (at == seen_.end() || key.pid == 0) return {};
  at->second.used_ns = monotonic_ns();
  auto& image = image_of(at->second);
  if (!inherit_space(image)) return {};
  if (image.checked_ns < lost_ns_ && !recheck(key, at->second, image)) {
    return {};
  }
  return {image.space.get(), image.root};
}

Location Table::locate(const ImageKey& key, std::uint64_t address,
                       std::uint64_t from_ns) {
  auto at = seen_.find(key);
  if (at == seen_.end()) {
    return {.offset = address, .reason = Reason::process_gone};
  }
  if (key.pid == 0) {
    return {.offset = address, .reason = Reason::other_namespace};
  }
  auto& seen = at->second;
  seen.used_ns = monotonic_ns();
  auto& image = image_of(seen);
  if (!inherit_space(image)) return {.offset = address, .reason = image.reason};
  if (image.checked_ns < lost_ns_ && !recheck(key, seen, image)) {
    return {.offset = address, .reason = Reason::records_lost};
  }
  auto location = image.space->locate(address, from_ns);
  if (location.mapping != nullptr) {
    objects_.capture(location.object, key.pid, location.mapping->start,
                     location.mapping->end, image.root);
  }
  if (objects_.is_generated(location.object)) {
    return {anonymous_object, address, location.mapping, Reason::anonymous};
  }
  return location;
}

void Table::forget(std::uint64_t before_ns) {
  auto unused = [before_ns](const Seen& seen) {
    return std::max(seen.used_ns, seen.report.time_ns) < before_ns;
  };
  // Counts of the epoch that runs now may still name what has just gone: an
  // image must have been gone at the last call too.
  std::erase_if(seen_, [&](const auto& entry) {
    return entry.second.gone && unused(entry.second);
  });
  for (auto& [key, seen] : seen_) {
    seen.gone = unused(seen) && (is_superseded(seen) || is_gone(key.pid));
  }
  for (auto& [pid, lives] : lives_) {
    std::erase_if(lives, [&](const Life& life) {
      if (life.exit_ns == 0 || life.exit_ns >= before_ns) return false;
      // A process outlives its first thread, whose end this was.
      return &life != &lives.back() || is_gone(pid);
    });
    for (auto& life : lives) forget_images(life, before_ns);
  }
  std::erase_if(lives_, [](const auto& entry) { return entry.second.empty(); });
}

// An image ends where the next one begins; seen_ keeps older ones it needs.
void Table::forget_images(Life& life, std::uint64_t before_ns) {
  auto& images = life.images;
  auto ended = images.begin();
  while (std::next(ended) != images.end() &&
         (*std::next(ended))->since_ns < before_ns) {
    ++ended;
  }
  images.erase(images.begin(), ended);
  for (auto& image : images) {
    if (image->space) image->space->forget_replaced(before_ns);
  }
}

}  // namespace sightline::process
