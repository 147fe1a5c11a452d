#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ipset.sh [KERNEL_PACKAGE…]: boots a Debian guest with ipset in an emulator, and compares what `wgfence explain --live` says about
# rules of iptables with sets of ipset with what happens to packets (ipset-guest.py). Default kernels: Debian's 6.1 and 6.12 for
# the cloud. Everything is stored below .build/boot-proof; kernels are only downloaded and unpacked. Root; the guest has no network.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$(realpath -m "$here/../../.build/boot-proof")
program=$(realpath -m "${WGFENCE:-$here/../../.build/release/wgfence}")
. "$here/guest.sh"
[ "$(id -u)" = 0 ] || { echo "ipset: it needs root" >&2; exit 1; }
[ -x "$program" ] || { echo "ipset: $program is missing: run 'make build'" >&2; exit 1; }
install_missing ipset mmdebstrap:mmdebstrap qemu-system-x86_64:qemu-system-x86 cpio:cpio zstd:zstd
echo "ipset: the guest"
mkdir -p "$work"
debian_guest "$work/guest-ipset" iptables ipset iproute2 iputils-ping python3 kmod mount libnftnl11 libmnl0 libyaml-0-2 libsodium23
debian_kernels ipset "$@"

out=$work/run-ipset
trap 'rm -rf "$out"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
for package in "${kernels[@]}"; do
  began=$(date +%s)
  version=$(basename "$work/kernel-$package"/lib/modules/*)
  rm -rf "$out"
  mkdir -p "$out"
  cp -a "$work/guest-ipset" "$out/tree"
  rm -rf "$out/tree"/usr/share/{doc,man,locale,info,zoneinfo} "$out/tree"/var/{lib/apt/lists,cache/apt}/*
  kernel_modules "$package" "$out/tree" net lib drivers/net/veth.ko drivers/net/veth.ko.xz
  install -m 755 "$program" "$out/tree/usr/sbin/wgfence"
  install -m 755 "$here/ipset-guest.py" "$out/tree/usr/sbin/ipset-guest"
  cat >"$out/tree/init" <<'SH'
#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
python3 /usr/sbin/ipset-guest 2>&1
echo IPSET-END
echo o >/proc/sysrq-trigger
sleep 60
SH
  chmod 755 "$out/tree/init"
  (cd "$out/tree" && find . -print0 | cpio --null -o -H newc --quiet) | zstd -q -T0 -1 -f -o "$out/initrd.zst"
  timeout 900 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -m 1200 -smp 2 -nographic -no-reboot -nic none \
    -kernel "$work/kernel-$package/boot/vmlinuz-$version" -initrd "$out/initrd.zst" \
    -append "console=ttyS0 quiet panic=-1" </dev/null >"$out/console.log" 2>&1 || true
  cp "$out/console.log" "$work/ipset-$package.log"
  tr -d '\r' <"$out/console.log" | sed -n 's/^.*IPSET \([^-].*\)/    \1/p'
  summary=$(tr -d '\r' <"$out/console.log" | sed -n 's/^.*IPSET \([0-9]* packets.*\)/\1/p')
  echo "$version: ${summary:-no result}, $(($(date +%s) - began)) s"
  verdict "$package: what explain says of sets is what happens to packets" "0 undetermined, 0 wrong" "${summary#*accepted, }"
  read -r packets _ accepted _ <<<"${summary:-0 packets, 0}"
  verdict "$package: packets pass, and packets are dropped" yes \
    "$([ "${accepted:-0}" -gt 20 ] && [ $((packets - accepted)) -gt 20 ] && echo yes || echo no)"
done
exit $failed
