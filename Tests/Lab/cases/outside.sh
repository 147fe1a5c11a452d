# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# From everywhere but the tunnel: the internet, the LAN, forged sources, the tunnel's own address on the wrong interface.

policy outside <<'YAML'
services:
  gossip: 5005/udp
lists:
  rubbish: [192.0.2.0/24, "2001:db8:bad::/48"]
block: [rubbish]
allow:
  - { to: onprem, services: [postgres, gossip, docker-swarm, ping], from: [laptop-eric, ec2] }
  - { to: onprem, services: [nfs], from: lan }
  - { to: ec2, services: [web], from: internet }
  - { to: ec2, services: [9443/tcp], from: [198.51.100.0/24, "2001:db8:198::/64"] }
YAML

link_local=$(node onprem ip -6 -o addr show dev eth0 scope link | awk '{ sub("/.*", "", $4); print $4 }')
ip -n internet addr replace 192.0.2.66/24 dev lo
ip -n internet -6 addr replace 2001:db8:bad::66/128 dev lo nodad

# VXLAN, as Docker makes it: the device lives in the container, its UDP socket on the host, owned by no process.
node onprem ip link add vx4 type vxlan id 4097 dstport 4789 local 10.13.13.2
node onprem ip link set vx4 address 02:00:00:00:40:97
ip -n onprem link set vx4 netns container
ip -n container addr add 10.0.9.2/24 dev vx4
ip -n container link set vx4 up
serve container overlay --udp 7777
throw_vxlan() { # TEXT NODE ADDRESS
  node "$2" "$PYTHON" "$PROBE" vxlan "$3" 4789 --vni 4097 --inner-mac 02:00:00:00:40:97 --inner-source 10.0.9.66 \
    --inner-target 10.0.9.2 --inner-port 7777 --text "$1" >/dev/null
  sleep 0.2
  reached container overlay "$1"
}

try46 "without a policy the internet reaches postgres" open tcp internet 198.51.100.7 2001:db8:198::7 5432
try46 "without a policy the internet reaches the tunnel address on eth0" open tcp internet 10.13.13.2 fd13:13::2 5432
try "without a policy the link-local address answers" open tcp internet "$link_local%onprem" 5432
try "without a policy a forged tunnel source arrives (IPv4)" arrived \
  received onprem servers forged-before-four udp internet 198.51.100.7 5005 --source 10.13.13.10
try "without a policy a forged tunnel source arrives (IPv6)" arrived \
  received onprem servers forged-before-six udp internet 2001:db8:198::7 5005 --source fd13:13::10
try "without a policy VXLAN is injected from outside" arrived throw_vxlan vxlan-before internet 198.51.100.7
try46 "without a policy a blocked network reaches the web server" open tcp internet 203.0.113.10 2001:db8:203::10 80
try "without a policy a blocked source gets answers (IPv4)" open tcp internet 203.0.113.10 80 --source 192.0.2.66
try "without a policy a blocked source gets answers (IPv6)" open tcp internet 2001:db8:203::10 80 --source 2001:db8:bad::66
settle

enforce outside onprem ec2
try46 "the internet does not reach postgres" silent tcp internet 198.51.100.7 2001:db8:198::7 5432
try46 "nor a port that no policy names" silent tcp internet 198.51.100.7 2001:db8:198::7 9999
try46 "nor a closed port, which gives no answer either" silent tcp internet 198.51.100.7 2001:db8:198::7 1
try46 "nor by UDP" silent udp internet 198.51.100.7 2001:db8:198::7 5005
try46 "nor by ping" silent echo_request internet 198.51.100.7 2001:db8:198::7
try "nor over the link-local address" silent tcp internet "$link_local%onprem" 5432
try46 "a service granted to the internet is open" open tcp internet 203.0.113.10 2001:db8:203::10 80
try46 "and open to a laptop outside its tunnel" open tcp laptop-ryan 203.0.113.10 2001:db8:203::10 443
try46 "its neighbour port is not" silent tcp internet 203.0.113.10 2001:db8:203::10 8080
try "a blocked network is silent where all others are let in (IPv4)" silent tcp internet 203.0.113.10 80 --source 192.0.2.66
try "a blocked network is silent where all others are let in (IPv6)" silent \
  tcp internet 2001:db8:203::10 80 --source 2001:db8:bad::66
try "a granted prefix is open (IPv4)" open tcp internet 203.0.113.10 9443 --source 198.51.100.66
try "a granted prefix is open (IPv6)" open tcp internet 2001:db8:203::10 9443 --source 2001:db8:198::66
try46 "beside the granted prefix it is silent" silent tcp laptop-ryan 203.0.113.10 2001:db8:203::10 9443

try46 "the LAN gets what it is granted" open tcp lan 192.168.1.1 fd68:1::1 2049
try46 "the LAN does not reach postgres" silent tcp lan 192.168.1.1 fd68:1::1 5432
try46 "nor by the public address" silent tcp lan 198.51.100.7 2001:db8:198::7 5432
try46 "nor by the tunnel address" silent tcp lan 10.13.13.2 fd13:13::2 5432
try46 "the internet does not get what the LAN is granted" silent tcp internet 198.51.100.7 2001:db8:198::7 2049

try46 "the tunnel address on eth0 is silent" silent tcp internet 10.13.13.2 fd13:13::2 5432
try46 "even for ping" silent echo_request internet 10.13.13.2 fd13:13::2
try "a forged tunnel source does not arrive (IPv4)" nothing \
  received onprem servers forged-four udp internet 198.51.100.7 5005 --source 10.13.13.10
try "a forged tunnel source does not arrive (IPv6)" nothing \
  received onprem servers forged-six udp internet 2001:db8:198::7 5005 --source fd13:13::10
try "nor to the tunnel address (IPv4)" nothing \
  received onprem servers forged-to-tunnel udp internet 10.13.13.2 5005 --source 10.13.13.10
try "nor from the LAN (IPv4)" nothing \
  received onprem servers forged-lan-four udp lan 192.168.1.1 5005 --source 10.13.13.10
try "nor from the LAN (IPv6)" nothing \
  received onprem servers forged-lan-six udp lan fd68:1::1 5005 --source fd13:13::10
try "a foreign source on the LAN does not arrive" silent tcp lan 192.168.1.1 2049 --source 192.168.77.7
try "VXLAN from outside does not arrive" nothing throw_vxlan vxlan-after internet 198.51.100.7
try "nor to the tunnel address from outside" nothing throw_vxlan vxlan-after-tunnel internet 10.13.13.2
try "nor through the tunnel from a peer without the grant" nothing throw_vxlan vxlan-after-ryan laptop-ryan 10.13.13.2
try "VXLAN through the tunnel, granted, does" arrived throw_vxlan vxlan-granted ec2 10.13.13.2
settle

# The protection neither depends on the kernel's reverse-path check nor conflicts with it.
for setting in 0 1 2; do
  reverse_path onprem $setting
  try "with rp_filter $setting a granted service is open" open tcp laptop-eric 10.13.13.2 5432
  try "with rp_filter $setting a forged tunnel source does not arrive" nothing \
    received onprem servers "forged-rp-$setting" udp internet 198.51.100.7 5005 --source 10.13.13.10
  try "with rp_filter $setting the tunnel address on eth0 is silent" silent tcp internet 10.13.13.2 5432
  settle
done
reverse_path onprem 0
ip -n container link del vx4
end_task container overlay
