#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Brings the newest cloud kernel of each Debian suite into build/kernels:
# SUITE/vmlinuz and SUITE/version, or SUITE/skip with the reason why there is
# none. What was fetched within a day is taken as it is. Fails only when no
# suite at all has a kernel.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/suite-apt.sh

suites=(bullseye bookworm trixie sid)
store=$PWD/build/kernels

# The package that carries the image: the metapackage names the newest one, and
# from 7.2 on that one only signs for a linux-binary-* package.
image_package() {
  local package=linux-image-cloud-amd64 depends
  depends=$(suite_apt cache show --no-all-versions "$package" |
    sed -n 's/^Depends: //p')
  package=$(grep -o 'linux-image-[^ ,]*' <<<"$depends" | head -n 1)
  [[ -n $package ]] || return 1
  depends=$(suite_apt cache show --no-all-versions "$package" |
    sed -n 's/^Depends: //p')
  grep -o 'linux-binary-[^ ,|]*' <<<"$depends" | head -n 1 ||
    printf '%s\n' "$package"
}

# unpack_image PACKAGE-FILE DIRECTORY: only the image out of all the modules.
unpack_image() {
  local member
  rm -rf "$2/unpacked"
  mkdir "$2/unpacked"
  dpkg-deb --fsys-tarfile "$1" |
    tar -x -C "$2/unpacked" --wildcards '*/vmlinuz*' || true
  member=$(find "$2/unpacked" -type f -name 'vmlinuz*' | head -n 1)
  [[ -n $member ]] || return 1
  mv "$member" "$2/vmlinuz"
  rm -rf "$2/unpacked"
}

# no_image DIRECTORY REASON: an older image is better than none.
no_image() {
  [[ -e $1/vmlinuz ]] || printf '%s\n' "$2" >"$1/skip"
}

fetch_suite() {
  local suite=$1 directory=$store/$1 package
  mkdir -p "$directory"
  [[ -z $(find "$directory/vmlinuz" -mtime -1 2>/dev/null) ]] || return 0
  rm -f "$directory"/{skip,*.deb}
  suite_open "$directory/apt" "$suite" ||
    { no_image "$directory" "the archive has no suite $suite"; return; }
  package=$(image_package) ||
    { no_image "$directory" "$suite has no cloud kernel"; return; }
  if [[ $(cat "$directory/version" 2>/dev/null) != "$package" ]]; then
    (cd "$directory" && suite_apt get download -qq "$package" >&2) ||
      { no_image "$directory" "$package cannot be downloaded"; return; }
    unpack_image "$directory"/*.deb "$directory" ||
      { no_image "$directory" "$package carries no image"; return; }
    rm -f "$directory"/*.deb
    printf '%s\n' "$package" >"$directory/version"
  fi
  touch "$directory/vmlinuz"
}

found=0
for suite in "${suites[@]}"; do
  fetch_suite "$suite"
  if [[ -e $store/$suite/skip ]]; then
    echo "$suite: none: $(cat "$store/$suite/skip")"
  else
    echo "$suite: $(cat "$store/$suite/version")"
    found=$((found + 1))
  fi
done
((found > 0))
