# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# What cpuprof must do on a machine with 132 CPUs. One emulated processor plays
# them all in turn, so the rates are low and nothing is asserted about shares.

check_samples_every_cpu() {
  cpuprof -v -F 9 -d 2 -o out.json 2>err
  cat err
  tail -n 1 out.json
  grep -q ' on 132 CPUs' err
  jq -e -s 'first | .cpus == 132' out.json
  jq -e 'select(.type == "end") | .ledger
         | .entered >= 132 and .table_full == 0 and .unaccounted == 0' out.json
}

check_finds_the_last_cpu() {
  cpuprof -q --by cpu -F 9 -f -o out.folded -- taskset -c 131 spin 3
  cat out.folded
  grep -q '^cpu131;.*;main;.*hot_sixty [0-9]' out.folded
}

check_samples_the_last_cpu_alone() {
  cpuprof -q --by cpu -C 131 -F 9 -f -o out.folded -- taskset -c 131 spin 3
  cat out.folded
  grep -q '^cpu131;.*;main;.*hot_sixty [0-9]' out.folded
  ! grep -v '^cpu131;' out.folded
}

check_samples_what_is_left_when_a_cpu_is_offline() {
  echo 0 >/sys/devices/system/cpu/cpu130/online
  cpuprof -v -F 9 --by cpu -f -o out.folded -- taskset -c 131 spin 3 2>err
  echo 1 >/sys/devices/system/cpu/cpu130/online
  cat err out.folded
  grep -q ' on 131 CPUs' err
  grep -q '^cpu131;.*hot_sixty [0-9]' out.folded
}
