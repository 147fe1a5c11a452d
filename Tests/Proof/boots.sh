#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# boots.sh [BOOTS]: boots a Debian guest with the units of systemd/ as a system container, BOOTS times (40), and counts the
# boots in which a unit of wgfence failed, no table was there, or the network could begin first. Before that it boots the guest
# with the order of the units that is known to fail now and then, for comparison. Then it runs the daemon in system containers
# with and without user namespaces, and ends it in ways that a restart repairs and in ways that it does not. LXC and Incus are
# not tried.
#
# Each part prints `ok NAME` or `not ok NAME: …`, and the script ends with status 1 when one failed. The guest is stored below
# .build/boots. Root; it runs in namespaces of its own and touches nothing of this host.

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../Lab/lib.sh"
. "$here/guest.sh"
work=$ROOT/.build/boots
program=$WGFENCE
boots=${1:-40}
[[ $boots =~ ^[1-9][0-9]*$ ]] || die "the number of boots is not a number: $boots"

if [ $$ -ne 1 ]; then
  [ "$(id -u)" = 0 ] || die "it needs root"
  [ -x "$program" ] || die "$program is missing: run 'make build'"
  install_missing boots mmdebstrap:mmdebstrap systemd-nspawn:systemd-container || die "systemd-nspawn or mmdebstrap cannot be installed"
  mkdir -p "$work"
  echo "boots: the guest"
  debian_guest "$work/debian" systemd systemd-sysv udev kmod nftables iproute2 procps util-linux libnftnl11 libmnl0 libyaml-0-2 libsodium23 \
    libstdc++6 || die "the guest cannot be made"
  rm -rf "$work/guest"
  cp -a "$work/debian" "$work/guest"
fi
enter_lab "$@"
wgfence_guest "$work/guest" || die "the guest's ruleset cannot be made"

# --- the container

# The guest's last unit: it reports on the boot, carries out /after, and switches the container off.
cat >"$work/guest/usr/sbin/report" <<'SH'
#!/bin/sh
say() { sed "s/^/$1 /"; }
{
  systemctl show -p ActiveState -p Result -p NRestarts -p ExecMainStatus wgfence.service | say daemon
  systemctl show -p ActiveState -p Result -p ExecMainStatus wgfence-boot.service | say boot
  for u in wgfence-boot.service wgfence.service network-pre.target; do
    systemctl show -p ActiveEnterTimestampMonotonic --value $u | say "since-$u"
  done
  nft list tables | say table
  systemctl --failed --no-legend --plain | say failed
  journalctl -b -o cat | grep -i 'ordering cycle' | say cycle
  journalctl -b -o cat -u wgfence-boot -u wgfence | say log
  [ ! -e /after ] || . /after
  echo END
} >/report.txt 2>&1
systemctl poweroff --force --force
SH
printf '[Unit]\nAfter=multi-user.target wgfence-boot.service wgfence.service network-pre.target\n[Service]\nType=oneshot\nExecStart=/bin/sh /usr/sbin/report\n' \
  >"$work/guest/etc/systemd/system/report.service"
ln -sf ../report.service "$work/guest/etc/systemd/system/multi-user.target.wants/"

# boot OPTION…: boots $tree with options of systemd-nspawn; leaves report.txt and console.log in $LAB.
boot() {
  timeout -s KILL 120 "${BOOT[@]}" --directory="$tree" "$@" >"$LAB/console.log" 2>&1 </dev/null
  forget_cgroups
  cp "$tree/report.txt" "$LAB/report.txt" 2>/dev/null || : >"$LAB/report.txt"
}

# faults: what is wrong with the last boot, a line each.
faults() {
  grep -qx END "$LAB/report.txt" || { echo "the boot did not end: $(tail -n 1 "$LAB/console.log")"; return; }
  local unit first second
  reported boot | matches -x ActiveState=active || echo "wgfence-boot.service: $(reported boot | tr '\n' ' ')"
  reported daemon | matches -x ActiveState=active || echo "wgfence.service: $(reported daemon | tr '\n' ' ')"
  reported daemon | matches -x NRestarts=0 || echo "wgfence.service was started again"
  reported table | matches -x 'table inet wgfence' || echo "no table"
  reported log | matches '^loaded the ruleset' || echo "the stored ruleset was not loaded: $(reported log | head -n 1)"
  reported failed | sed 's/^/failed: /'
  reported cycle
  second=$(reported since-network-pre.target)
  for unit in wgfence-boot.service wgfence.service; do
    first=$(reported "since-$unit")
    [ "${first:-0}" -gt 0 ] && [ "$first" -le "${second:-0}" ] || echo "$unit was not ready before network-pre.target"
  done
}

# count NAME: boots the guest $boots times; sets $bad to the boots with faults, and prints what was wrong with each.
count() {
  local n found
  bad=0
  for ((n = 1; n <= boots; n++)); do
    open_guest "$work/guest"
    [ "$1" != before ] || sed -i '/^After=systemd-tmpfiles-setup.service/d' "$tree"/etc/systemd/system/wgfence*.service
    boot
    close_guest
    found=$(faults)
    if [ -n "$found" ]; then
      bad=$((bad + 1))
      echo "    $1, boot $n: ${found//$'\n'/; }"
    fi
    if [ $((n % 10)) -eq 0 ]; then echo "    $1: $n of $boots boots, $bad with faults"; fi
  done
}

