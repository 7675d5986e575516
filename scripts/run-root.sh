#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run-root.sh ROOT VARIANT...: gives the verdicts of ROOT/lab on this machine's
# own kernel, in ROOT and in a mount namespace that ends with it.
set -euo pipefail
exec timeout --kill-after=5 300 unshare --mount bash -euc '
  root=$0
  for directory in proc sys dev; do
    mkdir -p "$root/$directory"
    mount --rbind "/$directory" "$root/$directory"
  done
  mount -t tmpfs tmpfs "$root/tmp"
  export PATH=/lab/bin:/usr/bin:/bin:/usr/sbin:/sbin
  exec chroot "$root" sh /lab/verdicts.sh "$@"
' "$@" </dev/null
