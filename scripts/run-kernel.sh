#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run-kernel.sh VMLINUZ INITRAMFS [SECONDS [CPUS [CHECKS]]]: boots them in an
# emulated machine (never KVM, which a virtual machine's guest often cannot use)
# and prints its serial console. Ends with the guest, or with status 124 when
# time is over. CHECKS names the folder of checks that the guest runs.
#
# A kernel that panics while it boots, before anything of ours runs, says nothing
# of us: the emulator of a busy machine does that to the newest ones now and
# then. It is booted once more.
set -euo pipefail
seconds=${3:-300} cpus=${4:-2} checks=${5:-checks} threads=multi memory=512
# More threads than the machine has CPUs only wait for one another.
((cpus <= 4)) || threads=single memory=2048

boot() {
  timeout --kill-after=5 "$seconds" qemu-system-x86_64 \
    -accel "tcg,thread=$threads" -cpu max -m "$memory" -smp "$cpus" \
    -nodefaults -no-reboot -display none -serial stdio \
    -kernel "$1" -initrd "$2" \
    -append "console=ttyS0 quiet loglevel=1 panic=-1 rdinit=/init checks=$checks" \
    </dev/null
}

console=$(mktemp)
trap 'rm -f "$console"' EXIT
status=0
boot "$1" "$2" | tee "$console" || status=$?
grep -q '^guest is up' "$console" && exit "$status"
((status != 124)) || exit "$status"
echo "the kernel did not come up: once more"
boot "$1" "$2"
