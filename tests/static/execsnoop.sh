# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# What the static execsnoop must do where another C library rules. Run by
# tests/kernels/verdicts.sh in a root of a newer Debian.

check_names_features() {
  execsnoop -V -v >features
  cat features
  grep -q '^execsnoop [0-9]' features
  grep -q "$(uname -r)" features
}

check_shows_what_a_command_starts() {
  execsnoop -q -T -- sh -c '/bin/echo "a b" >/dev/null; /no/such; true' \
    >rows 2>errors
  cat rows errors
  grep -q " 0  echo .*/bin/echo 'a b'$" rows
  grep -q 'ENOENT  such' rows
  grep -q 'lost: none' rows
}

# A user's name is what a static program cannot ask the C library for.
check_names_users() {
  execsnoop -q -j -u root -- /bin/echo x >rows
  cat rows
  grep -q '"user":"root"' rows
  execsnoop -q -j -u daemon -- /bin/echo x >others
  ! grep -q '"type":"event"' others
}
