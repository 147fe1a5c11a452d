#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Demonstration: a site with real WireGuard and a real PostgreSQL, before and after `wgfence apply`.
# Ends with status 1 when anything differs from what was expected.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

[ -n "${WGFENCE_LAB_APPLY:-}" ] || [ -x "$WGFENCE" ] || die "$WGFENCE is missing: run 'make build'"
[ -r "$ROOT/policies/rootski.yaml" ] || die "policies/rootski.yaml is missing"
enter_lab "$@"

TOTAL=0
FAILED=0
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  GREEN=$'\e[32m' RED=$'\e[31m' BOLD=$'\e[1m' PLAIN=$'\e[0m'
else
  GREEN='' RED='' BOLD='' PLAIN=''
fi

# --- printing ----------------------------------------------------------------------------------------------------------

heading() { printf '\n%s%s%s\n' "$BOLD" "$*" "$PLAIN"; }
say() { printf '   %s\n' "$*"; }
columns() { printf '   %-12s %-64s %-9s %s\n' from tries expected seen; }

# verdict "FROM|WHAT" EXPECTED SEEN
verdict() {
  local colour=$GREEN remark=''
  TOTAL=$((TOTAL + 1))
  if [ "$2" != "$3" ]; then
    FAILED=$((FAILED + 1))
    colour=$RED remark='   <-- not as expected'
  fi
  printf '   %-12s %-64s %-9s %s%s%s%s\n' "${1%%|*}" "${1#*|}" "$2" "$colour" "$3" "$remark" "$PLAIN"
}

seconds_since() { awk -v from="$1" -v to="$(date +%s.%N)" 'BEGIN { printf "%.1f", to - from }'; }

apply() {
  say "# wgfence apply ${2##*/} --machine $1"
  if ! apply_policy "$1" "$2"; then
    say "${RED}the policy could not be applied; there is nothing more to show$PLAIN"
    exit 1
  fi
  head -4 "$LAB/$1/apply.log" | sed "s|$LAB/policy/|policies/|; s/^/     /"
}

# --- things to try ------------------------------------------------------------------------------------------------------

# The attacker is on the same link as onprem: a packet to the tunnel address only needs onprem as the next hop.
tunnel_address_from_outside() {
  ip -n internet route replace 10.13.13.2 via 198.51.100.7
  tcp internet 10.13.13.2 5432
}

# A forged source gets no answer either way, so the receiver says whether the packet arrived.
forged() {
  udp internet 198.51.100.7 7946 --source 10.13.13.1 --text "$1" >/dev/null
  reached onprem servers "$1"
}

# 192.0.2.0/24 is in policies/lists/drop.txt. The address is real: answers would come back.
blocked_network() {
  ip -n internet addr replace 192.0.2.66/24 dev lo
  tcp internet "$@" --source 192.0.2.66
}

# A psql that stays connected, asked through one pipe and answering through another.
psql_open() {
  rm -f "$LAB/psql.in" "$LAB/psql.out"
  mkfifo "$LAB/psql.in" "$LAB/psql.out"
  node laptop-eric "$PSQL" "host=10.13.13.2 user=postgres connect_timeout=3" -XAt \
    <"$LAB/psql.in" >"$LAB/psql.out" 2>&1 &
  exec 8>"$LAB/psql.in" 9<"$LAB/psql.out"
}
psql_ask() {
  local answer=
  echo "select '$1';" >&8
  read -r -t "${PROBE_TIMEOUT:-5}" answer <&9
  echo "${answer:-silent}"
}

# What passes on the wire between onprem and the internet, while something is tried.
capture() {
  task internet "wire-$1" tcpdump -i "$2" -n -U -Z root --immediate-mode -w "$LAB/$1.pcap"
  until_true 10 grep -q 'listening on' "$LAB/internet/wire-$1.log" || die "tcpdump did not start"
}
captured() { node internet tcpdump -n -r "$LAB/$1.pcap" "$2" 2>/dev/null | wc -l; }
yes_if() { if [ "$1" -gt 0 ]; then echo yes; else echo no; fi; }

# --- the demonstration ------------------------------------------------------------------------------------------------------------

