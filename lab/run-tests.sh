#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# run-tests.sh [PATTERN…]: the lab's tests, or those files of lab/cases/ whose name contains a PATTERN.
#
# Prints `ok NAME`, `not ok NAME: expected …, saw …` or `skip NAME: why` for each, and last, alone on its line,
# `N passed, N failed, N skipped`. Ends with status 1 when one failed.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" != 0 ] || [ ! -c /dev/net/tun ]; then
  echo "skip the lab: it needs root and /dev/net/tun"
  echo "0 passed, 0 failed, 1 skipped"
  exit 0
fi
enter_lab "$@"

PASSED=0
FAILED=0
SKIPPED=0
GROUP=

# verdict NAME EXPECTED SEEN
verdict() {
  if [ "$2" = "$3" ]; then
    PASSED=$((PASSED + 1))
    echo "ok $GROUP: $1"
  else
    FAILED=$((FAILED + 1))
    echo "not ok $GROUP: $1: expected $2, saw $3"
  fi
}

skip() {
  SKIPPED=$((SKIPPED + 1))
  echo "skip $GROUP: $1: $2"
}

# try46 NAME EXPECTED PROBE NODE ADDRESS ADDRESS6 MORE…: the same over IPv4 and over IPv6.
try46() {
  local name=$1 expected=$2 probe=$3 n=$4 four=$5 six=$6
  shift 6
  try "$name (IPv4)" "$expected" "$probe" "$n" "$four" "$@"
  try "$name (IPv6)" "$expected" "$probe" "$n" "$six" "$@"
}

# policy NAME: writes $LAB/NAME.yaml for the lab's site, with the sections on standard input.
policy() {
  cat - >"$LAB/$1.sections"
  cat >"$LAB/$1.yaml" - "$LAB/$1.sections" <<'YAML'
version: 1
tunnels:
  wg0: { prefixes: [10.13.13.0/24, "fd13:13::/64"], listen: 51820, hub: ec2 }
machines:
  ec2:
    addresses: { wg0: [10.13.13.1, "fd13:13::1"] }
    endpoint: [203.0.113.10, "2001:db8:203::10"]
  onprem:
    addresses: { wg0: [10.13.13.2, "fd13:13::2"] }
    endpoint: [198.51.100.7, "2001:db8:198::7"]
    subnets: [192.168.1.0/24, "fd68:1::/64"]
    zones:
      lan: { interfaces: [enp5s0], prefixes: [192.168.1.0/24, "fd68:1::/64"] }
  laptop-eric: { addresses: { wg0: [10.13.13.10, "fd13:13::10"] } }
  laptop-ryan: { addresses: { wg0: [10.13.13.11, "fd13:13::11"] } }
YAML
}

# enforce POLICY NODE…: applies $LAB/POLICY.yaml; a node that refuses it is a failed test.
enforce() {
  local name=$1 n
  shift
  for n in "$@"; do
    apply_policy "$n" "$LAB/$name.yaml" || verdict "policy $name is applied on $n" applied refused
  done
}

# received NODE LABEL TEXT COMMAND…: sends something that nobody answers, and asks the receiver whether TEXT arrived.
received() {
  local n=$1 label=$2 text=$3
  shift 3
  "$@" --text "$text" >/dev/null 2>&1
  sleep 0.1
  reached "$n" "$label" "$text"
}

reverse_path() {
  node "$1" sh -c 'for i in all eth0 wg0; do echo "$1" >/proc/sys/net/ipv4/conf/$i/rp_filter; done' _ "$2"
}

# What a packet needs to be delivered is all there, on every host; only a firewall can be in the way.
site_up
container_up
postgres_up
serve onprem servers --tcp 22,2049,2377,3000,8888,9090,9100,9999 --udp 68,546,5005,7946 --chatter 5433
serve ec2 servers --tcp 22,80,443,2377,8080,9100,9443,9999 --udp 5005
serve lan servers --tcp 22,631,8080,9100,9999
serve internet servers --tcp 7 --udp 7
serve laptop-eric servers --udp 7
# The kernel's own reverse-path check would hide forgeries from the firewall.
for n in onprem ec2; do reverse_path $n 0; done
ip -n internet route add 10.13.13.2 via 198.51.100.7
ip -n internet -6 route add fd13:13::2 via 2001:db8:198::7
ip -n internet route add 192.168.1.0/24 via 198.51.100.7
ip -n internet -6 route add fd68:1::/64 via 2001:db8:198::7

for cases in "$LAB_HERE"/cases/*.sh; do
  GROUP=$(basename "$cases" .sh)
  if [ $# -gt 0 ]; then
    wanted=
    for pattern in "$@"; do [[ $GROUP == *"$pattern"* ]] && wanted=yes; done
    [ -n "$wanted" ] || continue
  fi
  began=$SECONDS
  unload onprem ec2
  # shellcheck source=/dev/null
  . "$cases"
  settle
  [ -z "${WGFENCE_LAB_TIMES:-}" ] || echo "# $GROUP: $((SECONDS - began)) s"
done

echo "$PASSED passed, $FAILED failed, $SKIPPED skipped"
[ "$FAILED" -eq 0 ]
