# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Grants between machines, through real WireGuard and over the hub.

policy tunnel <<'YAML'
services:
  gossip: 5005/udp
allow:
  - { to: onprem, services: [postgres, jupyter, gossip, ping], from: laptop-eric }
  - { to: onprem, services: [postgres], from: ec2 }
  - { to: ec2, services: [9443/tcp, gossip], from: laptop-eric }
  - { to: ec2, services: [9100/tcp], from: wg0 }
YAML

# These are open without a policy; otherwise silence below would prove nothing.
try46 "without a policy a peer without grants reaches postgres" open tcp visitor 10.13.13.2 fd13:13::2 5432
try46 "without a policy a peer without grants gets its UDP answered" answered udp visitor 10.13.13.2 fd13:13::2 5005
settle

enforce tunnel onprem ec2
try46 "a granted service is open" open tcp laptop-eric 10.13.13.2 fd13:13::2 5432
try46 "another granted service is open" open tcp laptop-eric 10.13.13.2 fd13:13::2 8888
try46 "a grant to the hub itself is open" open tcp laptop-eric 10.13.13.1 fd13:13::1 9443
try46 "the hub's own grant is open" open tcp ec2 10.13.13.2 fd13:13::2 5432
try46 "a granted UDP service answers" answered udp laptop-eric 10.13.13.2 fd13:13::2 5005
try46 "a granted UDP service of the hub answers" answered udp laptop-eric 10.13.13.1 fd13:13::1 5005
try46 "granted ping answers" answered echo_request laptop-eric 10.13.13.2 fd13:13::2
try "PostgreSQL answers a real query (IPv4)" 42 query laptop-eric 10.13.13.2 'select 6 * 7'
try "PostgreSQL answers a real query (IPv6)" 42 query laptop-eric fd13:13::2 'select 6 * 7'
try46 "what is granted to a whole tunnel is open to every peer" open tcp visitor 10.13.13.1 fd13:13::1 9100

try46 "a service without a grant is silent" silent tcp laptop-eric 10.13.13.2 fd13:13::2 9999
try46 "a service granted to others is silent" silent tcp laptop-ryan 10.13.13.2 fd13:13::2 5432
try46 "a peer that the policy does not name gets nothing" silent tcp visitor 10.13.13.2 fd13:13::2 5432
try46 "a machine without grants gets nothing from the hub" silent tcp laptop-ryan 10.13.13.1 fd13:13::1 9443
try46 "a grant of one port does not open the next" silent tcp ec2 10.13.13.2 fd13:13::2 8888
try46 "a TCP grant does not open UDP" silent udp laptop-eric 10.13.13.2 fd13:13::2 7946
try46 "ping without a grant is silent" silent echo_request laptop-ryan 10.13.13.2 fd13:13::2
try46 "ping to the hub without a grant is silent" silent echo_request laptop-eric 10.13.13.1 fd13:13::1
try "UDP without a grant does not reach the receiver (IPv4)" nothing \
  received onprem servers ryan-four udp laptop-ryan 10.13.13.2 5005
try "UDP without a grant does not reach the receiver (IPv6)" nothing \
  received onprem servers ryan-six udp laptop-ryan fd13:13::2 5005
settle

# Interfaces are matched by name: a rule holds before the interface exists and after it is made anew.
wireguard_down onprem
enforce tunnel onprem
wireguard_up onprem
until_true 10 handshaken onprem
reverse_path onprem 0
try46 "a policy applied while the tunnel was down holds when it is up" open tcp laptop-eric 10.13.13.2 fd13:13::2 5432
try46 "and refuses what it refused" silent tcp laptop-ryan 10.13.13.2 fd13:13::2 5432
settle