began=$(date +%s.%N)
heading "The site"
say "internet      joins 203.0.113.0/24, 198.51.100.0/24 and 100.64.7.0/24; the attacker is here, on the same links"
say "ec2           203.0.113.10, wg0 10.13.13.1, the tunnel's hub"
say "onprem        198.51.100.7, wg0 10.13.13.2; enp5s0 leads to the LAN 192.168.1.0/24, docker0 to a container"
say "laptop-eric   100.64.7.10, wg0 10.13.13.10"
say "laptop-ryan   100.64.7.11, wg0 10.13.13.11"
say "visitor       100.64.7.12, wg0 10.13.13.12; a WireGuard peer that the policy does not name"
site_up
container_up
postgres_up
serve onprem servers --tcp 2049,2377,8888,9100 --udp 7946
serve ec2 servers --tcp 80,8080,9100
# The kernel's own reverse-path check would hide forgeries from the firewall.
node onprem sh -c 'for i in all eth0; do echo 0 >/proc/sys/net/ipv4/conf/$i/rp_filter; done'
say "up in $(seconds_since "$began") s: WireGuard on five hosts, $("$(postgres_folder)/postgres" --version) on onprem, open to everyone"

heading "1. Without a policy: everyone can connect"
columns
try "internet|198.51.100.7:5432       PostgreSQL" open tcp internet 198.51.100.7 5432
try "internet|[2001:db8:198::7]:5432  PostgreSQL, IPv6" open tcp internet 2001:db8:198::7 5432
try "internet|10.13.13.2:5432         its tunnel address, on eth0" open tunnel_address_from_outside
try "internet|198.51.100.7:15432      a published container port" open tcp internet 198.51.100.7 15432
try "internet|172.17.0.2:5432         the container itself, by routing" open tcp internet 172.17.0.2 5432
try "internet|198.51.100.7:7946/udp   forged source 10.13.13.1 (ec2)" arrived forged before
try "internet|203.0.113.10:80         from a network on the block list" open blocked_network 203.0.113.10 80
try "onprem|203.0.113.10:8080       ec2, in clear text" open tcp onprem 203.0.113.10 8080
try "visitor|10.13.13.2:5432         PostgreSQL, through the tunnel" open tcp visitor 10.13.13.2 5432
settle

heading "2. One reviewed policy, applied on both machines"
mkdir -p "$LAB/policy"
cp -r "$ROOT/policies/." "$LAB/policy/"
apply onprem "$LAB/policy/rootski.yaml"
apply ec2 "$LAB/policy/rootski.yaml"

heading "3. Through the tunnel: what the policy grants, and nothing else"
columns
try "laptop-eric|10.13.13.2:5432         select 6 * 7, through the hub" 42 query laptop-eric 10.13.13.2 'select 6 * 7'
try "laptop-eric|[fd13:13::2]:5432       the same, IPv6" 42 query laptop-eric fd13:13::2 'select 6 * 7'
try "ec2|10.13.13.2:5432         the same, from the hub" 42 query ec2 10.13.13.2 'select 6 * 7'
try "laptop-ryan|10.13.13.2:8888         Jupyter" open tcp laptop-ryan 10.13.13.2 8888
try "laptop-ryan|10.13.13.2:2377         Docker Swarm, granted to ec2 alone" silent tcp laptop-ryan 10.13.13.2 2377
try "visitor|10.13.13.2:5432         PostgreSQL" silent tcp visitor 10.13.13.2 5432
try "visitor|[fd13:13::2]:5432       PostgreSQL, IPv6" silent tcp visitor fd13:13::2 5432
try "laptop-eric|10.13.13.2:9000         a container's port, published and granted" open tcp laptop-eric 10.13.13.2 9000
settle

heading "4. From anywhere else: silence"
columns
try "internet|198.51.100.7:5432       PostgreSQL" silent tcp internet 198.51.100.7 5432
try "internet|[2001:db8:198::7]:5432  PostgreSQL, IPv6" silent tcp internet 2001:db8:198::7 5432
try "lan|192.168.1.1:5432        PostgreSQL, from the LAN" silent tcp lan 192.168.1.1 5432
try "internet|10.13.13.2:5432         its tunnel address, on eth0" silent tunnel_address_from_outside
try "internet|198.51.100.7:7946/udp   forged source 10.13.13.1 (ec2)" nothing forged after
try "internet|198.51.100.7:15432      the published container port" silent tcp internet 198.51.100.7 15432
try "internet|[2001:db8:198::7]:15432 the same, IPv6" silent tcp internet 2001:db8:198::7 15432
try "internet|172.17.0.2:5432         the container itself, by routing" silent tcp internet 172.17.0.2 5432
try "internet|[fd17::2]:5432          the same, IPv6" silent tcp internet fd17::2 5432
try "internet|203.0.113.10:80         the public API: granted to all" open tcp internet 203.0.113.10 80
try "internet|203.0.113.10:80         from a network on the block list" silent \
  blocked_network 203.0.113.10 80
try "onprem|100.64.7.1              outbound still works: ping" answered echo_request onprem 100.64.7.1
try "container|100.64.7.1              and for the container: ping" answered echo_request container 100.64.7.1
settle

