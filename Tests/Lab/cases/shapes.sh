# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Hosts in the shape that other software gives them: nodes of a Kubernetes cluster whose pods talk through WireGuard, as k3s
# and flannel set them up; another overlay network beside it, as Tailscale sets it up; a router whose provider delegates a
# prefix to it, for containers with public addresses. The rules are this file's own.

policy shapes <<'YAML'
allow:
  - { to: [onprem, ec2], services: [8472/udp], from: [onprem, ec2], because: the pods' overlay network }
  - { to: [onprem, ec2], services: [443/tcp, dns, dhcp], from: containers, because: "the API server's and the DNS server's service" }
  - { to: onprem, services: [30080/tcp], from: laptop-eric }
  - { to: onprem, services: [9100/tcp], from: ts }
failsafe:
  - { to: onprem, services: [ssh], from: laptop-eric }
tests:
  - { from: internet, to: onprem, deny: all }
  - { from: ts, to: onprem, allow: [9100/tcp], deny: [443/tcp] }
YAML
# The overlay network's interface is one of the pods'. A zone of each machine says so.
sed -i 's|^      lan: .*|&\n      containers: { interfaces: ["cni*", flannel.1, docker0] }\n      ts: { interfaces: [tailscale0] }|
  s|^    endpoint: \[203.*|&\n    zones: { containers: { interfaces: ["cni*", flannel.1, docker0] } }|' "$LAB/shapes.yaml"

# --- a cluster --------------------------------------------------------------------------------------------------------

# bridge_of_pods NODE NUMBER POD…: the bridge of a node's pods. Its network is 10.42.NUMBER.0/24.
bridge_of_pods() {
  local node=$1 number=$2 pod i=11
  shift 2
  ip -n "$node" link add cni0 type bridge
  address "$node" cni0 "10.42.$number.1/24" "fd42:$number::1/64"
  ip -n "$node" link set cni0 up
  for pod in "$@"; do
    cable "$node" "veth-$pod" "$pod" eth0
    ip -n "$node" link set "veth-$pod" master cni0
    address "$pod" eth0 "10.42.$number.$i/24" "fd42:$number::$i/64"
    default_route "$pod" "10.42.$number.1" "fd42:$number::1"
    i=$((i + 1))
  done
}

# overlay NODE NUMBER OTHER PEER: the overlay network's interface, to the other node's pods, through the tunnel.
overlay() {
  ip -n "$1" link add flannel.1 type vxlan id 1 local "${TUN[$1]}" remote "${TUN[$4]}" dstport 8472 dev wg0
  ip -n "$1" link set flannel.1 mtu 1350 up
  address "$1" flannel.1 "10.42.$2.0/32" "fd42:$2::/128"
  ip -n "$1" route add "10.42.$3.0/24" via "10.42.$3.0" dev flannel.1 onlink
  ip -n "$1" -6 route add "fd42:$3::/64" via "fd42:$3::" dev flannel.1 onlink
}

# services_of NODE: the rules of the cluster's services: the API server on the node, a DNS server in a pod, a port of the node
# that a pod serves, and masquerading of what leaves the cluster.
services_of() {
  node "$1" nft -f - <<'NFT'
table inet cluster {
  chain services {
    ip daddr 10.43.0.1 tcp dport 443 dnat ip to 10.13.13.2:6443
    ip6 daddr fd43::1 tcp dport 443 dnat ip6 to [fd13:13::2]:6443
    ip daddr 10.43.0.10 udp dport 53 dnat ip to 10.42.0.12:53
    ip6 daddr fd43::10 udp dport 53 dnat ip6 to [fd42:0::12]:53
    fib daddr type local meta nfproto ipv4 tcp dport 30080 meta mark set mark or 0x4000 dnat ip to 10.42.0.11:8080
    fib daddr type local meta nfproto ipv6 tcp dport 30080 meta mark set mark or 0x4000 dnat ip6 to [fd42:0::11]:8080
  }
  chain prerouting { type nat hook prerouting priority dstnat; policy accept; jump services; }
  chain output { type nat hook output priority -100; policy accept; jump services; }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    meta mark & 0x4000 == 0x4000 masquerade
    ip saddr 10.42.0.0/16 ip daddr != 10.42.0.0/16 masquerade
    ip6 saddr fd42::/32 ip6 daddr != fd42::/32 masquerade
  }
}
NFT
}

new_nodes p1 p2 p3 tail
bridge_of_pods onprem 0 p1 p2
bridge_of_pods ec2 1 p3
overlay onprem 0 1 ec2
overlay ec2 1 0 onprem
services_of onprem
serve onprem cluster --tcp 6443
serve p1 service --tcp 8080
serve p2 service --tcp 8080 --udp 53
serve p3 service --tcp 8080
ip -n internet route add 10.42.0.0/24 via 198.51.100.7
ip -n internet -6 route add fd42:0::/64 via 2001:db8:198::7

# cluster WHEN REFUSED: what pods need, and who reaches the node's port: REFUSED for those who are not granted it.
cluster() {
  try46 "$1: a pod reaches the internet" open tcp p1 198.51.100.66 2001:db8:198::66 7
  try46 "$1: the API server by its service's address" open tcp p1 10.43.0.1 fd43::1 443
  try46 "$1: the DNS server, a pod, by its service's address" answered udp p1 10.43.0.10 fd43::10 53
  try46 "$1: another pod of the node" open tcp p1 10.42.0.12 fd42:0::12 8080
  try46 "$1: a pod of the other node" open tcp p1 10.42.1.11 fd42:1::11 8080
  try46 "$1: and back" open tcp p3 10.42.0.11 fd42:0::11 8080
  try46 "$1: the node reaches its pod" open tcp onprem 10.42.0.11 fd42:0::11 8080
  try46 "$1: the node's port, through the tunnel" open tcp laptop-eric 10.13.13.2 fd13:13::2 30080
  try46 "$1: the node's port, to who is not granted it" "$2" tcp laptop-ryan 10.13.13.2 fd13:13::2 30080
  try46 "$1: the node's port, from the internet" "$2" tcp internet 198.51.100.7 2001:db8:198::7 30080
  try46 "$1: a pod's own address, from the internet" "$2" tcp internet 10.42.0.11 fd42:0::11 8080
  settle
}
cluster "without a policy" open

# --- another overlay network ------------------------------------------------------------------------------------------

cable onprem tailscale0 tail eth0
address onprem tailscale0 100.100.0.2/24 fd7a::2/64
address tail eth0 100.100.0.9/24 fd7a::9/64
ip -n internet addr add 100.100.0.9/32 dev onprem
ip -n internet route add 100.100.0.2/32 via 198.51.100.7
serve_spoofed() { tcp internet 198.51.100.7 9100 --source 100.100.0.9; }
try46 "without a policy: from the other overlay network" open tcp tail 100.100.0.2 fd7a::2 8888
settle

enforce shapes onprem ec2
cluster "started before the policy" silent
try46 "the other overlay network is a zone of its own" open tcp tail 100.100.0.2 fd7a::2 9100
try46 "with its own grants only" silent tcp tail 100.100.0.2 fd7a::2 8888
try46 "not those of the tunnel" silent tcp tail 100.100.0.2 fd7a::2 30080
try "its addresses from the internet are not of the zone" silent serve_spoofed
try46 "nor is the zone granted to the internet" silent tcp internet 198.51.100.7 2001:db8:198::7 9100
try46 "the API server by the node's address is not granted to the internet" silent tcp internet 198.51.100.7 2001:db8:198::7 6443
try46 "nor in the tunnel" silent tcp laptop-eric 10.13.13.2 fd13:13::2 6443
settle
verdict "what a peer without the grant injects into the overlay network does not arrive" nothing \
  "$(received p1 service injected udp laptop-ryan 10.13.13.2 8472)"

# The cluster's software starts again while the policy is in force: its bridge, its rules and the overlay network are new.
node onprem nft delete table inet cluster
ip -n onprem link del flannel.1
ip -n onprem link del cni0
for pod in p1 p2; do ip -n onprem link del "veth-$pod" 2>/dev/null; done
bridge_of_pods onprem 0 p1 p2
overlay onprem 0 1 ec2
services_of onprem
cluster "started after the policy" silent

# --- a delegated prefix -------------------------------------------------------------------------------------------------

# public PREFIX: the containers' network gets this prefix, and the provider routes it here.
public() {
  address onprem docker0 "$1::1/64"
  address container eth0 "$1::2/64"
  ip -n internet -6 route add "$1::/64" via 2001:db8:198::7
  ip -n container -6 route replace default via "$1::1"
}
public 2001:db8:777
try "a container with a delegated address reaches the internet" open tcp container 2001:db8:198::66 7
try "the internet does not reach it" silent tcp internet 2001:db8:777::2 9000
settle
ip -n onprem addr del 2001:db8:777::1/64 dev docker0
ip -n container addr del 2001:db8:777::2/64 dev eth0
public 2001:db8:888
try "nor after the prefix has changed" silent tcp internet 2001:db8:888::2 9000
try "and the container still reaches the internet" open tcp container 2001:db8:198::66 7
settle
