#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# boot-proof.sh [KERNEL_PACKAGE…]: boots a Debian guest with the units of systemd/ and kernel WireGuard in an emulator, while
# an attacker tries to connect from before power-on to power-off. Default kernels: Debian's 6.1 and 6.12 for the cloud.
#
# Each boot prints `ok NAME` or `not ok NAME: …`, and the script ends with status 1 when one failed. Everything is stored below
# .build/boot-proof; kernels are only downloaded and unpacked. Root; touches nothing of this host.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$(realpath -m "$here/../../.build/boot-proof")
program=$(realpath -m "${WGFENCE:-$here/../../.build/release/wgfence}")
. "$here/guest.sh"
if [ -z "${BOOT_PROOF_OUTSIDE:-}" ]; then
  [ "$(id -u)" = 0 ] || { echo "boot-proof: it needs root" >&2; exit 1; }
  [ -x "$program" ] || { echo "boot-proof: $program is missing: run 'make build'" >&2; exit 1; }
  install_missing boot-proof mmdebstrap:mmdebstrap qemu-system-x86_64:qemu-system-x86 cpio:cpio zstd:zstd wireguard-go:wireguard-go wg:wireguard-tools
  # What needs the network of this host comes first.
  echo "boot-proof: the guest"
  debian_guest "$work/guest" systemd systemd-sysv udev kmod nftables wireguard-tools iproute2 netcat-openbsd procps \
    libnftnl11 libmnl0 libyaml-0-2 libsodium23 libstdc++6
  debian_kernels boot-proof "$@"
  set -- "${kernels[@]}"
  BOOT_PROOF_OUTSIDE=$(readlink /proc/self/ns/net)
  export BOOT_PROOF_OUTSIDE
  exec unshare -n -m -p --fork --kill-child --mount-proc "$0" "$@"
fi
if [ $$ -ne 1 ] || [ "$(readlink /proc/self/ns/net)" = "$BOOT_PROOF_OUTSIDE" ]; then
  echo "boot-proof: this is not a namespace of its own" >&2
  exit 1
fi
trap 'exit 130' INT
trap 'exit 143' TERM

# --- the network: the attacker in this namespace, the laptop with WireGuard behind the same bridge

mkdir -p /run/wireguard
mount -t tmpfs none /run/wireguard
mount -t tmpfs none /run/netns 2>/dev/null || { mkdir -p /run/netns; mount -t tmpfs none /run/netns; }
ip link set lo up
ip link add br0 type bridge
ip address add 203.0.113.66/24 dev br0
ip link set br0 up
ip tuntap add tap0 mode tap
ip link set tap0 master br0 up
ip netns add laptop
ip link add laptop0 type veth peer name eth0 netns laptop
ip link set laptop0 master br0 up
ip -n laptop address add 203.0.113.30/24 dev eth0
ip -n laptop link set eth0 up
ip -n laptop link set lo up
ip netns exec laptop wireguard-go -f wg0 >/dev/null 2>&1 &
for _ in $(seq 100); do [ -S /run/wireguard/wg0.sock ] && break; sleep 0.05; done
(umask 077; wg genkey >"$work/laptop.key"; wg genkey >"$work/guest.key")
ip netns exec laptop wg set wg0 listen-port 51820 private-key "$work/laptop.key" \
  peer "$(wg pubkey <"$work/guest.key")" allowed-ips 10.13.13.50/32 endpoint 203.0.113.50:51820
ip -n laptop address add 10.13.13.3/24 dev wg0
ip -n laptop link set wg0 mtu 1420 up

# --- the guest

