# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `translate` with real packets: ec2 as an exit node for one laptop, a port of ec2 that is forwarded to onprem with the
# client's own address, and onprem's LAN under other numbers. Each with the same packets without the translation.

# The whole internet is behind ec2 for these two, whose WireGuard sends everything into the tunnel.
for n in laptop-eric laptop-ryan onprem; do
  node "$n" wg set wg0 peer "$(cat "$LAB/ec2/public")" allowed-ips 0.0.0.0/0,::/0
done
for n in laptop-eric laptop-ryan; do
  ip -n "$n" route add 198.51.100.66/32 dev wg0
  ip -n "$n" -6 route add 2001:db8:198::66/128 dev wg0
done
# What onprem sends from its tunnel address goes back into the tunnel.
ip -n onprem rule add from 10.13.13.2 lookup 77
ip -n onprem -6 rule add from fd13:13::2 lookup 77
ip -n onprem route add default dev wg0 table 77
ip -n onprem -6 route add default dev wg0 table 77
# onprem's LAN is 10.50.1.0/24 and fd50:1::/64 to the others.
node ec2 wg set wg0 peer "$(cat "$LAB/onprem/public")" \
  allowed-ips 10.13.13.2/32,fd13:13::2/128,10.50.1.0/24,fd50:1::/64
ip -n ec2 route add 10.50.1.0/24 dev wg0
ip -n ec2 -6 route add fd50:1::/64 dev wg0
ip -n laptop-eric route add 10.50.1.0/24 dev wg0
ip -n laptop-eric -6 route add fd50:1::/64 dev wg0
ip -n laptop-ryan route add 10.50.1.0/24 dev wg0
ip -n laptop-ryan -6 route add fd50:1::/64 dev wg0

policy closed <<'YAML'
allow:
  - { to: ec2.internet, services: [any], from: laptop-eric }
  - { to: ec2, services: [8443/tcp], from: internet }
  - { to: onprem, services: [9100/tcp], from: ec2.internet }
  - { to: [10.50.1.0/24, "fd50:1::/64"], services: [8080/tcp], from: laptop-eric }
  - { to: ec2, services: [9100/tcp], from: [10.50.1.0/24, "fd50:1::/64"] }
failsafe:
  - { to: [onprem, ec2], services: [ssh], from: laptop-eric }
tests:
  - { from: laptop-eric, to: ec2.internet, allow: [https, dns, ping] }
  - { from: laptop-ryan, to: ec2.internet, deny: [any] }
  - { from: internet, to: ec2, allow: [8443/tcp], deny: [9100/tcp, ssh] }
  - { from: ec2.internet, to: onprem, allow: [9100/tcp], deny: [8443/tcp, ssh] }
  - { from: laptop-eric, to: 10.50.1.20, allow: [8080/tcp], deny: [ssh] }
  - { from: laptop-ryan, to: 10.50.1.20, deny: [8080/tcp] }
YAML
sed -i 's|subnets: \[192.168.1.0/24, "fd68:1::/64"\]|subnets: [10.50.1.0/24, "fd50:1::/64"]|' "$LAB/closed.yaml"
cat "$LAB/closed.yaml" - >"$LAB/translate.yaml" <<'YAML'
translate:
  - { at: ec2, masquerade: [wg0], over: internet }
  - { at: ec2, forward: [8443/tcp], over: internet, to: onprem, port: 9100 }
  - { at: onprem, map: 192.168.1.0/24, as: 10.50.1.0/24, over: wg0 }
  - { at: onprem, map: "fd68:1::/64", as: "fd50:1::/64", over: wg0 }
YAML
verdict "the policy is valid, and its proof holds" 0 \
  "$(wgfence_in ec2 check --prove "$LAB/translate.yaml" >"$LAB/said" 2>&1; echo $?)"

# client_of NODE PORT: the address of the last client that this server saw.
client_of() { awk -v port="$2" '$1 == "tcp" && $2 == port { last = $3 } END { sub("::ffff:", "", last); print last }' "$LAB/$1/servers.log"; }

