// SPDX-License-Identifier: Apache-2.0
// A regular file that appears whole or not at all.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "base/handle.h"
#include "output/target.h"

namespace sightline::output {

// A file without a name (O_TMPFILE) in the target's directory, which takes the
// target's place when it is published. What is not published vanishes with the
// process, also by SIGKILL. An existing target keeps its permissions and, where
// the caller may give files away, its owner; other hard links to it keep the
// old text. Move-only, for one thread at a time.
class StagedFile {
 public:
  // Fails where the directory takes no new file.
  static Result<StagedFile> create(std::shared_ptr<const Target> target);

  // The same under a hidden temporary name, removed on destruction: what
  // `create` falls back to on file systems without O_TMPFILE (NFS, 9p, FAT).
  static Result<StagedFile> create_named(std::shared_ptr<const Target> target);

  StagedFile(StagedFile&& other) noexcept;
  StagedFile& operator=(StagedFile&& other) noexcept;
  ~StagedFile();

  [[nodiscard]] int fd() const { return fd_.get(); }

  // Puts the file in the target's place. To be called once; after a failure
  // the target is as it was.
  Status publish();

 private:
  StagedFile(std::shared_ptr<const Target> target, UniqueFd fd,
             std::string name);
  void keep_owner_and_mode() const;
  Status link_to_temporary_name();

  std::shared_ptr<const Target> target_;
  UniqueFd fd_;
  std::string name_;  // empty: nothing to remove
};

}  // namespace sightline::output