heading "5. On the wire between onprem and ec2: WireGuard or nothing"
capture wire onprem
columns
try "onprem|10.13.13.1:9100         node-exporter, through the tunnel" open tcp onprem 10.13.13.1 9100
try "ec2|10.13.13.2:5432         PostgreSQL, through the tunnel" 42 query ec2 10.13.13.2 'select 6 * 7'
try "onprem|203.0.113.10:8080       ec2 in clear text: refused at once" refused tcp onprem 203.0.113.10 8080
try "container|203.0.113.10:8080       from a container, likewise" refused tcp container 203.0.113.10 8080
try "ec2|198.51.100.7:5432       onprem in clear text" refused tcp ec2 198.51.100.7 5432
settle
end_task internet wire-wire -INT
between='host 203.0.113.10 and host 198.51.100.7'
say "tcpdump: $(captured wire "$between and udp port 51820") packets of udp/51820 between the two"
verdict "tcpdump|saw udp/51820" yes "$(yes_if "$(captured wire "$between and udp port 51820")")"
verdict "tcpdump|saw anything else between the two" no "$(yes_if "$(captured wire "$between and not udp port 51820")")"
verdict "tcpdump|saw a tunnel address" no "$(yes_if "$(captured wire 'net 10.13.13.0/24 or ip6 net fd13:13::/64')")"

heading "6. A grant taken away ends the session that uses it"
sed '/to: onprem/s/jupyter, postgres, monitoring/jupyter, monitoring/; /from: admins, *to: onprem/s/postgres, //' \
  "$LAB/policy/rootski.yaml" >"$LAB/policy/without-postgres.yaml"
diff -U0 "$LAB/policy/rootski.yaml" "$LAB/policy/without-postgres.yaml" | grep '^[-+] ' | sed 's/  */ /g; s/^/   /'
psql_open
columns
verdict "laptop-eric|psql, before" 'row 1' "$(psql_ask 'row 1')"
apply onprem "$LAB/policy/without-postgres.yaml"
apply ec2 "$LAB/policy/without-postgres.yaml"
verdict "laptop-eric|psql, the same session: the next select" silent "$(PROBE_TIMEOUT=2 psql_ask 'row 2')"
try "laptop-eric|10.13.13.2:5432         a new connection" silent tcp laptop-eric 10.13.13.2 5432
try "laptop-eric|10.13.13.2:8888         Jupyter stays granted" open tcp laptop-eric 10.13.13.2 8888
try "ec2|10.13.13.2:5432         ec2's own grant stays" 42 query ec2 10.13.13.2 'select 6 * 7'
settle
apply onprem "$LAB/policy/rootski.yaml"
apply ec2 "$LAB/policy/rootski.yaml"
try "laptop-eric|10.13.13.2:5432         given back: a new connection" 42 query laptop-eric 10.13.13.2 'select 6 * 7'
settle

heading "7. The audit of onprem"
if [ -n "${WGFENCE_LAB_APPLY:-}" ]; then
  say "left out: WGFENCE_LAB_APPLY replaces the program"
else
  say "# wgfence audit rootski.yaml --machine onprem"
  wgfence_in onprem audit "$LAB/policy/rootski.yaml" --machine onprem >"$LAB/audit.txt" 2>&1
  status=$?
  sed "s|$LAB/policy/|policies/|; s/^/   /" "$LAB/audit.txt"
  verdict "audit|finds nothing exposed (exit status)" 0 "$status"
fi

heading "8. The same machine with one network card, for the LAN and the internet"
sed 's/lan: { interfaces: \[enp5s0\]/lan: { interfaces: [eth0]/' "$LAB/policy/rootski.yaml" >"$LAB/policy/one-card.yaml"
diff -U0 "$LAB/policy/rootski.yaml" "$LAB/policy/one-card.yaml" | grep '^[-+] ' | sed 's/  */ /g; s/^/   /'
# The LAN moves to the link of the router; .77 is a host in it.
ip -n onprem addr flush dev enp5s0
address onprem eth0 192.168.1.1/24
address internet onprem 192.168.1.77/24
apply onprem "$LAB/policy/one-card.yaml"
columns
try "lan|192.168.1.1:2049        NFS, from the LAN" open tcp internet 192.168.1.1 2049 --source 192.168.1.77
try "lan|192.168.1.1:5432        PostgreSQL, from the LAN" silent tcp internet 192.168.1.1 5432 --source 192.168.1.77
try "internet|198.51.100.7:2049       NFS, by the same card" silent tcp internet 198.51.100.7 2049
try "laptop-eric|10.13.13.2:5432         select 6 * 7, through the tunnel" 42 query laptop-eric 10.13.13.2 'select 6 * 7'
settle