# everything WORD: with WORD for what needs the translation.
everything() {
  try46 "$1: through the exit node" "$2" tcp laptop-eric 198.51.100.66 2001:db8:198::66 7
  try46 "$1: UDP through the exit node" "${3:-answered}" udp laptop-eric 198.51.100.66 2001:db8:198::66 7
  try46 "$1: the exit node, without the grant" silent tcp laptop-ryan 198.51.100.66 2001:db8:198::66 7
  try46 "$1: the forwarded port" "${4:-open}" tcp internet 203.0.113.10 2001:db8:203::10 8443
  try46 "$1: the port to which it is forwarded, by its own number" silent tcp internet 203.0.113.10 2001:db8:203::10 9100
  try46 "$1: the forwarded port, in the tunnel" silent tcp laptop-ryan 10.13.13.1 fd13:13::1 8443
  try46 "$1: the LAN by its other numbers" "$2" tcp laptop-eric 10.50.1.20 fd50:1::20 8080
  try46 "$1: another port there" silent tcp laptop-eric 10.50.1.20 fd50:1::20 22
  try46 "$1: the LAN, without the grant" silent tcp laptop-ryan 10.50.1.20 fd50:1::20 8080
  try46 "$1: from the LAN" "$2" tcp lan 10.13.13.1 fd13:13::1 9100
  try46 "$1: another port from the LAN" silent tcp lan 10.13.13.1 fd13:13::1 9443
  settle
}
enforce closed ec2 onprem
everything "without translate" silent silent refused
enforce translate ec2 onprem
everything "with translate" open
tcp laptop-eric 198.51.100.66 7 >/dev/null
verdict "the exit node's client has the exit node's address" 203.0.113.10 "$(client_of internet 7)"
tcp laptop-eric 2001:db8:198::66 7 >/dev/null
verdict "and over IPv6" 2001:db8:203::10 "$(client_of internet 7)"
tcp internet 203.0.113.10 8443 --source 203.0.113.66 >/dev/null
verdict "the client of the forwarded port keeps its own" 203.0.113.66 "$(client_of onprem 9100)"
tcp internet 2001:db8:203::10 8443 --source 2001:db8:203::66 >/dev/null
verdict "and over IPv6" 2001:db8:203::66 "$(client_of onprem 9100)"
tcp lan 10.13.13.1 9100 >/dev/null
verdict "the LAN's host has its other number" 10.50.1.20 "$(client_of ec2 9100)"
verdict "explain --live follows a packet out of the exit node" accept \
  "$(explained ec2 4 verdict "$LAB/translate.yaml" --live --from laptop-eric --to https --destination internet)"
verdict "explain --live follows a packet to the forwarded port" accept \
  "$(explained ec2 4 verdict "$LAB/translate.yaml" --live --from internet --to 8443/tcp)"
verdict "plan has nothing to change" 0 \
  "$(wgfence_in ec2 plan "$LAB/translate.yaml" --machine ec2 >"$LAB/said" 2>&1; echo $?)"

# A connection keeps its translation; when the line goes, such connections end, and others do not.
session exit laptop-eric 198.51.100.66 7 >/dev/null
session mapped laptop-eric 10.50.1.20 8080 >/dev/null
ask exit
ask mapped
verdict "a session through the exit node, and one to the LAN" "alive alive" "$(answer_of exit) $(answer_of mapped)"
sed 's/^translate:/# The same lines.\n&/' "$LAB/translate.yaml" >"$LAB/same.yaml"
enforce same ec2
ask exit
verdict "the session lives on when nothing changes but a comment" alive "$(answer_of exit)"
sed '/masquerade/d' "$LAB/translate.yaml" >"$LAB/unmasked.yaml"
enforce unmasked ec2
ask exit
ask mapped
verdict "without the line the session ends, and the other one does not" "dead alive" "$(answer_of exit) $(answer_of mapped)"
verdict "apply says so" yes \
  "$(grep -q 'their addresses are translated differently now' "$LAB/ec2/apply.log" && echo yes)"

# Another table that translates the forwarded port first, as Docker's published ports do, and a socket on that port.
# clashes: what plan says that clashes with lines of `translate`.
clashes() {
  wgfence_in ec2 plan "$LAB/unmasked.yaml" --machine ec2 --format json >"$LAB/plan.json" 2>"$LAB/said"
  "$PYTHON" -c 'import json, sys
found = json.load(open(sys.argv[1]))["translations"]
print(*sorted({f["severity"] + (" published" if "inet published first" in f["found"] else "") for f in found}) or ["none"])' \
    "$LAB/plan.json"
}
verdict "plan finds nothing that clashes with the forwarded port" none "$(clashes)"
node ec2 nft -f - <<'NFT'
table inet published {
	chain first {
		type nat hook prerouting priority -100; policy accept;
		tcp dport 8443 redirect to :9100
	}
}
NFT
verdict "plan says that another table translates the forwarded port first" "warning published" "$(clashes)"
tcp internet 203.0.113.10 8443 --source 203.0.113.66 >/dev/null
verdict "and it does: the client comes to ec2's own server" 203.0.113.66 "$(client_of ec2 9100)"
node ec2 nft delete table inet published
serve ec2 clashing --tcp 8443
verdict "plan says that a socket of ec2 is on the forwarded port" information "$(clashes)"
tcp internet 203.0.113.10 8443 --source 203.0.113.66 >/dev/null
verdict "and the client comes to onprem's server still" 203.0.113.66 "$(client_of onprem 9100)"
