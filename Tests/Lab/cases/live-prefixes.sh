# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `prefixes: live`: one network card for a LAN and the internet, whose network changes while the daemon runs.

policy live-prefixes <<'YAML'
allow:
  - { to: onprem, services: [postgres], from: lan }
  - { to: onprem, services: [9100/tcp], from: internet }
failsafe:
  - { to: onprem, services: [ssh], from: laptop-eric }
tests:
  - { from: lan, to: onprem, allow: [postgres], deny: [9100/tcp] }
  - { from: internet, to: onprem, allow: [9100/tcp], deny: [postgres] }
YAML
# eth0 is the only card: the LAN is whatever network eth0 is in.
sed -i 's|^    subnets:.*||; s|lan: { .*|lan: { interfaces: [eth0], prefixes: live }|' "$LAB/live-prefixes.yaml"
journal=$LAB/onprem/daemon.log
running() { wgfence_in onprem status >/dev/null 2>&1 || [ $? = 2 ]; }

verdict "check accepts it without knowing the network" 0 \
  "$(wgfence_in onprem check "$LAB/live-prefixes.yaml" >"$LAB/said" 2>&1; echo $?)"
verdict "and proves it" 0 "$(wgfence_in onprem check --prove "$LAB/live-prefixes.yaml" >"$LAB/said" 2>&1; echo $?)"
ip -n internet addr add 203.0.113.99/24 dev onprem
ip -n internet addr add 2001:db8:999::99/64 dev onprem

task onprem daemon env WGFENCE_STATE_DIR="$LAB/onprem/state" WGFENCE_SOCKET="$LAB/onprem/control.sock" \
  "$WGFENCE" daemon "$LAB/live-prefixes.yaml" --machine onprem
until_true 10 running || die "the daemon did not start: $(cat "$journal")"

try "a neighbour in the card's network is in the LAN (IPv4)" open tcp internet 198.51.100.7 5432
try "and over IPv6" open tcp internet 2001:db8:198::7 5432
try "it is not the internet" silent tcp internet 198.51.100.7 9100
try "a source outside it, by the same card, is the internet" open tcp internet 198.51.100.7 9100 --source 203.0.113.99
try "and is not in the LAN" silent tcp internet 198.51.100.7 5432 --source 203.0.113.99
settle

# The provider gives another network.
ip -n onprem addr del 2001:db8:198::7/64 dev eth0
address onprem eth0 2001:db8:999::7/64
followed() { grep -q "prefixes: live' changed" "$journal"; }
until_true 10 followed
verdict "the daemon follows it, and says so" yes "$(followed && echo yes)"
try "the new network is in the LAN" open tcp internet 2001:db8:999::7 5432 --source 2001:db8:999::99
try "the old one no longer" silent tcp internet 2001:db8:999::7 5432 --source 2001:db8:198::66
try "IPv4 is as before" open tcp internet 198.51.100.7 5432
verdict "audit finds the policy in force" 0 \
  "$(wgfence_in onprem audit "$LAB/live-prefixes.yaml" --machine onprem --format json >"$LAB/said" 2>&1; grep -c '"enforced": false' "$LAB/said")"
settle

# The daemon has no free descriptor, so it cannot read the interfaces when one changes.
unknown() { grep -q 'the interfaces and routes of this host are not known' "$journal"; }
node onprem prlimit --pid "$(cat "$LAB/onprem/daemon.pid")" --nofile=3:1024
ip -n onprem link add other type veth peer name other2
until_true 10 unknown
verdict "the daemon says that it cannot read the interfaces" yes "$(unknown && echo yes)"
verdict "and takes nothing for missing" 0 "$(grep -c 'is missing' "$journal")"
try "a neighbour is still in the LAN" open tcp internet 198.51.100.7 5432
try "and is still not the internet" silent tcp internet 198.51.100.7 9100
settle
node onprem prlimit --pid "$(cat "$LAB/onprem/daemon.pid")" --nofile=1024:1024

# A DHCP server that hands out an address in the tunnel, or in nothing at all, gets nothing.
ip -n internet addr add 10.13.13.99/24 dev onprem
address onprem eth0 10.13.13.98/24
try "a network in the tunnel's prefix is not taken" silent tcp internet 198.51.100.7 5432 --source 10.13.13.99
ip -n onprem addr del 10.13.13.98/24 dev eth0
end_task onprem daemon
