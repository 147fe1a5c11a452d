# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `init` writes a policy from what a host has. It passes check, its tests pass, the tunnel still reaches what it reached, and the
# internet reaches nothing.

mkdir "$LAB/wireguard"
{
  echo '[Interface]'
  echo 'ListenPort = 51820'
  for n in onprem laptop-eric laptop-ryan; do
    printf '\n# Name = %s\n[Peer]\nPublicKey = %s\nAllowedIPs = 0.0.0.0/0\n' "$n" "$(cat "$LAB/$n/public")"
  done
} >"$LAB/wireguard/wg0.conf"

# first NODE [OPTION…]: leaves the policy in $LAB/NODE/first.yaml; prints the exit status.
first() {
  local n=$1
  shift
  rm -f "$LAB/$n/first.yaml"
  wgfence_in "$n" init --machine "$n" --output "$LAB/$n/first.yaml" "$@" >"$LAB/said" 2>&1
  echo $?
}
checked() { wgfence_in "$1" check --strict "$LAB/$1/first.yaml" >"$LAB/said" 2>&1; echo $?; }
has() { if grep -qF -- "$2" "$LAB/$1/first.yaml"; then echo yes; else echo no; fi; }

verdict "init writes a policy on onprem" 0 "$(first onprem)"
verdict "which is valid, and whose tests pass" 0 "$(checked onprem)"
verdict "it knows the tunnel" yes "$(has onprem 'wg0: { prefixes: [10.13.13.0/24, "fd13:13::/64"], listen: 51820 }')"
verdict "the LAN" yes "$(has onprem 'lan: { interfaces: [enp5s0], prefixes: [192.168.1.0/24, "fd68:1::/64"] }')"
verdict "and the listening ports" yes "$(has onprem 'services: [5432/tcp], from: wg0')"
verdict "a published port too" yes "$(has onprem 'services: [15432/tcp], from: wg0')"
verdict "an existing file is not overwritten" 1 \
  "$(wgfence_in onprem init --machine onprem --output "$LAB/onprem/first.yaml" >/dev/null 2>&1; echo $?)"
verdict "init writes a policy on the hub" 0 "$(first ec2 --wireguard-dir "$LAB/wireguard")"
verdict "which is valid" 0 "$(checked ec2)"
verdict "it names peers as WireGuard's file does" yes "$(has ec2 'laptop-eric: { addresses: { wg0: [10.13.13.10, "fd13:13::10"] }')"
verdict "and one that has no name there by its address" yes "$(has ec2 'peer-10-13-13-12: {')"
verdict "and knows what is behind one" yes "$(has ec2 'subnets: [192.168.1.0/24, "fd68:1::/64"]')"
verdict "init writes one without a tunnel" 0 "$(first lan)"
verdict "which is valid" 0 "$(checked lan)"
verdict "without root it prints what it needs" 1 \
  "$(node onprem setpriv --reuid=65534 --regid=65534 --clear-groups "$WGFENCE" init >/dev/null 2>"$LAB/said"; echo $?)"

apply_policy onprem "$LAB/onprem/first.yaml"
try46 "in force, the tunnel still reaches PostgreSQL" open tcp laptop-eric 10.13.13.2 fd13:13::2 5432
try46 "and the published port" open tcp laptop-eric 10.13.13.2 fd13:13::2 15432
try46 "the internet loses it" silent tcp internet 198.51.100.7 2001:db8:198::7 5432
try46 "and SSH" silent tcp internet 198.51.100.7 2001:db8:198::7 22
try46 "as does the LAN" silent tcp lan 192.168.1.1 fd68:1::1 3000
settle
unload onprem

# A hub: its peers reach each other, and the LAN behind one of them, as before.
apply_policy ec2 "$LAB/ec2/first.yaml"
try46 "with the hub's policy in force, a laptop reaches onprem over the hub" open tcp laptop-eric 10.13.13.2 fd13:13::2 9999
try46 "with UDP" answered udp laptop-eric 10.13.13.2 fd13:13::2 5005
try46 "and ping" answered echo_request laptop-eric 10.13.13.2 fd13:13::2
try46 "so does the visitor, a peer as well" open tcp visitor 10.13.13.2 fd13:13::2 5432
try46 "onprem reaches a laptop" answered udp onprem 10.13.13.10 fd13:13::10 7
try46 "a laptop reaches the LAN behind onprem" open tcp laptop-ryan 192.168.1.20 fd68:1::20 22
try46 "and the LAN a laptop" answered udp lan 10.13.13.10 fd13:13::10 7
try46 "a laptop reaches the hub" open tcp laptop-eric 10.13.13.1 fd13:13::1 8080
try46 "and pings it" answered echo_request laptop-eric 10.13.13.1 fd13:13::1
try46 "the internet does not" silent tcp internet 203.0.113.10 2001:db8:203::10 8080
settle
apply_policy onprem "$LAB/onprem/first.yaml"
try46 "with both policies in force, a laptop reaches onprem over the hub" open tcp laptop-eric 10.13.13.2 fd13:13::2 9999
try46 "and pings it" answered echo_request laptop-eric 10.13.13.2 fd13:13::2
try46 "and the LAN behind it" open tcp laptop-ryan 192.168.1.20 fd68:1::20 22
settle

