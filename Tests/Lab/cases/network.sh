# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Traffic that must work: outbound traffic, ICMP errors and path MTU, neighbour and router discovery, DHCP.

policy network <<'YAML'
allow:
  - { to: onprem, services: [8888/tcp], from: laptop-eric }
  - { to: ec2, services: [web], from: internet }
encrypt:
  - { between: [ec2, onprem], tunnel: wg0 }
YAML
enforce network onprem ec2

try46 "the host reaches out by TCP" open tcp onprem 198.51.100.66 2001:db8:198::66 7
try46 "and by UDP" answered udp onprem 198.51.100.66 2001:db8:198::66 7
try46 "and pings" answered echo_request onprem 100.64.7.1 2001:db8:64::1
try46 "loopback passes" open tcp onprem 127.0.0.1 ::1 9999
try46 "and so does the host's own address" open tcp onprem 198.51.100.7 2001:db8:198::7 9999
try46 "and its own tunnel address" open tcp onprem 10.13.13.2 fd13:13::2 9999
try46 "a closed port elsewhere says so" refused tcp onprem 198.51.100.66 2001:db8:198::66 1
try46 "an ICMP error comes back for UDP" refused udp onprem 198.51.100.66 2001:db8:198::66 1
settle

# The hotel's network has a small MTU: its router reports packets that are too large with an ICMP error.
narrow() {
  local i
  ip -n internet link set hotel mtu "$1"
  for i in onprem ec2; do
    ip -n $i route flush cache
    ip -n $i -6 route flush cache
  done
}
narrow 1300
try46 "path MTU: the sender of a packet that is too big gets an error" EMSGSIZE \
  udp onprem 100.64.7.10 2001:db8:64::10 7 --size 1400 --fragment-never
try46 "path MTU: a server sends a long answer through a network with a small MTU" 'got 300000' \
  tcp laptop-eric 203.0.113.10 2001:db8:203::10 80 --give 300000
try46 "path MTU: and through the tunnel on top of it" 'got 300000' \
  tcp laptop-eric 10.13.13.2 fd13:13::2 8888 --give 300000
settle
narrow 1500

# Neighbour discovery after a flush.
flush_neighbours() {
  for n in internet onprem ec2; do
    node $n ip neigh flush all
    node $n ip -6 neigh flush all
  done
}
flush_neighbours
try46 "after the neighbour table is flushed, the host reaches out" open tcp onprem 198.51.100.66 2001:db8:198::66 7
settle
flush_neighbours
try46 "and is reached" open tcp internet 203.0.113.10 2001:db8:203::10 80
settle
node internet "$PYTHON" "$PROBE" tcp "$(node onprem ip -6 -o addr show dev eth0 scope link | awk '{ sub("/.*", "", $4); print $4 }')%onprem" 1 >/dev/null
verdict "a link-local neighbour is found, even if it answers nothing else" found \
  "$(node internet ip -6 neigh show dev onprem | matches '^fe80.*lladdr' && echo found || echo missing)"

# A router's advertisement gives the host an address.
has_address() { node onprem ip -6 -o addr show dev eth0 | matches "$1"; }
advertised() {
  node onprem sh -c 'echo 2 >/proc/sys/net/ipv6/conf/eth0/accept_ra'
  node internet "$PYTHON" "$PROBE" router-advertisement onprem "$1" >/dev/null
  if until_true 3 has_address "${1%::*}:"; then echo address; else echo nothing; fi
  node onprem sh -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_ra'
}
verdict "a router advertisement is heard" address "$(advertised 2001:db8:aaaa::)"
node onprem ip -6 addr flush dev eth0 scope global dynamic
node onprem ip -6 route flush proto ra

# A DHCP client without a lease sends from 0.0.0.0 and receives broadcasts; DHCPv6 uses link-local addresses.
onprem_link_local=$(node onprem ip -6 -o addr show dev eth0 scope link | awk '{ sub("/.*", "", $4); print $4 }')
try "DHCP: the server's broadcast reaches the client" arrived received onprem servers dhcp-broadcast \
  udp internet 255.255.255.255 68 --source 198.51.100.1 --source-port 67 --broadcast --device onprem
try "DHCP: the server's unicast reaches the client" arrived received onprem servers dhcp-unicast \
  udp internet 198.51.100.7 68 --source 198.51.100.1 --source-port 67
try "DHCPv6: the server's answer reaches the client" arrived received onprem servers dhcp-six \
  udp internet "$onprem_link_local%onprem" 546 --source-port 547
try "the client's port is open only to a DHCP server's port" nothing received onprem servers dhcp-other \
  udp internet 198.51.100.7 68 --source-port 6767
settle

# wg-quick's rules, loaded first, set the mark of UDP packets, in which wgfence keeps that no grant accepts a broadcast.
unload onprem
to_lan() { received onprem servers "$1" udp lan 192.168.1.255 5005 --broadcast; }
try "without a policy a broadcast in the LAN reaches the host" arrived to_lan broadcast-control
settle
node onprem nft -f - <<'NFT'
table ip wg-quick-wg0 {
	chain premangle { type filter hook prerouting priority mangle; policy accept; meta l4proto udp meta mark set ct mark; }
}
NFT
enforce network onprem
try "a broadcast without a grant does not, although another table sets the mark" nothing to_lan broadcast-mark
settle
node onprem nft delete table ip wg-quick-wg0
