#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# power.sh [KERNEL_PACKAGE…]: cuts the power of a guest at random moments (POWER_LOSSES, 50) while policies are applied, put on trial,
# confirmed, taken back and edited, and while it boots. After each, `wgfence boot` must load, before any interface is up, what was
# acknowledged last, or what was under way; what nobody confirmed must never be loaded; and the daemon must agree. The guest has a
# disk with ext4, and ends like a machine without power: what its kernel had not written is lost. What the disk had acknowledged
# stays, so a disk that lies about its cache is not part of this.
#
# Default kernels: Debian's 6.1 and 6.12 for the cloud. Prints the seed (POWER_SEED) with which a run is repeated as far as time permits. Each
# claim prints `ok NAME` or `not ok NAME: …`; the script ends with status 1 when one failed. Everything is stored below
# .build/boot-proof; kernels are only downloaded and unpacked. Root; touches nothing of this host, and the guest has no network.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$(realpath -m "$here/../../.build/boot-proof")
program=$(realpath -m "${WGFENCE:-$here/../../.build/release/wgfence}")
. "$here/guest.sh"
guest_needs power
for tool in nft:nftables ip:iproute2 kmod:kmod mkfs.ext4:e2fsprogs; do install_missing power "$tool"; done
debian_kernels power "$@"
if [ ! -x "$work/busybox" ]; then
  (cd "$work/deb" && apt-get download -q busybox-static)
  dpkg-deb --fsys-tarfile "$work"/deb/busybox-static_*.deb | tar -xO ./bin/busybox >"$work/busybox.part"
  chmod 755 "$work/busybox.part"
  mv "$work/busybox.part" "$work/busybox"
fi
guest_folder power
losses=${POWER_LOSSES:-50}
RANDOM=${POWER_SEED:=$(($(date +%s) % 32768))}
echo "power: seed $POWER_SEED"

# copy TREE PROGRAM…: programs of this machine with the libraries that they need, at their own paths.
copy() {
  local tree=$1 file
  shift
  for file in "$@" $(ldd "$@" | grep -oE '/[^ :]+' | sort -u); do
    mkdir -p "$tree$(dirname "$file")"
    cp -Ln "$file" "$tree$file" 2>/dev/null || true
  done
}

