// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Paths of open files, as their own mount namespace has them.
#pragma once

#include <stdbool.h>

#include "kernel_types.h"
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

// Steps towards the root, over edges of mounts too.
#define PATH_MOST_STEPS 40
// NAME_MAX and the NUL behind it.
#define PATH_NAME_SIZE 256

struct path_walk {
  struct dentry *dentry;
  struct mount *mount;
  bool whole;  // the root was reached
  __u32 most;  // for who keeps the names
};

// The name of the file is gone, or was given to another: as d_path() sees it
// (d_unlinked(), include/linux/dcache.h).
static __always_inline bool is_unlinked(struct dentry *dentry) {
  return !BPF_CORE_READ(dentry, d_hash.pprev) &&
         dentry != BPF_CORE_READ(dentry, d_parent);
}

// It is in no directory, and never was: a memfd.
static __always_inline bool is_nowhere(const struct path *path) {
  struct dentry *dentry = BPF_CORE_READ(path, dentry);
  return dentry == BPF_CORE_READ(dentry, d_parent) &&
         dentry != BPF_CORE_READ(path, mnt, mnt_root);
}

static __always_inline struct path_walk begin_walk(const struct path *path) {
  struct vfsmount *mnt = BPF_CORE_READ(path, mnt);
  struct path_walk walk = {
      .dentry = BPF_CORE_READ(path, dentry),
      .mount = (void *)mnt - bpf_core_field_offset(struct mount, mnt),
  };
  return walk;
}

// One step up. Returns the name that was left behind, NULL where a mount's edge
// was crossed or the walk is at its end. What is mounted nowhere (a memfd, a
// pipe) ends at itself, and its name is all there is.
static __always_inline const unsigned char *step_up(struct path_walk *walk) {
  struct dentry *at = walk->dentry;
  struct mount *mount = walk->mount;
  struct dentry *parent = BPF_CORE_READ(at, d_parent);
  if (at == BPF_CORE_READ(mount, mnt.mnt_root)) {
    walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
    walk->mount = BPF_CORE_READ(mount, mnt_parent);
    walk->whole = walk->mount == mount;
    return NULL;
  }
  walk->whole = at == parent;
  walk->dentry = parent;
  return BPF_CORE_READ(at, d_name.name);
}
