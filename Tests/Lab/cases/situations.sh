# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The assumptions of the design, each situation with real packets: the rule sets that people write by hand and what gets
# through them, and the same against wgfence. Hand-written rules go into the table `inet situation` on onprem.

situation() { node onprem nft -f -; }
no_situation() { node onprem nft delete table inet situation; forget_connections onprem; }

# Two sessions from the internet to 8888, over IPv4 and IPv6
open_pair() {
  session four internet 198.51.100.7 8888
  session six internet 2001:db8:198::7 8888
  ask four; ask six
}
close_pair() { hang_up four; hang_up six; }

shortcut_table() { # SHORTCUT GRANT
  printf 'table inet situation\ndelete table inet situation\ntable inet situation {\n'
  printf '  chain input { type filter hook input priority 0; policy drop;\n'
  printf '    iifname "lo" accept\n    meta l4proto ipv6-icmp accept\n    udp dport 51820 accept\n    %s\n    %s\n  }\n}\n' "$1" "$2"
}

# 1. The usual shortcut: an established session stays open.
usual='ct state established,related accept'
shortcut_table "$usual" 'tcp dport 8888 accept' | situation
open_pair
shortcut_table "$usual" '' | situation
ask four; ask six
verdict "with 'ct state established accept' a revoked session lives on (IPv4)" alive "$(answer_of four)"
verdict "with 'ct state established accept' a revoked session lives on (IPv6)" alive "$(answer_of six)"
close_pair
no_situation

# 2. Replies only: every packet of the original direction meets the policy.
replies='ct direction reply ct state established,related accept'
shortcut_table "$replies" 'tcp dport 8888 accept' | situation
open_pair
verdict "with 'ct direction reply' a granted session lives (IPv4)" alive "$(answer_of four)"
verdict "with 'ct direction reply' a granted session lives (IPv6)" alive "$(answer_of six)"
shortcut_table "$replies" '' | situation
ask four; ask six
verdict "with 'ct direction reply' a revoked session dies at its next packet (IPv4)" dead "$(answer_of four)"
verdict "with 'ct direction reply' a revoked session dies at its next packet (IPv6)" dead "$(answer_of six)"
close_pair
no_situation

# 3. An input chain that drops everything, and a published container port.
shortcut_table "$usual" '' | situation
try46 "an input policy of drop closes the host's ports" silent tcp internet 198.51.100.7 2001:db8:198::7 9999
try46 "and leaves published container ports open" open tcp internet 198.51.100.7 2001:db8:198::7 15432
settle
no_situation

# 4. Dropping by original port in forward, at the priority of the chains that Docker has there.
situation <<'NFT'
table inet situation {
	chain forward {
		type filter hook forward priority filter; policy accept;
		meta l4proto tcp ct direction original ct original proto-dst 15432 drop
	}
}
NFT
try46 "dropping the original port in forward closes the published port" silent tcp internet 198.51.100.7 2001:db8:198::7 15432
try46 "and leaves the container's own address open" open tcp internet 172.17.0.2 fd17::2 5432
settle
no_situation

# 5. Dropping before DNAT.
situation <<'NFT'
table inet situation {
	chain prerouting {
		type filter hook prerouting priority mangle; policy accept;
		fib daddr type local tcp dport 15432 drop
	}
}
NFT
try46 "dropping before DNAT closes the published port" silent tcp internet 198.51.100.7 2001:db8:198::7 15432
try46 "and leaves the container's own address open too" open tcp internet 172.17.0.2 fd17::2 5432
settle
no_situation

# 6. wgfence: a grant for the internet on 9000, none on 15432.
policy situation <<'YAML'
services:
  gossip: 5005/udp
allow:
  - { to: onprem, services: [9000/tcp], from: internet }
  - { to: onprem, services: [postgres, gossip], from: laptop-eric }
YAML
enforce situation onprem
try46 "wgfence closes a published port that is not granted" silent tcp internet 198.51.100.7 2001:db8:198::7 15432
try46 "and the container's own address" silent tcp internet 172.17.0.2 fd17::2 5432
try46 "and opens a published port that is granted" open tcp internet 198.51.100.7 2001:db8:198::7 9000
try46 "but not by the container's own address" silent tcp internet 172.17.0.2 fd17::2 9000
try46 "the host reaches out" open tcp onprem 198.51.100.66 2001:db8:198::66 7
try46 "the container reaches out" open tcp container 198.51.100.66 2001:db8:198::66 7
settle