# image PACKAGE: the initial file system of the guest.
image() {
  local tree=$out/tree
  rm -rf "$tree"
  mkdir -p "$tree"/{bin,sbin,usr/bin,usr/sbin,proc,sys,dev,run,tmp,etc,disk}
  # The host's libraries are in folders that are links where /usr is merged.
  for folder in lib lib64; do if [ -L "/$folder" ]; then mkdir -p "$tree/usr/$folder" && ln -s "usr/$folder" "$tree/$folder"; fi; done
  install -m 755 "$work/busybox" "$tree/bin/busybox"
  install -m 755 "$program" "$tree/usr/sbin/wgfence"
  copy "$tree" "$program" "$(command -v nft)" "$(command -v ip)" "$(command -v kmod)"
  for name in modprobe depmod insmod; do ln -sf "$(command -v kmod)" "$tree/sbin/$name"; done
  kernel_modules "$1" "$tree" net lib crypto arch/x86/crypto fs/ext4 fs/jbd2 fs/mbcache.ko fs/mbcache.ko.xz drivers/virtio \
    drivers/block/virtio_blk.ko drivers/block/virtio_blk.ko.xz drivers/net/veth.ko drivers/net/veth.ko.xz
  cat >"$tree/init" <<'SH'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/usr/sbin:/usr/bin:/sbin:/bin WGFENCE_STATE_DIR=/disk/state WGFENCE_SOCKET=/run/wgfence.sock SWIFT_BACKTRACE=enable=no
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
exec </dev/null >/dev/console 2>&1
for module in virtio_pci virtio_blk ext4 nf_tables nft_ct nft_fib_inet nft_reject_inet nft_log nf_conntrack_netlink nfnetlink_log; do
  modprobe "$module" || echo "POWER-NOTE no module $module"
done
# What is said must be out before what it announces is done.
say() { echo "POWER $*"; sleep 0.05; }
ports() { nft list table inet wgfence | grep -oE '\b2[0-9]{4}\b' | sort -u | tr '\n' ' ' | sed 's/ $//; s/^$/none/' | grep . || echo none; }
mount -t ext4 /dev/vda /disk || { say FAILED mount; exec sleep 60; }
# Before any interface is up.
wgfence boot --host >/run/boot.log 2>&1 || { say FAILED boot; cat /run/boot.log; }
say LOADED "$(ports)"
ip link set lo up
policy() { # policy PORT
  cat <<YAML
version: 1
tunnels:
  wg0: { prefixes: [10.13.13.0/24], listen: 51820 }
machines:
  guest: { addresses: { wg0: 10.13.13.50 } }
  laptop: { addresses: { wg0: 10.13.13.3 } }
allow:
  - { to: guest, services: [$1/tcp], from: laptop }
failsafe:
  - { to: guest, services: [22/tcp], from: [203.0.113.0/24] }
YAML
}
[ -e /disk/policy.yaml ] || { policy 20000 >/disk/policy.new; sync; mv /disk/policy.new /disk/policy.yaml; sync; }
wgfence daemon /disk/policy.yaml --machine guest --host >/run/daemon.log 2>&1 &
tries=0
until wgfence status --format json >/run/status.json 2>/dev/null || [ $? = 2 ]; do
  tries=$((tries + 1))
  [ $tries -lt 100 ] || { say FAILED daemon; cat /run/daemon.log; exec sleep 60; }
  sleep 0.2
done
wgfence rollback --list >/run/list 2>&1 || { say FAILED list; cat /run/list; }
say RUNNING "$(ports)"
# step NAME NUMBER COMMAND…
step() {
  local name=$1 number=$2
  shift 2
  say BEGIN "$name" "$number"
  if "$@" >/run/said 2>&1; then say DONE "$name" "$number"; else say FAILED "$name" "$number" "$(tail -n 1 /run/said)"; exec sleep 60; fi
}
apply() { wgfence apply /run/policy.yaml --machine guest --force "$@"; }
edit() { cp /run/policy.yaml /disk/policy.new && sync && mv /disk/policy.new /disk/policy.yaml && sync; }
# A panic survives a restart.
wgfence status 2>/dev/null | grep 'PANIC since' >/dev/null && step end 0 wgfence panic --end
number=$(sed 's/.*power.first=\([0-9]*\).*/\1/' /proc/cmdline)
while :; do
  policy "$number" >/run/policy.yaml
  case $((number % 6)) in
  0 | 3) step apply "$number" apply ;;
  1)
    step trial "$number" apply --confirm 10m
    step confirm "$number" wgfence confirm --console
    ;;
  2)
    step trial "$number" apply --confirm 10m
    step back "$number" wgfence rollback
    ;;
  4) step edit "$number" edit && sleep 0.3 ;;
  5)
    step panic "$number" wgfence panic
    step end "$number" wgfence panic --end
    ;;
  esac
  number=$((number + 1))
done
SH
  chmod 755 "$tree/init"
  (cd "$tree" && find . -print0 | cpio --null -o -H newc --quiet) | zstd -q -T0 -1 -f -o "$out/initrd.zst"
}