# Once more, with the first policy in force: nothing changes.
grants() { sed -n '/^allow:/,/^tests:/p' "$LAB/$1/first.yaml" | grep '^  - ' | sed 's/ *#.*//' | sort; }
before=$(grants ec2)
verdict "with a policy in force init writes a policy" "0 0" \
  "$(first ec2 --wireguard-dir "$LAB/wireguard") $(wgfence_in ec2 check "$LAB/ec2/first.yaml" >"$LAB/said" 2>&1; echo $?)"
verdict "with the same grants" same "$(if [ "$before" = "$(grants ec2)" ]; then echo same; else diff <(echo "$before") <(grants ec2); fi)"
unload ec2 onprem

# session_first NODE CLIENT SERVER: init and apply in an SSH session; prints the word of `from`, and the status of apply.
session_first() {
  local n=$1
  rm -f "$LAB/$n/first.yaml"
  node "$n" env SSH_CONNECTION="$2 40000 $3 22" "$WGFENCE" init --machine "$n" --output "$LAB/$n/first.yaml" >"$LAB/said" 2>&1
  grep -A1 'Your own SSH session' "$LAB/$n/first.yaml" | sed -n 's/.*from: \(.*\) }.*/\1/p'
  node "$n" env SSH_CONNECTION="$2 40000 $3 22" WGFENCE_STATE_DIR="$LAB/$n/state" WGFENCE_SOCKET="$LAB/$n/control.sock" \
    "$WGFENCE" apply "$LAB/$n/first.yaml" --machine "$n" >"$LAB/said" 2>&1
  echo $?
}
verdict "a session from the internet is let in" "100.64.7.10 0" "$(session_first ec2 100.64.7.10 203.0.113.10 | xargs)"
try "and works" open tcp laptop-eric 203.0.113.10 22
try "from nowhere else" silent tcp visitor 203.0.113.10 22
settle
unload ec2
verdict "one over IPv6" "2001:db8:64::10 0" "$(session_first ec2 2001:db8:64::10 2001:db8:203::10 | xargs)"
try "and works (IPv6)" open tcp laptop-eric 2001:db8:203::10 22
settle
unload ec2
verdict "one from a machine in the tunnel, by its name" "peer-10-13-13-10 0" "$(session_first ec2 10.13.13.10 10.13.13.1 | xargs)"
unload ec2
verdict "one from the LAN behind a machine" "192.168.1.20 0" "$(session_first ec2 192.168.1.20 10.13.13.1 | xargs)"
try "and works" open tcp lan 10.13.13.1 22
settle
unload ec2
verdict "one from the own LAN, by its zone" "lan 0" "$(session_first onprem 192.168.1.20 192.168.1.1 | xargs)"
try "and works" open tcp lan 192.168.1.1 22
try "which opens nothing else" silent tcp lan 192.168.1.1 3000
settle
unload onprem

# Servers for guests.
serve onprem guests --tcp 53 --udp 53,67
settle
first onprem >/dev/null
verdict "servers of DNS and DHCP are granted to guests" yes "$(has onprem '{ to: onprem, services: [dns, dhcp], from: containers }')"
verdict "the policy is valid" 0 "$(wgfence_in onprem check "$LAB/onprem/first.yaml" >"$LAB/said" 2>&1; echo $?)"
apply_policy onprem "$LAB/onprem/first.yaml"
try "in force, a guest still reaches DNS" answered udp container 172.17.0.1 53
try "and over TCP" open tcp container 172.17.0.1 53
try "but nothing else" silent tcp container 172.17.0.1 3000
settle
unload onprem

# A laptop with everything in the tunnel, as wg-quick routes it.
node laptop-ryan wg set wg0 fwmark 51820 peer "$(cat "$LAB/ec2/public")" allowed-ips 0.0.0.0/0,::/0
for family in -4 -6; do
  ip -n laptop-ryan $family route add default dev wg0 table 51820
  ip -n laptop-ryan $family rule add not fwmark 51820 table 51820
  ip -n laptop-ryan $family rule add table main suppress_prefixlength 0
done
reverse_path laptop-ryan 2
ip -n internet route add 10.13.13.11 via 203.0.113.10
ip -n internet -6 route add fd13:13::11 via 2001:db8:203::10
try46 "a laptop reaches the internet through the tunnel" open tcp laptop-ryan 198.51.100.66 2001:db8:198::66 7
settle
verdict "init writes a policy there" "0 0" \
  "$(first laptop-ryan) $(wgfence_in laptop-ryan check "$LAB/laptop-ryan/first.yaml" >"$LAB/said" 2>&1; echo $?)"
apply_policy laptop-ryan "$LAB/laptop-ryan/first.yaml"
forget_connections laptop-ryan
try46 "in force, the internet through the tunnel works" open tcp laptop-ryan 198.51.100.66 2001:db8:198::66 7
try46 "and the machines in it" open tcp laptop-ryan 10.13.13.2 fd13:13::2 9999
try "and the network beside it" answered echo_request laptop-ryan 100.64.7.1
settle
node laptop-ryan wg set wg0 peer "$(cat "$LAB/ec2/public")" endpoint 203.0.113.10:51820
forget_connections laptop-ryan
try "after a new handshake, too" open tcp laptop-ryan 198.51.100.66 7
settle

# WireGuard chose the port of a client itself.
node laptop-eric wg set wg0 listen-port 43210
first laptop-eric >/dev/null
verdict "a port that WireGuard chose itself is not written" no "$(has laptop-eric 'listen: ')"
