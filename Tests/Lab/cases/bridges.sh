# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A LAN bridge with a network card and a virtual machine, and br_netfilter: what stays on the bridge is not subject to policy,
# and nothing else passes because of that.

new_nodes pc vm
ip -n onprem link add br0 type bridge
ip -n onprem link set br0 up
cable onprem card0 pc eth0
cable onprem vnet0 vm eth0
ip -n onprem link set card0 master br0
ip -n onprem link set vnet0 master br0
address onprem br0 192.168.77.1/24
address pc eth0 192.168.77.30/24 fd77::30/64
address vm eth0 192.168.77.50/24 fd77::50/64
ip -n pc route add default via 192.168.77.1
ip -n vm route add default via 192.168.77.1
if ! node onprem sh -c 'echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables && echo 1 >/proc/sys/net/bridge/bridge-nf-call-ip6tables' 2>/dev/null; then
  skip "bridges: this kernel has no br_netfilter"
fi
ip -n internet route add 192.168.77.0/24 via 198.51.100.7
serve vm service --tcp 80,5432 --udp 67
# Another program's translation: what is for 198.51.100.99 goes to the host, and what is for .98 to the virtual machine.
node onprem nft -f - <<'NFT'
table ip foreign {
  chain dstnat {
    type nat hook prerouting priority dstnat
    ip daddr 198.51.100.99 dnat to 192.168.77.1
    ip daddr 198.51.100.98 dnat to 192.168.1.20
    ip daddr 198.51.100.97 dnat to 192.168.77.50
  }
}
NFT

# The machines on the bridge lose the host as their router: that is meant here.
# shellcheck disable=SC2034  # used by apply_policy
ACCEPTED=(--accept guests:br0)
policy bridges <<'YAML'
allow:
  - { to: onprem, services: [ssh], from: home }
failsafe:
  - { to: onprem, services: [ssh], from: laptop-eric }
tests:
  - { from: home, to: onprem, allow: [ssh], deny: [postgres] }
YAML
sed -i 's|^      lan: .*|&\n      home: { interfaces: [br0] }|' "$LAB/bridges.yaml"

# multicast GROUP…: whether a packet of the pc arrives at the virtual machine, and at the host.
broadcast() {
  node pc "$PYTHON" "$PROBE" udp 192.168.77.255 67 --broadcast --text "$1" >/dev/null 2>&1
  sleep 0.1
  reached vm service "$1"
}

bridged() {
  local when=$1
  try "$when: the pc reaches the virtual machine, IPv4" open tcp pc 192.168.77.50 80
  try "$when: and IPv6, of which the host knows nothing" open tcp pc fd77::50 5432
  try "$when: ping" answered echo_request pc 192.168.77.50
  try "$when: a broadcast reaches it" arrived broadcast "hello $when"
  settle
}
bridged "before"
apply_policy onprem "$LAB/bridges.yaml"
bridged "in force"
try "the pc reaches ssh of the host" open tcp pc 192.168.77.1 22
try "and nothing else of it" silent tcp pc 192.168.77.1 8888
try "nor what is behind it" silent tcp pc 192.168.1.20 22
try "nor over IPv6" silent tcp vm 10.13.13.1 22
try "a translation by another program does not lead to the host" silent tcp pc 198.51.100.99 22
try "nor through it" silent tcp pc 198.51.100.98 22
try "but back onto the bridge it may" open tcp pc 198.51.100.97 80
try "the internet does not reach the virtual machine" silent tcp internet 192.168.77.50 80
settle
verdict "what passed for the bridge alone is dropped behind it, and counted" yes \
  "$(node onprem nft list counter inet wgfence drop-not-forwarded | awk '/packets/ { print ($2 > 0 ? "yes" : "no") }')"

# A bridge that no zone names, and that is made while the daemon runs.
policy bridges <<'YAML'
allow:
  - { to: onprem, services: [postgres], from: laptop-eric }
failsafe:
  - { to: onprem, services: [ssh], from: laptop-eric }
YAML
running() { wgfence_in onprem status >/dev/null 2>&1 || [ $? = 2 ]; }
task onprem daemon env WGFENCE_STATE_DIR="$LAB/onprem/state" WGFENCE_SOCKET="$LAB/onprem/control.sock" \
  "$WGFENCE" daemon "$LAB/bridges.yaml" --machine onprem
until_true 10 running || die "the daemon did not start: $(cat "$LAB/onprem/daemon.log")"
bridged "a bridge of the internet"
try "the pc is the internet for the host" silent tcp pc 192.168.77.1 22
settle
ip -n onprem link add br7 type bridge
ip -n onprem link set card0 nomaster
ip -n onprem link set vnet0 nomaster
ip -n onprem link set card0 master br7
ip -n onprem link set vnet0 master br7
ip -n onprem link set br7 up
known() { node onprem nft list set inet wgfence same-interface 2>/dev/null | matches br7; }
until_true 10 known
bridged "a bridge made while the daemon runs"
end_task onprem daemon