# 7. The guard of tunnel addresses does not need the tunnel.
wireguard_down onprem
ip -n onprem addr add 10.13.13.2/32 dev lo
try "with no tunnel at all a forged tunnel source does not arrive (IPv4)" nothing \
  received onprem servers situation-four udp internet 198.51.100.7 5005 --source 10.13.13.10
try "with no tunnel at all a forged tunnel source does not arrive (IPv6)" nothing \
  received onprem servers situation-six udp internet 2001:db8:198::7 5005 --source fd13:13::10
try "nor does the tunnel address answer on eth0 when the host has it on another interface" silent tcp internet 10.13.13.2 5432
settle
unload onprem
try "which it does without a policy" open tcp internet 10.13.13.2 5432
try "as a forged source arrives without a policy (IPv4)" arrived \
  received onprem servers situation-open-four udp internet 198.51.100.7 5005 --source 10.13.13.10
try "as a forged source arrives without a policy (IPv6)" arrived \
  received onprem servers situation-open-six udp internet 2001:db8:198::7 5005 --source fd13:13::10
settle
ip -n onprem addr del 10.13.13.2/32 dev lo
wireguard_up onprem
until_true 10 handshaken onprem
reverse_path onprem 0

# 8. Rules by interface index are lost with the interface; rules by name are not.
side_up() { # NAME: another cable between onprem and lan
  cable onprem "$1" lan side
  address onprem "$1" 192.168.99.1/24 fd99::1/64
  address lan side 192.168.99.20/24 fd99::20/64
  node onprem sh -c "echo 0 >/proc/sys/net/ipv4/conf/$1/rp_filter"
}
by_index='table inet situation { chain input { type filter hook input priority 0; policy accept; iif "side0" tcp dport 9999 drop; }; }'
by_name=${by_index/iif /iifname }
verdict "a rule by index cannot be loaded before its interface exists" refused \
  "$(echo "$by_index" | situation 2>/dev/null && echo loaded || echo refused)"
verdict "a rule by name can" loaded "$(echo "$by_name" | situation && echo loaded || echo refused)"
side_up side0
try46 "and holds when the interface appears" silent tcp lan 192.168.99.1 fd99::1 9999
settle
no_situation
echo "$by_index" | situation
try46 "a rule by index holds" silent tcp lan 192.168.99.1 fd99::1 9999
settle
ip -n onprem link del side0
side_up side0
try46 "until the interface is made anew: then it is silently dead" open tcp lan 192.168.99.1 fd99::1 9999
settle
no_situation
echo "$by_name" | situation
ip -n onprem link del side0
side_up side0
try46 "a rule by name holds again" silent tcp lan 192.168.99.1 fd99::1 9999
settle
no_situation
enforce situation onprem
wireguard_down onprem
wireguard_up onprem
until_true 10 handshaken onprem
reverse_path onprem 0
try46 "wgfence's grants hold on a tunnel made anew" open tcp laptop-eric 10.13.13.2 fd13:13::2 5432
try46 "and its refusals" silent tcp laptop-ryan 10.13.13.2 fd13:13::2 5432
settle
ip -n onprem link del side0

# 9. wg0 is not wg0*.
side_up wg0x
situation <<'NFT'
table inet situation {
	chain input {
		type filter hook input priority 0; policy accept;
		iifname "wg0" tcp dport 9999 drop
		iifname "wg0*" tcp dport 9090 drop
	}
}
NFT
unload onprem
try46 "an exact name does not match a longer one" open tcp lan 192.168.99.1 fd99::1 9999
try46 "a prefix does" silent tcp lan 192.168.99.1 fd99::1 9090
settle
no_situation
on_wg0x() { # ADDRESS: a packet of laptop-eric's, forged, on wg0x
  local source=10.13.13.10
  case $1 in *:*) source=fd13:13::10 ;; esac
  received onprem servers "wg0x-$RANDOM$RANDOM" udp lan "$1" 5005 --source "$source"
}
try "without a policy a peer forged on wg0x arrives (IPv4)" arrived on_wg0x 192.168.99.1
try "without a policy a peer forged on wg0x arrives (IPv6)" arrived on_wg0x fd99::1
settle
enforce situation onprem
try "a grant on wg0 does not apply to wg0x: a peer forged there does not arrive (IPv4)" nothing on_wg0x 192.168.99.1
try "a grant on wg0 does not apply to wg0x: a peer forged there does not arrive (IPv6)" nothing on_wg0x fd99::1
try46 "nor does wg0x get a grant by its own address" silent tcp lan 192.168.99.1 fd99::1 5432
try46 "wg0x is the internet: it gets what the internet is granted" open tcp lan 192.168.99.1 fd99::1 9000
settle
ip -n onprem link del wg0x
