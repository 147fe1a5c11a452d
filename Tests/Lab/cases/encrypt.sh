# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `encrypt`: what travels between two machines travels inside the tunnel or not at all.

policy encrypt <<'YAML'
services:
  gossip: 5005/udp
allow:
  - { to: onprem, services: [postgres, gossip], from: ec2 }
  - { to: onprem, services: [8888/tcp], from: internet }
  - { to: ec2, services: [node-exporter], from: onprem }
  - { to: ec2, services: [web, gossip], from: internet }
  - { to: onprem.lan, services: [9100/tcp], from: ec2 }
encrypt:
  - { between: [ec2, onprem], tunnel: wg0 }
YAML

wire_up() { # NAME: what passes on the wire of onprem
  task internet "wire-$1" tcpdump -i onprem -n -U -Z root --immediate-mode -w "$LAB/$1.pcap"
  until_true 10 grep -q 'listening on' "$LAB/internet/wire-$1.log"
}
wire_down() { sleep 0.1; end_task internet "wire-$1" -INT; }
# on_wire NAME FILTER: seen or nothing. Neighbour discovery between the router and a host does not count as traffic between the two.
on_wire() { if node internet tcpdump -n -c1 -r "$LAB/$1.pcap" "$2" 2>/dev/null | matches .; then echo seen; else echo nothing; fi; }
between='(host 203.0.113.10 and host 198.51.100.7) or (host 2001:db8:203::10 and host 2001:db8:198::7)'
inside='net 10.13.13.0/24 or net fd13:13::/64 or net 192.168.1.0/24 or net fd68:1::/64'

wire_up before
try46 "without a policy onprem talks to ec2 in the clear" open tcp onprem 203.0.113.10 2001:db8:203::10 80
try46 "without a policy ec2 talks to onprem in the clear" open tcp ec2 198.51.100.7 2001:db8:198::7 8888
settle
wire_down before
verdict "and the wire shows it" seen "$(on_wire before "($between) and tcp")"

enforce encrypt onprem ec2
wire_up both
try46 "through the tunnel a granted service is open" open tcp ec2 10.13.13.2 fd13:13::2 5432
try46 "in both directions" open tcp onprem 10.13.13.1 fd13:13::1 9100
try46 "and into the subnet behind" open tcp ec2 192.168.1.20 fd68:1::20 9100
try46 "onprem to ec2's endpoint is refused at once" refused tcp onprem 203.0.113.10 2001:db8:203::10 80
try46 "ec2 to onprem's endpoint is refused at once" refused tcp ec2 198.51.100.7 2001:db8:198::7 8888
try46 "also for UDP" rejected udp onprem 203.0.113.10 2001:db8:203::10 5005
try46 "also for a container" refused tcp container 203.0.113.10 2001:db8:203::10 80
try46 "others reach the same service in the clear" open tcp laptop-eric 203.0.113.10 2001:db8:203::10 80
try46 "and onprem reaches others in the clear" open tcp onprem 203.0.113.66 2001:db8:203::66 7
settle
wire_down both
verdict "the wire carries WireGuard between the two" seen "$(on_wire both "($between) and udp port 51820")"
verdict "and nothing else between the two" nothing "$(on_wire both "($between) and not udp port 51820")"
verdict "and no address from inside" nothing "$(on_wire both "$inside")"

# Each side by itself: the other has no rules, as if it were taken over or not yet managed.
unload ec2
try46 "clear traffic from ec2's endpoint is dropped at onprem, even for a service granted to the internet" silent \
  tcp ec2 198.51.100.7 2001:db8:198::7 8888
try46 "which others get" open tcp laptop-eric 198.51.100.7 2001:db8:198::7 8888
try "clear UDP from ec2's endpoint does not arrive at onprem (IPv4)" nothing \
  received onprem servers clear-four udp ec2 198.51.100.7 5005
try "clear UDP from ec2's endpoint does not arrive at onprem (IPv6)" nothing \
  received onprem servers clear-six udp ec2 2001:db8:198::7 5005
try "a forged WireGuard source port opens nothing" nothing \
  received onprem servers clear-port udp ec2 198.51.100.7 5005 --source-port 51821
try46 "onprem alone rejects clear traffic" refused tcp onprem 203.0.113.10 2001:db8:203::10 80
settle

# ec2's address is also that of other hosts, as behind a NAT router: what is granted to ec2 in the tunnel is closed there, and
# everything else is not.
sed 's/tunnel: wg0 }$/tunnel: wg0, shared: ec2 }/' "$LAB/encrypt.yaml" >"$LAB/shared.yaml"
enforce shared onprem
try46 "shared: a port that is granted to ec2 in the tunnel is refused at its address" refused tcp onprem 203.0.113.10 2001:db8:203::10 9100
try46 "shared: also for a container" refused tcp container 203.0.113.10 2001:db8:203::10 9100
try46 "shared: others reach that port" open tcp laptop-eric 203.0.113.10 2001:db8:203::10 9100
try46 "shared: it is open in the tunnel" open tcp onprem 10.13.13.1 fd13:13::1 9100
try46 "shared: another port of the address is open" open tcp onprem 203.0.113.10 2001:db8:203::10 80
try46 "shared: also for a container" open tcp container 203.0.113.10 2001:db8:203::10 80
try46 "shared: also for UDP" answered udp onprem 203.0.113.10 2001:db8:203::10 5005
try46 "shared: hosts at the address reach what the internet may" open tcp ec2 198.51.100.7 2001:db8:198::7 8888
try46 "shared: and nothing else" silent tcp ec2 198.51.100.7 2001:db8:198::7 9100
settle
enforce encrypt onprem
try46 "without shared it is closed again" refused tcp onprem 203.0.113.10 2001:db8:203::10 80
settle

# The tunnel is removed: no traffic falls back to clear text.
wire_up down
wireguard_down onprem
try46 "without the tunnel, its addresses are refused at once" refused tcp onprem 10.13.13.1 fd13:13::1 9100
try46 "also for UDP" rejected udp onprem 10.13.13.1 fd13:13::1 5005
try46 "and the endpoint stays refused" refused tcp onprem 203.0.113.10 2001:db8:203::10 80
try46 "also for a container" refused tcp container 10.13.13.1 fd13:13::1 9100
settle
# A policy that is applied while there is no tunnel has the same effect.
unload onprem
enforce encrypt onprem
try46 "a policy applied without a tunnel rejects too" refused tcp onprem 10.13.13.1 fd13:13::1 9100
settle
wire_down down
verdict "the wire carried no address from inside" nothing "$(on_wire down "$inside")"
verdict "and nothing in the clear between the two" nothing "$(on_wire down "($between) and not udp port 51820")"

# The same on the other side, towards the subnet behind onprem.
enforce encrypt ec2
wireguard_down ec2
try46 "without the tunnel, the subnet behind a machine is refused at once" refused tcp ec2 192.168.1.20 fd68:1::20 9100
settle
unload onprem ec2
try46 "which without a policy is sent in clear text" open tcp ec2 192.168.1.20 fd68:1::20 9100
ip -n internet route replace 192.168.1.0/24 via 198.51.100.7
settle
wireguard_up ec2
wireguard_up onprem
until_true 10 handshaken onprem
for n in onprem ec2; do reverse_path $n 0; done
