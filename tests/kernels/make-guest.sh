#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make-guest.sh DYNAMIC-BIN STATIC-BIN SPIN OUT: writes OUT/root, a root file
# system with busybox, both variants of each tool, the workloads (SPIN and what
# lies beside it) and the checks, and OUT/initramfs.cpio, the same for a kernel
# to boot.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
dynamic=$1 static=$2 spin=$3 out=$4
root=$out/root

# Copies a program and, if it is dynamic, its libraries and its loader.
copy_program() {
  local file
  install -D "$1" "$root$2"
  # Debug information would only fill the guest's memory.
  strip --strip-debug "$root$2"
  for file in $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*'); do
    [[ -e $root$file ]] || install -D "$(realpath "$file")" "$root$file"
  done
}

rm -rf "$root"
mkdir -p "$root"/{bin,dev,etc,lab,proc,sys,tmp}
copy_program "$(command -v busybox)" /bin/busybox
for applet in $(busybox --list); do
  [[ $applet == busybox ]] || ln -s busybox "$root/bin/$applet"
done
copy_program "$(command -v jq)" /lab/bin/jq
copy_program "$(PATH=$PATH:/usr/sbin command -v bpftool)" /lab/bin/bpftool
copy_program "$spin" /lab/bin/spin
for workload in answered execs connects sorting sorting_static; do
  copy_program "$(dirname "$spin")/$workload" "/lab/bin/$workload"
done
for checks in "$here"/checks/*.sh; do
  tool=$(basename "$checks" .sh)
  copy_program "$dynamic/$tool" "/lab/dynamic/$tool"
  copy_program "$static/$tool" "/lab/static/$tool"
done
cp -r "$here/checks" "$here/many-cpus" "$root/lab/"
cp "$here/verdicts.sh" "$root/lab/"
install "$here/init" "$root/init"
printf 'root:x:0:0:root:/:/bin/sh\n' >"$root/etc/passwd"
(cd "$root" && find . | cpio -o -H newc --quiet) >"$out/initramfs.cpio"
