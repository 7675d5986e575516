#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run-kernel.sh VMLINUZ INITRAMFS [SECONDS]: boots them in an emulated machine
# (never KVM, which a virtual machine's guest often cannot use) and prints its
# serial console. Ends with the guest, or with status 124 when time is over.
set -euo pipefail
exec timeout --kill-after=5 "${3:-300}" qemu-system-x86_64 \
  -accel tcg,thread=multi -cpu max -m 512 -smp 2 \
  -nodefaults -no-reboot -display none -serial stdio \
  -kernel "$1" -initrd "$2" \
  -append 'console=ttyS0 quiet loglevel=1 panic=-1 rdinit=/init' </dev/null
