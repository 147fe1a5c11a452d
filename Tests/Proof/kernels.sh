#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kernels.sh [KERNEL_PACKAGE…]: boots a Debian guest for each kernel in an emulator, and runs there what depends on the kernel:
# the Swift tests that write tables, read them back, own them and compare the walk with packets; then files of the lab. Default
# kernels: Debian's 6.1 and 6.12 for the cloud.
#
# Prints `ok NAME`, `not ok NAME: …` or `skip NAME: why`, and last the sum; ends with status 1 when one failed. Everything is stored
# below .build/boot-proof; kernels are only downloaded and unpacked. Root; the guest has no network.
#
# KERNELS_LAB are the files of the lab (parts of their names), KERNELS_SUITES the Swift suites (a regular expression),
# WGFENCE_WALK_PACKETS (600) the number of packets for which the walk is compared with the kernel, KERNELS_SECONDS (10800) how long
# a guest may take. WGFENCE_TESTS is the test bundle of a working tree, if it is not .build/debug/wgfencePackageTests.xctest of this
# one (`swift build --build-tests`).

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(realpath "$here/../..")
work=$root/.build/boot-proof
program=$(realpath -m "${WGFENCE:-$root/.build/release/wgfence}")
bundle=${WGFENCE_TESTS:-$root/.build/debug/wgfencePackageTests.xctest}
. "$here/guest.sh"
guest_needs kernels
[ -x "$bundle" ] || { echo "kernels: $bundle is missing: run 'swift build --build-tests'" >&2; exit 1; }
# The tests read files of the tree in which they were built, by its path.
tests_root=${bundle%/.build/*}
echo "kernels: the guest"
debian_guest "$work/guest-kernels" nftables iptables ipset iproute2 iputils-ping wireguard-go wireguard-tools tcpdump conntrack \
  kmod mount procps python3 util-linux git jq curl openssl openssh-client rsync postgresql-15 psmisc libstdc++6 \
  libnftnl11 libmnl0 libyaml-0-2 libsodium23
debian_kernels kernels "$@"

guest_folder kernels

# StoredRulesetTests reads every recorded ruleset back. ReadBackTests (2,400 random tables) takes hours in an emulator.
suites='NetlinkTests\.(CommitTests|ForeignTableTests)|PolicyCompilerTests\.(StoredRulesetTests|TemporaryGrantKernelTests)'
suites+='|WalkTests\.(WalkCaseTests|WalkAgreesWithKernelTests)|LinuxHostTests\.(BlindSpotTests|LinkAndRouteTests|ConntrackTests)'
suites=${KERNELS_SUITES:-$suites}
lab=${KERNELS_LAB:-tunnel lan outside encrypt container questions}

# image PACKAGE: the initial file system of the guest: the tests, their libraries, the program, and a kernel's modules.
image() {
  local package=$1 tree=$out/tree library
  small_guest "$work/guest-kernels" "$tree"
  kernel_modules "$package" "$tree" net crypto lib arch/x86/crypto fs/overlayfs drivers/net/wireguard drivers/net/bonding drivers/net/ipvlan \
    drivers/net/{veth,dummy,tun,macvlan,vrf,ifb}.ko{,.xz}
  mkdir -p "$tree$tests_root/.build" "$tree$root/.build/release" "$tree/tests"
  for folder in Tests policies docs Sources; do
    cp -r "$root/$folder" "$tree$root/"
    [ "$tests_root" = "$root" ] || cp -r "$tests_root/$folder" "$tree$tests_root/"
  done
  install -m 755 "$program" "$tree$root/.build/release/wgfence"
  install -m 755 "$bundle" "$tree/tests/bundle"
  # The Swift libraries that the bundle names, at their own paths.
  ldd "$bundle" | awk '$3 ~ /swift/ { print $3 }' | while read -r library; do
    mkdir -p "$tree$(dirname "$library")"
    cp -L "$library" "$tree$library"
  done
  cat >"$tree/init" <<SH
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
ln -sfn /proc/self/fd /dev/fd
mount -t devpts devpts /dev/pts
mount -t tmpfs run /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec </dev/null >/dev/console 2>&1
for module in nf_tables nft_chain_nat nft_ct nft_compat nf_conntrack_netlink nfnetlink_log nfnetlink_queue nfnetlink_hook tun veth \
  dummy bridge br_netfilter wireguard overlay sctp; do modprobe \$module 2>/dev/null; done
ip link set lo up
cd $root
echo KERNELS-SWIFT
unshare -n sh -c 'ip link set lo up; WGFENCE_WALK_PACKETS=${WGFENCE_WALK_PACKETS:-600} exec /tests/bundle --testing-library swift-testing --filter "$suites"'
echo KERNELS-SWIFT-STATUS \$?
echo KERNELS-LAB
WGFENCE_LAB_JOBS=1 PROBE_TIMEOUT=3 Tests/Lab/run-tests.sh $lab
echo KERNELS-END
echo o >/proc/sysrq-trigger
sleep 60
SH
  chmod 755 "$tree/init"
  (cd "$tree" && find . -print0 | cpio --null -o -H newc --quiet) | zstd -q -T1 -1 -f -o "$out/initrd.zst"
  rm -rf "$tree"
}

passed=0 broken=0 skipped=0
for package in "${kernels[@]}"; do
  began=$SECONDS
  version=$(basename "$work/kernel-$package"/lib/modules/*)
  echo "kernels: $version: making the guest"
  image "$package"
  echo "kernels: $version: booting"
  # The guest's clock counts its instructions, a nanosecond each, and jumps over idle time: limits of time in the guest do not
  # depend on how busy this machine is.
  : >"$out/console.log"
  timeout "${KERNELS_SECONDS:-10800}" nice -n 5 qemu-system-x86_64 -accel tcg -icount shift=0,sleep=off \
    -cpu max -m 4000 -smp 1 -display none -no-reboot -nic none \
    -serial stdio -kernel "$work/kernel-$package/boot/vmlinuz-$version" -initrd "$out/initrd.zst" \
    -append "console=ttyS0 quiet panic=-1 net.ifnames=0 mitigations=off tsc=reliable" </dev/null >"$out/console.log" 2>&1 &
  machine=$!
  # The suites that ended, failed tests with their reasons, and the lab's lines.
  tail -n +1 -f --pid="$machine" "$out/console.log" | sed -u 's/\r$//; s/\x1b\[[0-9;]*m//g' |
    grep -a --line-buffered -E '^. Suite .* (passed|failed)|^✘|^ok |^not ok |^skip |^➜' | sed -u "s/^/$version: /" &
  # Signals are handled while this waits, not while a pipe runs in the foreground.
  wait "$machine" || true
  wait $! || true
  machine=
  tr -d '\r' <"$out/console.log" | sed 's/\x1b\[[0-9;]*m//g' >"$work/kernels-$package.log"
  report=$work/kernels-$package.log
  # Tests, and not their arguments.
  p=$(grep -aE '^. Test .* passed after' "$report" | grep -avc '^. Test run with' || true)
  b=$(grep -aE '^. Test .* failed after' "$report" | grep -avc '^. Test run with' || true)
  s=$(grep -acE '^. Test .* skipped' "$report" || true)
  echo "kernels: $version: Swift tests: $p passed, $b failed, $s skipped"
  if ! grep -qa '^KERNELS-SWIFT-STATUS 0$' "$report"; then
    verdict "$version: the Swift tests end with status 0" 0 "$(sed -n 's/^KERNELS-SWIFT-STATUS //p' "$report" | grep . || echo 'no end')"
    b=$((b + 1))
  fi
  passed=$((passed + p)) broken=$((broken + b)) skipped=$((skipped + s))
  sum=$(sed -n 's/^\([0-9]* passed, [0-9]* failed, [0-9]* skipped\)$/\1/p' "$report" | tail -1)
  echo "kernels: $version: lab: ${sum:-no sum: see $report}; $((SECONDS - began)) s"
  read -r p _ b _ s _ <<<"${sum:-0 passed, 1 failed, 0 skipped}"
  passed=$((passed + p)) broken=$((broken + b)) skipped=$((skipped + s))
done
echo "$passed passed, $broken failed, $skipped skipped"
[ "$broken" -eq 0 ] && [ "$passed" -gt 0 ]
