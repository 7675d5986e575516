#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# install-deps.sh [GROUP...]: installs what of the groups is missing, through
# apt and by package name only. All groups when none is named. Touches neither
# the network nor apt when everything is there.
set -euo pipefail

declare -A packages=(
  [build]="build-essential cmake ninja-build clang-14 llvm-14 bpftool
           pkg-config libbpf-dev libelf-dev zlib1g-dev libcap-dev
           libdw-dev liblzma-dev libzstd-dev libbz2-dev
           libcli11-dev nlohmann-json3-dev libfmt-dev libiberty-dev
           libprotozero-dev man-db groff-base ccache"
  [test]="libgtest-dev bats jq nodejs python3 shellcheck clang-format-19
          clang-tidy-19 clang-19 libclang-rt-19-dev procps util-linux
          libcap2-bin strace nftables iproute2 zsh fish git linux-perf bpftrace
          elfutils llvm dwz xz-utils libc6-dbg golang-go debuginfod libdebuginfod1
          musl-tools"
  [bench]="linux-perf bpftrace libbpf-tools golang-go jq python3 procps binutils llvm
            libllvm14 elfutils"
  [heavy]="rustc default-jdk-headless postgresql redis-tools nginx curl chromium
           chromium-driver python3-selenium"
  [demo]="g++ python3 coreutils jq"
  [kernels]="qemu-system-x86 busybox-static cpio bpftool jq binutils
             debian-archive-keyring"
)

for group in "${@:-${!packages[@]}}"; do
  [[ -n ${packages[$group]:-} ]] ||
    { echo "$0: no group '$group' (there are: ${!packages[*]})" >&2; exit 2; }
  read -r -d '' -a names <<<"${packages[$group]}" || true
  wanted+=("${names[@]}")
done

missing_packages() {
  comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) \
    <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${wanted[@]}" \
      2>/dev/null | sed -n 's/^installed //p' | sort -u)
}

command -v dpkg-query >/dev/null ||
  { echo "$0: needs Debian's dpkg and apt; install by hand: ${wanted[*]}" >&2
    exit 1; }
mapfile -t missing < <(missing_packages)
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null && sudo -n true 2>/dev/null && as_root=(sudo -n)
  ((${#as_root[@]})) ||
    { echo "$0: run as root: apt-get install ${missing[*]}" >&2; exit 1; }
fi

apt_get() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq \
    -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}
install_missing() {
  apt_get install -y --no-install-recommends "${missing[@]}" </dev/null
}

echo "installing ${missing[*]}"
# The one common reason for a failed first try is lists that are absent or older
# than the archive.
if ! { apt-cache show "${missing[@]}" && install_missing; } >/dev/null 2>&1; then
  apt_get update
  install_missing >/dev/null
fi

mapfile -t missing < <(missing_packages)
((${#missing[@]} == 0)) ||
  { echo "$0: apt did not install ${missing[*]}" >&2; exit 1; }
