#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make-root.sh SUITE PACKAGE...: unpacks the packages and all that they depend
# on into build/root-SUITE: the libraries and programs of another distribution,
# enough to run in, without installing it. Taken as it is when it stands.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/suite-apt.sh

suite=$1
shift
root=build/root-$suite
[[ ! -e $root/complete ]] || exit 0

suite_open "$PWD/build/root-$suite.apt" "$suite" ||
  { echo "the archive has no suite $suite" >&2; exit 1; }
suite_apt get install -qq -y --download-only --no-install-recommends "$@" >&2
rm -rf "$root"
mkdir -p "$root"/{dev,proc,sys,tmp}
# base-files comes first: it lays the links /bin, /lib and /sbin into /usr.
for package in "$suite_dir"/cache/archives/{base-files_,}*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root" --keep-directory-symlink
done
# What the packages' own scripts would have made.
cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
rm -rf "$suite_dir/cache/archives"
touch "$root/complete"
