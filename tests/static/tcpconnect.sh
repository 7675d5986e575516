# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# What the static tcpconnect must do where another C library rules. Run by
# tests/kernels/verdicts.sh in a root of a newer Debian.

check_names_features() {
  tcpconnect -V -v >features
  cat features
  grep -q '^tcpconnect [0-9]' features
  grep -q "$(uname -r)" features
}

check_shows_where_a_command_connects_to() {
  tcpconnect -q -T -- connects refused 2 >rows 2>errors
  cat rows errors
  [ "$(grep -cE ' connects +refused .* 127\.0\.0\.1:[0-9]+$' rows)" = 2 ]
  grep -q 'lost: none' rows
}

# A user's name is what a static program cannot ask the C library for.
check_names_users() {
  tcpconnect -q -j -u root -- connects refused 1 >rows
  cat rows
  grep -q '"user":"root"' rows
  tcpconnect -q -j -u daemon -- connects refused 1 >others
  ! grep -q '"type":"event"' others
}