open_guest "$work/guest"
verdict "the units are right for systemd-analyze verify" "" \
  "$(chroot "$tree" systemd-analyze verify --man=no /etc/systemd/system/wgfence-boot.service /etc/systemd/system/wgfence.service 2>&1)"
close_guest

count before
echo "without the order after systemd-tmpfiles-setup.service: $bad of $boots boots with faults"
count now
verdict "both units, the table and the order in $boots boots" "0 with faults" "$bad with faults"

open_guest "$work/guest"
for unit in nftables systemd-networkd; do
  ln -sf "/lib/systemd/system/$unit.service" "$tree/etc/systemd/system/sysinit.target.wants/"
done
boot
close_guest
verdict "beside nftables.service, which flushes the ruleset, and systemd-networkd" "" "$(faults)"

# --- the daemon in system containers

# What a restart repairs, and what it does not. `try NAME DROP-IN` restarts the daemon with a drop-in and reports how it is 3 s later.
cat >"$LAB/after" <<'SH'
state() { for p in ActiveState Result ExecMainStatus NRestarts; do systemctl show -p $p --value wgfence.service; done | paste -sd ' ' | say "$1"; }
try() {
  mkdir -p /run/systemd/system/wgfence.service.d
  printf "$2" >/run/systemd/system/wgfence.service.d/try.conf
  systemctl daemon-reload
  systemctl reset-failed wgfence.service
  timeout 20 systemctl restart wgfence.service 2>/dev/null
  sleep 3
  state "$1"
  journalctl -o cat -p err -u wgfence _COMM=wgfence 2>/dev/null | tail -n 1 | say "$1-said"
  systemctl show -p StatusText --value wgfence.service | say "$1-text"
}
exec_start='[Service]\nExecStart=\nExecStart=/usr/sbin/wgfence daemon /etc/wgfence/policy.yaml'
paste -sd ' ' /proc/self/uid_map | tr -s ' ' | sed 's/^ //' | say users
wgfence status | say status
wgfence open 8080/tcp --from laptop --for 5s --because proof | say open
kill -9 "$(systemctl show -p MainPID --value wgfence.service)"
sleep 3
state killed
try visible '[Service]\nProtectProc=default\n'
try capability '[Service]\nCapabilityBoundingSet=\n'
try family '[Service]\nRestrictAddressFamilies=\nRestrictAddressFamilies=AF_UNIX\n'
try host "$exec_start\n"
try option "$exec_start --host --unknown\n"
unshare -n wgfence daemon /etc/wgfence/policy.yaml --host 2>/dev/null
echo "other $?"
systemctl stop wgfence.service
flock /var/lib/wgfence/lock sleep 8 &
try locked '[Service]\n'
state waiting
wait
sleep 3
systemctl is-active wgfence.service | say unlocked
nft list tables | say last-table
SH

# in_container NAME UIDS OPTION…: UIDS is the user namespace's map, as /proc/self/uid_map has it.
in_container() {
  local name=$1 uids=$2 key expected said
  shift 2
  open_guest "$work/guest"
  cp "$LAB/after" "$tree/after"
  boot "$@"
  close_guest
  verdict "$name: the boot" "" "$(faults)"
  verdict "$name: its users" "$uids" "$(reported users)"
  verdict "$name: the kernel equals the policy" 1 "$(reported status | grep -c '^kernel *equal')"
  verdict "$name: a temporary grant" 1 "$(reported open | grep -ci '^opened')"
  while read -r key expected; do
    verdict "$name: $key" "$expected" "$(reported "$key")"
  done <<'EXPECTED'
killed active success 0 1
visible active success 0 0
capability failed exit-code 78 0
family failed exit-code 78 0
host failed exit-code 78 0
option failed exit-code 64 0
other 78
unlocked active
EXPECTED
  for key in capability family host; do
    said=$(reported "$key-said")
    verdict "$name: the journal says why, $key" yes "$([[ $said == "the daemon cannot start: "* ]] && echo yes || echo "$said")"
    echo "    $said"
  done
  verdict "$name: a lock of another process is waited for" 1 "$(reported waiting | grep -cE '^activating [a-z-]+ [01] [1-9]')"
  verdict "$name: the rules stay" "table inet wgfence" "$(reported last-table)"
}

in_container "system container" "0 0 4294967295"

open_guest "$work/guest"
private=(--private-users=655360:65536 --private-users-ownership=auto)
boot "${private[@]}"
close_guest
if grep -qx END "$LAB/report.txt"; then
  in_container "system container with a user namespace" "0 655360 65536" "${private[@]}"
else
  echo "skip the system container with a user namespace: systemd-nspawn does not boot one here: $(tail -n 1 "$LAB/console.log")"
fi

open_guest "$work/guest"
boot --drop-capability=CAP_NET_ADMIN
close_guest
verdict "system container without CAP_NET_ADMIN: the daemon ends once" "ActiveState=failed ExecMainStatus=78 NRestarts=0 Result=exit-code" \
  "$(reported daemon | sort | tr '\n' ' ' | sed 's/ $//')"
reported log | grep 'cannot start' | sed 's/^/    /'
exit $failed
