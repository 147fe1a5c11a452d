#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# site.sh [KERNEL_PACKAGE…]: a site with a Docker Swarm over WireGuard in an emulated guest, first without wgfence and then with
# it (run.py). Default kernels: Debian's 6.1 and 6.12 for the cloud.
#
# Prints `ok NAME`, `not ok NAME: …` or `skip NAME: why` for each claim, and last the sum; ends with status 1 when a claim did not
# hold. Everything is stored below .build/boot-proof; packages and kernels are only downloaded and unpacked. Root; the guest has
# no network.
#
# SITE_SECONDS (10800) is how long a guest may take, SITE_PORTS what of the TCP ports is scanned: all, or `used`. SITE_SHELL names a
# Unix socket at which the guest then serves a shell.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$(realpath -m "$here/../../.build/boot-proof")
program=$(realpath -m "${WGFENCE:-$here/../../.build/release/wgfence}")
. "$here/../Proof/guest.sh"
guest_needs site
echo "site: the guest (350 MB of Debian packages, if they are not there)"
debian_guest "$work/guest-site" docker.io docker-compose iptables nftables iproute2 iputils-ping wireguard-tools kmod mount procps \
  python3 tcpdump conntrack nmap busybox-static postgresql-15 prometheus prometheus-node-exporter curl \
  libnftnl11 libmnl0 libyaml-0-2 libsodium23
debian_kernels site "$@"

guest_folder site

# image PACKAGE: the initial file system of the guest with a kernel's modules.
image() {
  local package=$1 tree=$out/tree
  small_guest "$work/guest-site" "$tree"
  kernel_modules "$package" "$tree" net crypto lib arch/x86/crypto fs/overlayfs drivers/net/{wireguard,vxlan} \
    drivers/net/{veth,dummy,tun,macvlan}.ko{,.xz}
  install -m 755 "$program" "$tree/usr/sbin/wgfence"
  mkdir -p "$tree/site/policies"
  cp "$here"/*.py "$here"/*.yml "$here/machine.sh" "$tree/site/"
  cp -r "$here/../../policies/." "$tree/site/policies/"
  install -m 755 "$here/init" "$tree/init"
  (cd "$tree" && find . -print0 | cpio --null -o -H newc --quiet) | zstd -q -T1 -1 -f -o "$out/initrd.zst"
  rm -rf "$tree"
}

passed=0 broken=0 skipped=0
for package in "${kernels[@]}"; do
  began=$SECONDS
  version=$(basename "$work/kernel-$package"/lib/modules/*)
  echo "site: $version: making the guest"
  image "$package"
  echo "site: $version: booting"
  words="console=ttyS0 quiet panic=-1 net.ifnames=0 mitigations=off tsc=reliable site.ports=${SITE_PORTS:-all}"
  serial=()
  if [ -n "${SITE_SHELL:-}" ]; then serial=(-serial "unix:$SITE_SHELL,server=on,wait=off"); words+=" site.shell"; fi
  # The guest's clock counts its instructions, a nanosecond each, and jumps over idle time: limits of time in the guest do not
  # depend on how busy this machine is.
  : >"$out/console.log"
  timeout "${SITE_SECONDS:-10800}" nice -n 5 qemu-system-x86_64 -accel tcg -icount shift=0,sleep=off \
    -cpu max -m 5000 -smp 1 -display none -no-reboot -nic none \
    -serial stdio ${serial[@]+"${serial[@]}"} -kernel "$work/kernel-$package/boot/vmlinuz-$version" -initrd "$out/initrd.zst" \
    -append "$words" </dev/null >"$out/console.log" 2>&1 &
  machine=$!
  tail -n +1 -f --pid="$machine" "$out/console.log" | sed -u 's/\r$//' |
    sed -un "s/^.*SITE \(ok\|not ok\|skip\) /\1 $version: /p; s/^.*SITE # /    /p" &
  # Signals are handled while this waits, not while a pipe runs in the foreground.
  wait "$machine" || true
  wait $! || true
  machine=
  cp "$out/console.log" "$work/site-$package.log"
  sum=$(tr -d '\r' <"$out/console.log" | sed -n 's/^.*SITE sum //p')
  if [ -z "$sum" ]; then
    # What it tried before it ended counts, and that it did not reach its end is a failure.
    p=$(grep -ac '^SITE ok ' "$out/console.log" || true)
    b=$(grep -ac '^SITE not ok ' "$out/console.log" || true)
    sum="$p passed, $((b + 1)) failed, 0 skipped"
    echo "not ok $version: the guest reaches its end: see $work/site-$package.log"
  fi
  echo "site: $version: $sum, $((SECONDS - began)) s"
  read -r p _ b _ s _ <<<"$sum"
  passed=$((passed + p)) broken=$((broken + b)) skipped=$((skipped + s))
done
echo "$passed passed, $broken failed, $skipped skipped"
[ "$broken" -eq 0 ] && [ "$passed" -gt 0 ]
