# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Guests on the bridges of several programs, made before and after the policy is in force, and the host's own tunnel address,
# which the host and its containers use like any other.

# guest_on BRIDGE NUMBER NODE…: a bridge with guests, whose networks the host masquerades.
guest_on() {
  local bridge=$1 number=$2 n i=10
  shift 2
  ip -n onprem link add "$bridge" type bridge
  address onprem "$bridge" "10.$number.0.1/24" "fd99:$number::1/64"
  ip -n onprem link set "$bridge" up
  for n in "$@"; do
    cable onprem "port-$n" "$n" eth0
    ip -n onprem link set "port-$n" master "$bridge"
    address "$n" eth0 "10.$number.0.$i/24" "fd99:$number::$i/64"
    default_route "$n" "10.$number.0.1" "fd99:$number::1"
    i=$((i + 1))
  done
}
new_nodes vm1 vm2 pod lx
guest_on virbr0 101 vm1 vm2
guest_on podman1 102 pod
node onprem nft -f - <<'NFT'
table inet engines {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "eth0" ip saddr 10.96.0.0/11 masquerade
    oifname "eth0" ip6 saddr fd99::/16 masquerade
  }
  chain own {
    type nat hook output priority -100; policy accept;
    fib daddr type local meta nfproto ipv4 ip daddr != 127.0.0.0/8 tcp dport 9000 dnat ip to 172.17.0.2:9000
    fib daddr type local meta nfproto ipv6 ip6 daddr != ::1 tcp dport 9000 dnat ip6 to [fd17::2]:9000
  }
  chain hairpin {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "docker0" ip saddr 172.17.0.0/16 masquerade
    oifname "docker0" ip6 saddr fd17::/64 masquerade
  }
}
NFT
ip -n onprem link set veth0 type bridge_slave hairpin on
serve onprem names --udp 53,67
serve vm2 service --tcp 80
ip -n internet route add 10.101.0.0/16 via 198.51.100.7
ip -n internet -6 route add fd99:101::/64 via 2001:db8:198::7

policy guests <<'YAML'
allow:
  - { to: onprem, services: [dns, dhcp, 9100/tcp, 9000/tcp], from: containers }
  - { to: onprem, services: [9100/tcp, 9000/tcp], from: laptop-eric }
failsafe:
  - { to: onprem, services: [ssh], from: laptop-eric }
tests:
  - { from: containers, to: onprem, allow: [dns, dhcp, 9100/tcp, 9000/tcp], deny: [ssh] }
  - { from: internet, to: onprem, deny: all }
YAML

# guest NODE NUMBER WHEN: what a guest needs, over both families.
guest() {
  try46 "$3: $1 to the internet" open tcp "$1" 198.51.100.66 2001:db8:198::66 7
  try46 "$3: $1 to the name server of the host" answered udp "$1" "10.$2.0.1" "fd99:$2::1" 53
  try "$3: $1 to the DHCP server of the host" answered udp "$1" "10.$2.0.1" 67
  try46 "$3: $1 to a service of the host by its tunnel address" open tcp "$1" 10.13.13.2 fd13:13::2 9100
}
own() {
  try46 "$1: the host to its own service by its tunnel address" open tcp onprem 10.13.13.2 fd13:13::2 9100
  try46 "$1: and to its own published port" open tcp onprem 10.13.13.2 fd13:13::2 9000
  try46 "$1: a container to a service of the host by the tunnel address" open tcp container 10.13.13.2 fd13:13::2 9100
  try46 "$1: and to a published port" open tcp container 10.13.13.2 fd13:13::2 9000
}
guest vm1 101 before
own before
settle
apply_policy onprem "$LAB/guests.yaml"
guest vm1 101 "in force"
guest pod 102 "in force"
try46 "a guest to another one on its bridge" open tcp vm1 10.101.0.11 fd99:101::11 80
own "in force"
settle
try46 "a guest does not reach ssh of the host" silent tcp vm1 10.101.0.1 fd99:101::1 22
try46 "nor by the tunnel address" silent tcp pod 10.13.13.2 fd13:13::2 22
try46 "the internet does not reach a guest" silent tcp internet 10.101.0.11 fd99:101::11 80
try "nor the host by its tunnel address" silent tcp internet 10.13.13.2 9100
settle

# A bridge that another program makes afterwards.
guest_on lxcbr0 103 lx
guest lx 103 "made afterwards"
settle

# A bridge with another name.
ip -n onprem link set virbr0 down
ip -n onprem link set virbr0 name traefik
ip -n onprem link set traefik up
ip -n onprem -6 addr add fd99:101::1/64 dev traefik nodad 2>/dev/null
wgfence_in onprem plan "$LAB/guests.yaml" --machine onprem >/dev/null 2>"$LAB/said"
verdict "plan names a bridge of guests that no zone has" yes "$(grep -c 'the bridge traefik' "$LAB/said" | sed 's/^[1-9].*/yes/')"
line=$(grep -o 'zones: { containers: { interfaces: \[[^]]*\] } }' "$LAB/said" | head -1)
verdict "with the line to write" yes "$([ -n "$line" ] && echo yes)"
sed "s|^      lan: .*|&\n      ${line#zones: { }|; s|containers: { interfaces: \[\(.*\)\] } }$|containers: { interfaces: [\1] }|" "$LAB/guests.yaml" >"$LAB/guests-traefik.yaml"
apply_policy onprem "$LAB/guests-traefik.yaml"
guest vm1 101 "as plan says"
settle