# guest TREE: with the site's network and its listening servers.
guest() {
  local root=$1 unit
  local units=$root/etc/systemd/system
  wgfence_guest "$root"
  mkdir -p "$root/etc/systemd/network"
  # Listening on every address from the earliest moment, before any network exists: the attacked service, and the failsafe's service.
  for unit in 5432 22; do
    printf '[Unit]\nDefaultDependencies=no\n[Service]\nRestart=always\nExecStart=/bin/sh -c "while :; do echo open-%s | nc -N -l -p %s >/dev/null; done"\n' \
      $unit $unit >"$units/listen-$unit.service"
    ln -sf "../listen-$unit.service" "$units/sysinit.target.wants/"
  done
  cat >"$root/usr/sbin/report" <<'SH'
#!/bin/sh
say() { sed "s/^/REPORT $1 /"; }
uname -r | say kernel
cat /proc/sys/net/netfilter/nf_conntrack_timestamp 2>&1 | say timestamps
for u in wgfence-boot.service wgfence.service network-pre.target systemd-networkd.service; do
  echo "$u $(systemctl show -p ActiveState --value $u) $(systemctl show -p ActiveEnterTimestampMonotonic --value $u)" | say unit
done
journalctl -b -o cat -u wgfence-boot -u wgfence 2>/dev/null | say log
ls -l /run/wgfence /var/lib/wgfence 2>&1 | say files
if grep -q proof.tamper /proc/cmdline; then
nft list tables | say before
nft flush ruleset 2>&1 | say flush
nft delete table inet wgfence 2>&1 | say delete
sleep 2
nft list tables | say after
wgfence status 2>&1 | say status
wgfence open 8080/tcp --from laptop --for 5s --because proof 2>&1 | say open
journalctl -b -o cat -u wgfence 2>/dev/null | tail -5 | say log-end
kill -9 "$(systemctl show -p MainPID --value wgfence.service)" 2>/dev/null
sleep 3
nft list tables | say killed
systemctl show -p ActiveState --value wgfence.service | say restarted
systemctl stop wgfence.service
nft list tables | say stopped
fi
wgfence status 2>&1 | say status-end
systemctl --failed --no-legend | say failed
echo REPORT-END
sleep 12
systemctl poweroff --force
SH
  chmod 755 "$root/usr/sbin/report"
  printf '[Unit]\nAfter=multi-user.target network.target systemd-networkd.service\n[Service]\nType=oneshot\nExecStart=/usr/sbin/report\nStandardOutput=tty\nTTYPath=/dev/console\n' >"$units/report.service"
  ln -sf ../report.service /lib/systemd/system/systemd-networkd.service "$units/multi-user.target.wants/"
  ln -sf /dev/null "$units/systemd-networkd-wait-online.service"
  printf '[Match]\nName=eth0\n[Network]\nAddress=203.0.113.50/24\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n' >"$root/etc/systemd/network/10-eth.network"
  printf '[NetDev]\nName=wg0\nKind=wireguard\n[WireGuard]\nPrivateKey=%s\nListenPort=51820\n[WireGuardPeer]\nPublicKey=%s\nAllowedIPs=10.13.13.3/32\nEndpoint=203.0.113.30:51820\nPersistentKeepalive=5\n' \
    "$(cat "$work/guest.key")" "$(wg pubkey <"$work/laptop.key")" >"$root/etc/systemd/network/20-wg0.netdev"
  printf '[Match]\nName=wg0\n[Network]\nAddress=10.13.13.50/24\n' >"$root/etc/systemd/network/20-wg0.network"
  chmod 644 "$root"/etc/systemd/network/*
}

# image PACKAGE TREE OUT: the whole root file system as the initial one, with the modules that a network test needs.
image() {
  local package=$1 tree=$2 out=$3
  mkdir -p "$out"
  rm -rf "$out/tree"
  cp -a "$tree" "$out/tree"
  rm -rf "$out/tree"/usr/share/{doc,man,locale,info,zoneinfo,bash-completion,lintian} "$out/tree"/var/{lib/apt/lists,cache/apt}/* \
    "$out/tree/usr/lib/x86_64-linux-gnu/gconv"
  kernel_modules "$package" "$out/tree" net crypto lib arch/x86/crypto drivers/net/wireguard drivers/virtio \
    drivers/net/virtio_net.ko drivers/net/virtio_net.ko.xz drivers/net/net_failover.ko drivers/net/net_failover.ko.xz
  printf '%s\n' virtio_pci virtio_net >"$out/tree/etc/modules-load.d/proof.conf"
  ln -sf lib/systemd/systemd "$out/tree/init"
}

# boot PACKAGE OUT [KERNEL ARGUMENT…]: leaves console.log, attacker.log and laptop.log in OUT.
boot() {
  local package=$1 out=$2 attacker machine version
  shift 2
  version=$(basename "$work/kernel-$package"/lib/modules/*)
  (cd "$out/tree" && find . -print0 | cpio --null -o -H newc --quiet) | zstd -q -T0 -1 -f -o "$out/initrd.zst"
  : >"$out/console.log"
  python3 "$here/boot-attacker.py" 203.0.113.50 200 >"$out/attacker.log" &
  attacker=$!
  timeout 200 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -m 1400 -smp 2 -nographic -no-reboot \
    -kernel "$work/kernel-$package/boot/vmlinuz-$version" -initrd "$out/initrd.zst" \
    -append "console=ttyS0 quiet panic=-1 net.ifnames=0 systemd.show_status=0 $*" \
    -netdev tap,id=n0,ifname=tap0,script=no,downscript=no -device virtio-net-pci,netdev=n0 </dev/null >"$out/console.log" 2>&1 &
  machine=$!
  for _ in $(seq 1500); do
    if grep -qa REPORT-END "$out/console.log" || ! kill -0 $machine 2>/dev/null; then break; fi
    sleep 0.1
  done
  : >"$out/laptop.log"
  for _ in 1 2 3 4 5; do
    ip netns exec laptop timeout 4 python3 -c "$greet" 10.13.13.50 5432 >>"$out/laptop.log" 2>/dev/null || true
    if [ -s "$out/laptop.log" ]; then break; fi
  done
  timeout 4 python3 -c "$greet" 203.0.113.50 22 >"$out/failsafe.log" 2>/dev/null || true
  wait $machine || true
  kill $attacker 2>/dev/null || true
  wait $attacker 2>/dev/null || true
  rm -f "$out/initrd.zst"
}

# The first line of a server.
greet='import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 3) as s: print(s.recv(64).decode().strip())'

# A login prompt can precede the first word.
reported() { sed -n "s/^.*REPORT $2 //p" "$1/console.log" | tr -d '\r'; }
# The attacker's last line.
through() { awk '/^tries/ { last = $0 } END { print last }' "$1/attacker.log" | sed 's/.*through=\([0-9]*\).*/\1/'; }
tries() { awk '/^tries/ { last = $0 } END { print last }' "$1/attacker.log" | sed 's/tries=\([0-9]*\).*/\1/'; }

guest "$work/guest"
for package in "$@"; do
  out=$work/run-$package
  began=$(date +%s)
  image "$package" "$work/guest" "$out"

  boot "$package" "$out"
  echo "$(reported "$out" kernel): $(tries "$out") tries, $(through "$out") through, $(($(date +%s) - began)) s"
  reported "$out" log | sed -n '1,8s/^/    /p'
  cp "$out/console.log" "$out/normal.log"
  verdict "$package: no packet gets in from before power-on to power-off" 0 "$(through "$out")"
  verdict "$package: the laptop gets in over kernel WireGuard" open-5432 "$(head -1 "$out/laptop.log")"
  verdict "$package: the failsafe grant works" open-22 "$(head -1 "$out/failsafe.log")"
  verdict "$package: the kernel notes when connections begin" 1 "$(reported "$out" timestamps)"
  verdict "$package: the stored ruleset was loaded" 1 "$(reported "$out" log | grep -c '^loaded the ruleset' || true)"
  verdict "$package: before network-pre.target" yes \
    "$(reported "$out" unit | awk '$1 == "wgfence-boot.service" { b = $3 } $1 == "network-pre.target" { print (b > 0 && b <= $3 ? "yes" : "no") }')"

  boot "$package" "$out" proof.tamper
  cp "$out/console.log" "$out/tamper.log"
  reported "$out" delete | sed -n '1s/^/    /p'
  verdict "$package: the table is there after a flush and a deletion" "table inet wgfence" "$(reported "$out" after)"
  verdict "$package: and the kernel equals the policy" 1 "$(reported "$out" status | grep -c '^kernel *equal' || true)"
  verdict "$package: a temporary grant works under the unit's restrictions" 1 "$(reported "$out" open | grep -ci '^opened' || true)"
  verdict "$package: a killed daemon leaves the rules" "table inet wgfence" "$(reported "$out" killed)"
  verdict "$package: and is started again" active "$(reported "$out" restarted)"
  verdict "$package: a stopped daemon leaves the rules" "table inet wgfence" "$(reported "$out" stopped)"
  # If the kernel supports no table owner, packets between a flush and its repair meet no rules. The script reports this.
  echo "    through while root flushed the ruleset twice: $(through "$out")"

  echo "damaged, and without a policy" >"$out/tree/var/lib/wgfence/boot"
  rm "$out/tree/etc/wgfence/policy.yaml"
  boot "$package" "$out"
  cp "$out/console.log" "$out/damaged.log"
  verdict "$package, stored ruleset damaged: no packet gets in" 0 "$(through "$out")"
  verdict "$package, stored ruleset damaged: the failsafe grant works" open-22 "$(head -1 "$out/failsafe.log")"
  verdict "$package, stored ruleset damaged: locked down at boot" 1 "$(reported "$out" log | grep -c '^LOCKED DOWN' || true)"

  rm -r "$out/tree/var/lib/wgfence"
  boot "$package" "$out"
  cp "$out/console.log" "$out/nothing.log"
  verdict "$package, nothing stored and no policy: no packet gets in" 0 "$(through "$out")"
  verdict "$package, nothing stored and no policy: the last resort is loaded" 1 \
    "$(reported "$out" log | grep -c '^LOCKED DOWN: only loopback' || true)"

  image "$package" "$work/guest" "$out"
  boot "$package" "$out" systemd.mask=wgfence-boot.service systemd.mask=wgfence.service
  verdict "$package, control without the units: the attacker gets in" yes "$([ "$(through "$out")" -gt 0 ] && echo yes || echo no)"
  rm -rf "$out/tree"
done
exit $failed
