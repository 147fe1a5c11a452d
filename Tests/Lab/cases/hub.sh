# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The hub relays what some grant allows, and refuses what the receiver would refuse. Tested at the hub: onprem and
# the laptops have no rules here, so every packet that leaves the hub's wg0 arrives.

policy hub <<'YAML'
services:
  gossip: 5005/udp
allow:
  - { to: onprem, services: [8888/tcp, gossip, ping], from: laptop-eric }
  - { to: onprem.lan, services: [9100/tcp], from: laptop-eric }
  - { to: ec2, services: [9443/tcp], from: laptop-ryan }
YAML

# hub_sends TEXT NODE ADDRESS: a UDP packet over the hub; did it come out at the other end?
hub_sends() { received onprem servers "$1" udp "$2" "$3" 5005; }

# solicited: whether a neighbour solicitation that a laptop sends to another machine in the tunnel reaches it over the hub.
solicited() {
  local reader
  node onprem "$PYTHON" - >"$LAB/solicited" <<'PYTHON' &
import socket
with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as reader:
    reader.settimeout(2)
    try:
        while not (data := reader.recv(2048)).startswith(b"\x87") or b"over the hub" not in data:
            pass
        print("arrived")
    except TimeoutError:
        print("nothing")
PYTHON
  reader=$!
  sleep 0.5
  node laptop-ryan "$PYTHON" - <<'PYTHON'
import socket
with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sender:
    sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
    target = socket.inet_pton(socket.AF_INET6, "fd13:13::2")
    for _ in range(3):
        sender.sendto(b"\x87\0\0\0\0\0\0\0" + target + b"over the hub", ("fd13:13::2", 0))
PYTHON
  wait "$reader"
  cat "$LAB/solicited"
}

try46 "without a policy the hub relays everything" open tcp visitor 10.13.13.2 fd13:13::2 9999
settle
verdict "also neighbour discovery" arrived "$(solicited)"

enforce hub ec2
try46 "the hub relays what is granted" open tcp laptop-eric 10.13.13.2 fd13:13::2 8888
try46 "and UDP" answered udp laptop-eric 10.13.13.2 fd13:13::2 5005
try46 "and ping" answered echo_request laptop-eric 10.13.13.2 fd13:13::2
try46 "and into the LAN behind the receiver" open tcp laptop-eric 192.168.1.20 fd68:1::20 9100
try46 "it refuses another port" silent tcp laptop-eric 10.13.13.2 fd13:13::2 9999
try46 "it refuses another peer" silent tcp laptop-ryan 10.13.13.2 fd13:13::2 8888
try46 "it refuses a peer that no policy names" silent tcp visitor 10.13.13.2 fd13:13::2 8888
try46 "it refuses ping of another peer" silent echo_request laptop-ryan 10.13.13.2 fd13:13::2
try46 "it refuses other ports of the LAN behind the receiver" silent tcp laptop-eric 192.168.1.20 fd68:1::20 22
try46 "it refuses the LAN to another peer" silent tcp laptop-ryan 192.168.1.20 fd68:1::20 9100
try46 "it refuses what goes from laptop to laptop" silent udp laptop-ryan 10.13.13.10 fd13:13::10 7
try46 "it refuses what the receiver of a grant begins by itself" silent udp onprem 10.13.13.10 fd13:13::10 7
try "granted UDP leaves the hub (IPv4)" arrived hub_sends hub-eric-four laptop-eric 10.13.13.2
try "granted UDP leaves the hub (IPv6)" arrived hub_sends hub-eric-six laptop-eric fd13:13::2
try "refused UDP does not leave the hub (IPv4)" nothing hub_sends hub-ryan-four laptop-ryan 10.13.13.2
try "refused UDP does not leave the hub (IPv6)" nothing hub_sends hub-ryan-six laptop-ryan fd13:13::2
try46 "a grant to the hub itself does not permit transit" silent tcp laptop-ryan 10.13.13.2 fd13:13::2 9443
try46 "the hub's own traffic into the tunnel goes out" open tcp ec2 10.13.13.2 fd13:13::2 9999
settle

verdict "the hub does not relay neighbour discovery" nothing "$(solicited)"

# The hub does not relay between the tunnel and the internet.
node laptop-ryan ip route add 198.51.100.66/32 dev wg0
node laptop-ryan wg set wg0 peer "$(cat "$LAB/ec2/public")" allowed-ips '10.13.13.0/24,fd13:13::/64,198.51.100.66/32'
ip -n internet route add 10.13.13.11 via 203.0.113.10
try "the hub does not relay from the tunnel to the internet" silent tcp laptop-ryan 198.51.100.66 7
try "nor from the internet into the tunnel" silent udp internet 10.13.13.11 7
settle
unload ec2
try "as it does without a policy" open tcp laptop-ryan 198.51.100.66 7
settle
node laptop-ryan ip route del 198.51.100.66/32 dev wg0
ip -n internet route del 10.13.13.11
