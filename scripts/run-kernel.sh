#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run-kernel.sh VMLINUZ INITRAMFS [SECONDS [CPUS [CHECKS]]]: boots them in an
# emulated machine (never KVM, which a virtual machine's guest often cannot use)
# and prints its serial console. Ends with the guest, or with status 124 when
# time is over. CHECKS names the folder of checks that the guest runs.
set -euo pipefail
cpus=${4:-2} threads=multi memory=512
# More threads than the machine has CPUs only wait for one another.
((cpus <= 4)) || threads=single memory=2048
exec timeout --kill-after=5 "${3:-300}" qemu-system-x86_64 \
  -accel "tcg,thread=$threads" -cpu max -m "$memory" -smp "$cpus" \
  -nodefaults -no-reboot -display none -serial stdio \
  -kernel "$1" -initrd "$2" \
  -append 'console=ttyS0 quiet loglevel=1 panic=-1 rdinit=/init checks='"${5:-checks}" </dev/null