# start PACKAGE: boots the guest; its console is in $out/console.log, its process is $machine.
start() {
  local version
  version=$(basename "$work/kernel-$1"/lib/modules/*)
  : >"$out/console.log"
  qemu-system-x86_64 -accel tcg -cpu max -m 640 -smp 1 -nographic -no-reboot -nic none \
    -drive "file=$out/disk,format=raw,if=virtio,cache=writeback" -kernel "$work/kernel-$1/boot/vmlinuz-$version" -initrd "$out/initrd.zst" \
    -append "console=ttyS0 quiet panic=-1 mitigations=off power.first=$number" </dev/null >"$out/console.log" 2>&1 &
  machine=$!
}
cut_power() {
  kill -KILL "$machine"
  wait "$machine" 2>/dev/null || true
  machine=
}
said() { tr -d '\r' <"$out/console.log" | sed -n 's/^.*POWER \([A-Z]\)/\1/p'; }

# --- what may be in force, in words: a port, or none

# add WORD…: to what may be in force.
add() { local word; for word in "$@"; do [[ " $allowed " == *" $word "* ]] || allowed="$allowed $word"; done; }
# judge WHEN PORTS: what is in force must be allowed. What was under way is settled by it; an edited file can still take effect.
judge() {
  if [[ " $allowed " != *" $2 "* ]]; then wrong="$wrong [$1 $2, not one of: $allowed]"; fi
  if [ "$2" = "$trial" ]; then unconfirmed=$((unconfirmed + 1)); fi
  if [[ " $allowed " == *" $edited "* ]]; then allowed="$2 $edited"; else allowed=$2; fi
}
# Follows what the guest has said.
follow() {
  local word what which
  while read -r word what which; do
    case $word-$what in
    BEGIN-apply) add "$which" ;;
    BEGIN-edit) edited=$which && add "$which" ;;
    BEGIN-trial) trial=$which ;;
    BEGIN-confirm) trial='' && add "$which" ;;
    DONE-apply | DONE-confirm) allowed=$which edited=- ;;
    BEGIN-panic) before=$allowed && add none ;;
    DONE-panic) allowed=none ;;
    BEGIN-end) add $before ;;
    DONE-end) allowed=$before ;;
    FAILED-*) failures="$failures $word $what $which;" ;;
    esac
    case $word in
    BEGIN)
      steps=$((steps + 1))
      if [ "$which" -ge $number ]; then number=$((which + 1)); fi
      ;;
    LOADED) booted=$((booted + 1)) && judge loaded "$what" ;;
    RUNNING) running=$((running + 1)) && judge running "$what" ;;
    esac
  done
}

for package in "${kernels[@]}"; do
  began=$SECONDS
  image "$package"
  rm -f "$out/disk"
  truncate -s 96M "$out/disk"
  mkfs.ext4 -q -F "$out/disk"
  number=20001 allowed='none 20000' edited=20000 before='' trial='' wrong='' failures='' booted=0 running=0 steps=0 unconfirmed=0
  # The first boot shows how long one takes.
  start "$package"
  first=$(date +%s%N)
  for _ in $(seq 1200); do said | grep '^DONE' >/dev/null && break; sleep 0.1; done
  usual=$((($(date +%s%N) - first) / 1000000))
  said | grep '^DONE' >/dev/null || { echo "not ok $package: the guest boots: $(tail -n 20 "$out/console.log")"; failed=1; cut_power; continue; }
  cut_power
  follow < <(said)
  for ((loss = 0; loss < losses; loss++)); do
    start "$package"
    # A third of the moments is during the boot.
    if [ $((RANDOM % 3)) = 0 ]; then wait=$((RANDOM % usual)); else wait=$((usual + RANDOM % 6000)); fi
    sleep "$((wait / 1000)).$(printf %03d $((wait % 1000)))"
    cut_power
    follow < <(said)
    [ -z "$wrong" ] || break
  done
  # What came of the last one.
  start "$package"
  for _ in $(seq 1200); do said | grep '^RUNNING' >/dev/null && break; sleep 0.1; done
  cut_power
  follow < <(said | sed -n '/^LOADED/p; /^RUNNING/p')
  echo "$package: $loss power losses, $steps steps, $booted boots loaded rules, $running ran the daemon, $((SECONDS - began)) s; a boot takes $usual ms"
  verdict "$package: each boot loads what was acknowledged or was under way, and the daemon keeps it" "" "$wrong"
  verdict "$package: a trial that nobody confirmed is never loaded" 0 "$unconfirmed"
  verdict "$package: no step fails, and no file is damaged" "" "$failures"
  verdict "$package: boots, daemons and steps were interrupted" yes \
    "$([ "$booted" -gt $((losses / 2)) ] && [ "$running" -gt $((losses / 4)) ] && [ "$steps" -gt "$losses" ] && echo yes || echo "no: $booted, $running, $steps")"
done
exit $failed
