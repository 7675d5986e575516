# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# What the static offcpu must do where another C library rules. Run by
# tests/kernels/verdicts.sh in a root of a newer Debian.

check_names_features() {
  offcpu -V -v >features
  cat features
  grep -q '^offcpu [0-9]' features
  grep -q "$(uname -r)" features
}

check_shows_what_a_command_waits_for() {
  offcpu -q -- sleep 1 >rows 2>errors
  cat rows errors
  grep -qE '^ *[0-9]+ +sleep +blocked +sleep +1\.[0-9]+s +1 ' rows
  grep -q 'lost: none' rows
}

# A user's name is what a static program cannot ask the C library for.
check_filters_by_user_name() {
  offcpu -q -j -u root -- sleep 1 >rows
  cat rows
  grep -q '"type":"wait"' rows
  offcpu -q -j -u daemon -- sleep 1 >others
  ! grep -q '"type":"wait"' others
}