# The first day: a host that never had a ruleset, with everything that must not notice.
first_day() {
  local name status
  unload onprem
  rm -rf "$LAB/onprem/state"
  ip netns add vm
  NODE_PID["vm"]=${NODE_PID[onprem]}
  ip -n vm link set lo up
  node onprem ip link add virbr0 type bridge
  ip link add vnet0 netns onprem type veth peer name eth0 netns vm
  node onprem ip link set vnet0 master virbr0
  node onprem ip link set vnet0 up
  node onprem ip link set virbr0 up
  address onprem virbr0 192.168.122.1/24
  ip -n vm link set eth0 up
  address vm eth0 192.168.122.50/24
  ip -n vm route add default via 192.168.122.1
  ip -n internet route add 192.168.122.0/24 via 198.51.100.7
  serve onprem admin --tcp 22 --udp 53
  serve internet stream --chatter 8883
  say "onprem has no rules; a virtual machine on virbr0, a container on docker0, one network card, and these live sessions:"
  session ssh laptop-eric 10.13.13.2 22
  session outbound onprem 198.51.100.66 8883
  session machine vm 198.51.100.66 8883
  session container container 198.51.100.66 8883
  for name in ssh outbound machine container; do say "  $name: $(answer_of $name)"; done
  psql_open

  say "# wgfence init --output first.yaml; wgfence plan first.yaml; wgfence apply first.yaml --observe"
  node onprem env SSH_CONNECTION='10.13.13.10 40000 10.13.13.2 22' "$WGFENCE" init --machine onprem \
    --output "$LAB/policy/first.yaml" >"$LAB/said" 2>&1
  wgfence_in onprem plan "$LAB/policy/first.yaml" --machine onprem --format json >"$LAB/plan" 2>/dev/null
  columns
  verdict "plan|what works now and would stop working" nothing \
    "$("$PYTHON" -c 'import json, sys
print(*[f["name"] for f in json.load(open(sys.argv[1]))["impact"] if f["essential"]] or ["nothing"])' "$LAB/plan")"
  wgfence_in onprem apply "$LAB/policy/first.yaml" --machine onprem --observe >"$LAB/said" 2>&1
  task onprem daemon env WGFENCE_STATE_DIR="$LAB/onprem/state" WGFENCE_SOCKET="$LAB/onprem/control.sock" \
    "$WGFENCE" daemon "$LAB/policy/first.yaml" --machine onprem
  until_true 10 node onprem test -S "$LAB/onprem/control.sock"
  sleep 1
  try "internet|198.51.100.7:8888       Jupyter, observed: nothing is dropped" open tcp internet 198.51.100.7 8888
  settle
  sleep 2
  say "# wgfence log --summary"
  wgfence_in onprem log --summary "$LAB/policy/first.yaml" --machine onprem 2>/dev/null | head -8 | sed "s|$LAB/policy/||; s/^/     /"
  say "# wgfence suggest"
  wgfence_in onprem suggest "$LAB/policy/first.yaml" --machine onprem 2>/dev/null | head -12 | sed "s|$LAB/policy/||; s/^/     /"
  say "# wgfence enforce"
  wgfence_in onprem enforce </dev/null >"$LAB/said" 2>&1
  status=$?
  columns
  verdict "enforce|exit status" 0 "$status"
  for name in ssh outbound machine container; do
    ask $name "$(if [ $name = ssh ]; then echo say; else echo hear; fi)"
    verdict "$name|the session that began before" alive "$(answer_of $name)"
    hang_up $name
  done
  verdict "laptop-eric|psql, the session that began before" "row 3" "$(PROBE_TIMEOUT=3 psql_ask 'row 3')"
  try "laptop-eric|10.13.13.2:22           a new SSH connection" open tcp laptop-eric 10.13.13.2 22
  try "vm|198.51.100.66:8883      the virtual machine, a new connection" open tcp vm 198.51.100.66 8883
  try "internet|198.51.100.7:8888       Jupyter: closed, as plan said" silent tcp internet 198.51.100.7 8888
  settle
  end_task onprem daemon
}
heading "9. The first day on a host with live sessions: init, observe, suggest, enforce"
if [ -n "${WGFENCE_LAB_APPLY:-}" ]; then
  say "left out: WGFENCE_LAB_APPLY replaces the program"
else
  first_day
fi

printf '\n%s%d of %d as expected, in %s s%s\n' "$BOLD" $((TOTAL - FAILED)) "$TOTAL" "$(seconds_since "$began")" "$PLAIN"
[ "$FAILED" -eq 0 ]
