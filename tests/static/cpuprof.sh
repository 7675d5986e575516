# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# What the static cpuprof must do where another C library rules. Run by
# tests/kernels/verdicts.sh in a root of a newer Debian.

check_names_features() {
  cpuprof -V -v >features
  cat features
  grep -q '^cpuprof [0-9]' features
  grep -q "$(uname -r)" features
}

# A user's name is what a static program cannot ask the C library for.
check_filters_by_user_name() {
  spin 600 >/dev/null &
  load=$!
  cpuprof -q -u root -d 1 -f -o root.folded
  cpuprof -q -u daemon -d 1 -f -o daemon.folded
  kill "$load"
  head root.folded daemon.folded
  grep -q '^spin;.*hot_sixty' root.folded
  ! grep -q '^spin;' daemon.folded
}

check_refuses_an_unknown_user() {
  status=0
  cpuprof -u nobody-of-this-name -d 1 2>message || status=$?
  cat message
  [ "$status" = 2 ] || [ "$status" = 1 ]
  grep -q nobody-of-this-name message
}
