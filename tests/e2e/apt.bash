# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# An apt that knows nothing of this machine's: its archive is a folder, and what it
# installs goes into another.

# new_apt SOURCE: everything of it is below ./apt.
new_apt() {
  rm -rf apt
  mkdir -p apt/{etc/apt.conf.d,etc/preferences.d,lists/partial,cache/archives/partial,log}
  mkdir -p apt/root/var/lib/dpkg/{info,updates,triggers}
  : >apt/root/var/lib/dpkg/status
  echo "deb [trusted=yes] $1 ./" >apt/etc/sources.list
  cat >apt/conf <<CONF
Dir "$PWD/apt";
Dir::Etc "etc";
Dir::State "$PWD/apt";
Dir::State::status "$PWD/apt/root/var/lib/dpkg/status";
Dir::Cache "cache";
Dir::Log "log";
APT::Sandbox::User "root";
Acquire::http::Proxy "DIRECT";
Acquire::Languages "none";
DPkg::Options { "--root=$PWD/apt/root"; "--force-script-chrootless"; };
CONF
}

# new_archive: with a package that runs a script when it is installed.
new_archive() {
  local deb=archive/small_1_all.deb
  mkdir -p small/DEBIAN small/usr/share/small archive
  echo data >small/usr/share/small/data
  cat >small/DEBIAN/control <<'CONTROL'
Package: small
Version: 1
Architecture: all
Maintainer: Nobody <nobody@localhost>
Description: nothing
CONTROL
  printf '#!/bin/sh\nset -e\n/bin/true "$@"\nfalse || true\n' >small/DEBIAN/postinst
  chmod 755 small/DEBIAN/postinst
  dpkg-deb --root-owner-group -b small "$deb" >/dev/null
  {
    cat small/DEBIAN/control
    echo "Filename: ./${deb##*/}"
    echo "Size: $(stat -c %s "$deb")"
    echo "SHA256: $(sha256sum "$deb" | cut -d' ' -f1)"
  } >archive/Packages
}
