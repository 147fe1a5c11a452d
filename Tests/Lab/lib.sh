# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The lab: a site of real hosts in network namespaces, with real WireGuard between them.
# Sourced by the scripts in this folder, which call `enter_lab "$@"` before anything else.
#
#   laptop-eric 100.64.7.10 -+
#   laptop-ryan 100.64.7.11 -+-- internet --+-- 203.0.113.10 ec2
#   visitor     100.64.7.12 -+   (and the   +-- 198.51.100.7 onprem --- enp5s0 192.168.1.0/24 --- lan
#                                 attacker)                        \--- docker0 172.17.0.0/16 --- container
#
#   wg0: ec2 10.13.13.1 (the hub), onprem .2, laptop-eric .10, laptop-ryan .11, visitor .12; the same in fd13:13::/64.
#   The visitor is a WireGuard peer that no policy names.
#   IPv6 outside: 2001:db8:203::10, 2001:db8:198::7, 2001:db8:64::10 to ::12; LAN fd68:1::/64; container fd17::/64.
#
# The lab changes nothing on the host. It runs in separate namespaces (network, mounts, processes, names, IPC)
# below one process. /run is a private tmpfs in there and holds all state; /run/netns of `ip netns` is the lab's own. When the process
# ends, for any reason, the kernel removes everything, so nothing needs cleaning up and nothing is left behind.

set -uo pipefail

LAB_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(realpath "$LAB_HERE/../..")
# shellcheck source=Tests/matches.sh
. "$ROOT/Tests/matches.sh"
WGFENCE=${WGFENCE:-$ROOT/.build/release/wgfence}
PYTHON=$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3)
PROBE="$LAB_HERE/probe.py"
MACHINES="ec2 onprem laptop-eric laptop-ryan visitor"

declare -A NODE_PID=()      # NODE → a process in its namespaces, as the lab numbers processes
declare -a ACCEPTED=()      # options by which apply accepts that something stops working
declare -A TASK=()          # NODE.LABEL → the waiting nsenter of a background task
declare -A WAN=([ec2]=203.0.113.10 [onprem]=198.51.100.7
  [laptop-eric]=100.64.7.10 [laptop-ryan]=100.64.7.11 [visitor]=100.64.7.12)
declare -A WAN6=([ec2]=2001:db8:203::10 [onprem]=2001:db8:198::7 [laptop-eric]=2001:db8:64::10 [laptop-ryan]=2001:db8:64::11
  [visitor]=2001:db8:64::12)
declare -A TUN=([ec2]=10.13.13.1 [onprem]=10.13.13.2 [laptop-eric]=10.13.13.10 [laptop-ryan]=10.13.13.11 [visitor]=10.13.13.12)
declare -A TUN6=([ec2]=fd13:13::1 [onprem]=fd13:13::2 [laptop-eric]=fd13:13::10 [laptop-ryan]=fd13:13::11 [visitor]=fd13:13::12)

die() { echo "${0##*/}: $*" >&2; exit 1; }

# --- into the lab, and out of it ----------------------------------------------------------------------------------

# Starts the calling script again as process 1 of namespaces of its own, and ends with its exit status.
# Returns only inside. Signals end the lab at once: its first process is killed, the kernel kills the rest.
enter_lab() {
  if [ $$ -eq 1 ] && [ -n "${LAB_OUTSIDE:-}" ] && [ "$LAB_OUTSIDE" != "$(readlink /proc/self/ns/net)" ]; then
    furnish_lab
    return
  fi
  [ "$(id -u)" = 0 ] || die "the lab makes network namespaces and needs root: sudo $0"
  [ -c /dev/net/tun ] || die "the lab runs wireguard-go and needs /dev/net/tun"
  local tool
  for tool in ip nft unshare nsenter setpriv setsid wg wireguard-go tcpdump conntrack ping; do
    command -v "$tool" >/dev/null || die "$tool is missing: run 'make setup'"
  done
  local before status
  before=$(host_state)
  LAB_PROCESS=
  export LAB_CGROUP=wgfence-lab-$$
  trap 'end_lab; exit 130' INT
  trap 'end_lab; exit 143' TERM
  trap 'end_lab; exit 129' HUP
  unshare -n -m -p -u -i --fork true || die "this host does not let root make namespaces"
  # pdeathsig and --kill-child: the lab dies with this process even when it is killed with SIGKILL.
  # Killed, unshare complains about its signal mask: its own words go nowhere, the lab's to descriptor 3.
  LAB_OUTSIDE=$(readlink /proc/self/ns/net) setsid setpriv --pdeathsig KILL bash -c \
    '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"' _ $$ \
    unshare -n -m -p -u -i --fork --kill-child --mount-proc \
    bash -c 'exec bash "$@" 2>&3 3>&-' _ "$0" "$@" </dev/null 3>&2 2>/dev/null &
  LAB_PROCESS=$!
  wait "$LAB_PROCESS"
  status=$?
  forget_cgroups
  if [ "$(host_state)" != "$before" ]; then
    echo "the host's own addresses or routes changed meanwhile" >&2
    status=1
  fi
  exit $status
}

# Only reads, and only addresses and routes: never the host's packet filter.
host_state() { { ip -o address; ip route show table all; ip -6 route show table all; } 2>/dev/null | sed 's/ valid_lft.*//; s/ expires [0-9]*sec//'; }

end_lab() {
  trap '' INT TERM HUP
  [ -n "$LAB_PROCESS" ] || return 0
  local first
  first=$(child_of "$LAB_PROCESS")
  # Killing process 1 of the lab returns only after every process in it is gone; then unshare ends too.
  kill -KILL "${first:-$LAB_PROCESS}" 2>/dev/null
  wait "$LAB_PROCESS" 2>/dev/null
  forget_cgroups
}

# Control groups are the host's whatever the namespace. Those that a Docker in the lab made are empty with the lab's end.
forget_cgroups() {
  local group _
  for _ in 1 2 3 4 5; do
    for group in /sys/fs/cgroup/"$LAB_CGROUP" /sys/fs/cgroup/*/"$LAB_CGROUP"; do
      [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
    done
    compgen -G "/sys/fs/cgroup/*/$LAB_CGROUP" >/dev/null || [ -d "/sys/fs/cgroup/$LAB_CGROUP" ] || return 0
    sleep 0.1
  done
}

child_of() { awk '{ print $1 }' "/proc/$1/task/$1/children" 2>/dev/null; }

furnish_lab() {
  mount -t tmpfs -o mode=755 tmpfs /run
  mount -t tmpfs -o mode=1777 tmpfs /dev/shm
  mkdir -p /run/wireguard /run/wgfence
  LAB=$(mktemp -d /run/lab.XXXXXX)
  chmod 711 "$LAB"
  ip link set lo up
}

# --- nodes ----------------------------------------------------------------------------------------------------------

# node NODE COMMAND…: run in a node: its network, processes, mounts and host name.
node() {
  local n=$1
  shift
  nsenter -t "${NODE_PID[$n]}" -m -u -p --net="/run/netns/$n" -- "$@"
}

# The node's first process stays in the lab's network namespace, so that nothing in the node takes the
# node's network for the initial one. Everything else of the node runs inside.
new_nodes() {
  local n line
  declare -A reader=()
  for n in "$@"; do
    ip netns add "$n"
    exec {line}< <(exec unshare -m -u -p --fork --kill-child bash -c '
      read -r pid _ </proc/self/stat
      mkdir -p "$2/$1"
      echo "$1" >/proc/sys/kernel/hostname
      mount -t proc proc /proc
      nsenter --net="/run/netns/$1" mount -t sysfs sysfs /sys
      mount -t tmpfs -o mode=700 tmpfs /run/wireguard
      mount -t tmpfs -o mode=755 tmpfs /run/wgfence
      mount -t tmpfs -o mode=755 tmpfs /run/netns
      echo "$pid"
      exec >/dev/null
      sleep infinity & wait' _ "$n" "$LAB")
    reader[$n]=$line
  done
  for n in "$@"; do
    line=${reader[$n]}
    read -r -t 20 "NODE_PID[$n]" <&"$line" || die "node $n did not start"
    # No duplicate address detection: addresses answer at once. No rate limit on ICMP errors: each probe gets its own.
    node "$n" sh -c 'ip link set lo up; cd /proc/sys/net
      for i in all default; do echo 0 >ipv6/conf/$i/accept_dad; echo 0 >ipv6/conf/$i/accept_ra; done
      echo 0 >ipv4/icmp_ratelimit; echo 0 >ipv6/icmp/ratelimit' 2>/dev/null
  done
}

# cable NODE INTERFACE NODE INTERFACE
cable() {
  ip link add "$2" netns "$1" type veth peer name "$4" netns "$3"
  ip -n "$1" link set "$2" up
  ip -n "$3" link set "$4" up
}

# address NODE INTERFACE ADDRESS/LENGTH…
address() {
  local n=$1 interface=$2 a
  shift 2
  for a in "$@"; do
    case $a in
    *:*) ip -n "$n" addr add "$a" dev "$interface" nodad ;;
    *) ip -n "$n" addr add "$a" dev "$interface" ;;
    esac
  done
}

# default_route NODE GATEWAY GATEWAY6
default_route() {
  ip -n "$1" route add default via "$2"
  ip -n "$1" -6 route add default via "$3"
}

forwarding() { node "$1" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'; }

# task NODE LABEL COMMAND…: run in the background; its output goes to $LAB/NODE/LABEL.log.
task() {
  local n=$1 label=$2
  shift 2
  node "$n" bash -c 'echo $$ >"$1"; shift; exec "$@"' _ "$LAB/$n/$label.pid" "$@" \
    </dev/null >"$LAB/$n/$label.log" 2>&1 &
  TASK[$n.$label]=$!
}

end_task() {
  local n=$1 label=$2
  node "$n" kill "${3:--TERM}" "$(cat "$LAB/$n/$label.pid")" 2>/dev/null
  wait "${TASK[$n.$label]}" 2>/dev/null
  unset "TASK[$n.$label]"
}

# until_true SECONDS COMMAND…: tries until it succeeds, or the time is over.
until_true() {
  local end=$((SECONDS + $1 + 1))
  shift
  while [ $SECONDS -lt $end ]; do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.05
  done
  return 1
}

# --- the site -------------------------------------------------------------------------------------------------------

site_up() {
  new_nodes internet onprem ec2 laptop-eric laptop-ryan visitor lan
  mkdir -p "$LAB/container"

  cable internet onprem onprem eth0
  cable internet ec2 ec2 eth0
  ip -n internet link add hotel type bridge
  ip -n internet link set hotel up
  local n
  for n in laptop-eric laptop-ryan visitor; do
    cable internet "$n" "$n" eth0
    ip -n internet link set "$n" master hotel
    address "$n" eth0 "${WAN[$n]}/24" "${WAN6[$n]}/64"
    default_route "$n" 100.64.7.1 2001:db8:64::1
  done
  cable onprem enp5s0 lan eth0

  # .1 is the router, .66 is the attacker: on the same link as all of them.
  address internet onprem 198.51.100.1/24 198.51.100.66/24 2001:db8:198::1/64 2001:db8:198::66/64
  address internet ec2 203.0.113.1/24 203.0.113.66/24 2001:db8:203::1/64 2001:db8:203::66/64
  address internet hotel 100.64.7.1/24 2001:db8:64::1/64
  address onprem eth0 198.51.100.7/24 2001:db8:198::7/64
  address onprem enp5s0 192.168.1.1/24 fd68:1::1/64
  address ec2 eth0 203.0.113.10/24 2001:db8:203::10/64
  address lan eth0 192.168.1.20/24 fd68:1::20/64
  for n in internet onprem ec2; do forwarding $n; done
  default_route onprem 198.51.100.1 2001:db8:198::1
  default_route ec2 203.0.113.1 2001:db8:203::1
  default_route lan 192.168.1.1 fd68:1::1

  local key
  for n in $MACHINES; do
    key=$(wg genkey)
    printf '%s\n' "$key" >"$LAB/$n/private"
    chmod 600 "$LAB/$n/private"
    wg pubkey <"$LAB/$n/private" >"$LAB/$n/public"
  done
  for n in $MACHINES; do wireguard_up "$n"; done
  for n in onprem laptop-eric laptop-ryan visitor; do
    until_true 10 handshaken "$n" || die "no tunnel between $n and ec2"
  done
}

# wireguard_up NODE: the hub ec2 has all others as peers; each of the others has only ec2.
wireguard_up() {
  local n=$1 p
  # -f keeps it in the foreground. Its banner about the kernel's own support is written in any case.
  task "$n" wireguard env LOG_LEVEL=error wireguard-go -f wg0
  {
    echo "[Interface]"
    echo "PrivateKey = $(cat "$LAB/$n/private")"
    echo "ListenPort = 51820"
    if [ "$n" = ec2 ]; then
      for p in onprem laptop-eric laptop-ryan visitor; do
        echo "[Peer]"
        echo "PublicKey = $(cat "$LAB/$p/public")"
        printf 'AllowedIPs = %s/32, %s/128' "${TUN[$p]}" "${TUN6[$p]}"
        if [ $p = onprem ]; then printf ', 192.168.1.0/24, fd68:1::/64'; fi
        echo
        echo "Endpoint = ${WAN[$p]}:51820"
      done
    else
      echo "[Peer]"
      echo "PublicKey = $(cat "$LAB/ec2/public")"
      printf 'AllowedIPs = 10.13.13.0/24, fd13:13::/64'
      if [ "$n" != onprem ]; then printf ', 192.168.1.0/24, fd68:1::/64'; fi
      echo
      echo "Endpoint = ${WAN[ec2]}:51820"
      echo "PersistentKeepalive = 25"
    fi
  } >"$LAB/$n/wg0.conf"
  until_true 10 node "$n" test -S /run/wireguard/wg0.sock || die "wireguard-go did not start in $n"
  node "$n" wg setconf wg0 "$LAB/$n/wg0.conf"
  address "$n" wg0 "${TUN[$n]}/24" "${TUN6[$n]}/64"
  ip -n "$n" link set wg0 mtu 1420 up
  if [ "$n" != onprem ]; then
    ip -n "$n" route add 192.168.1.0/24 dev wg0
    ip -n "$n" -6 route add fd68:1::/64 dev wg0
  fi
}

handshaken() { node "$1" wg show wg0 latest-handshakes | awk '{ exit $2 == 0 }'; }

# wireguard_down NODE: removes the interface, as `wg-quick down` does.
wireguard_down() { end_task "$1" wireguard; }

# A container as Docker makes one, without Docker: a bridge, a namespace behind it, forwarding and masquerading.
# The namespace's processes are processes of onprem. The table is written like Docker's: same hooks and priorities.
# CONTAINER_BRIDGE is the name of the bridge (docker0).
container_up() {
  local bridge=${CONTAINER_BRIDGE:-docker0}
  ip netns add container
  NODE_PID[container]=${NODE_PID[onprem]}
  ip -n container link set lo up
  node onprem ip link add "$bridge" type bridge
  node container sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad'
  ip link add veth0 netns onprem type veth peer name eth0 netns container
  ip -n onprem link set veth0 master "$bridge" up
  ip -n onprem link set "$bridge" up
  address onprem "$bridge" 172.17.0.1/16 fd17::1/64
  ip -n container link set eth0 up
  address container eth0 172.17.0.2/16 fd17::2/64
  default_route container 172.17.0.1 fd17::1
  # The attacker is next door and can route a packet to a container's own address by itself.
  ip -n internet route add 172.17.0.0/16 via 198.51.100.7
  ip -n internet -6 route add fd17::/64 via 2001:db8:198::7
  node onprem nft -f - <<NFT
table inet docker-like {
	set published {
		type inet_service
		elements = { 9000, 15432 }
	}
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		fib daddr type local meta nfproto ipv4 tcp dport 15432 dnat ip to 172.17.0.2:5432
		fib daddr type local meta nfproto ipv6 tcp dport 15432 dnat ip6 to [fd17::2]:5432
		fib daddr type local meta nfproto ipv4 tcp dport 9000 dnat ip to 172.17.0.2:9000
		fib daddr type local meta nfproto ipv6 tcp dport 9000 dnat ip6 to [fd17::2]:9000
	}
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr 172.17.0.0/16 oifname != "$bridge" masquerade
		ip6 saddr fd17::/64 oifname != "$bridge" masquerade
	}
	chain forward {
		type filter hook forward priority filter; policy accept;
		iifname "$bridge" counter accept
		oifname "$bridge" ct state established,related accept
	}
}
NFT
  serve container servers --tcp 5432,9000,9001,22
}

# serve NODE LABEL [--tcp PORTS] [--udp PORTS]: echo servers on every address, which log what reaches them.
serve() {
  local n=$1 label=$2
  shift 2
  task "$n" "$label" "$PYTHON" "$PROBE" serve "$@"
  until_true 10 grep -q ready "$LAB/$n/$label.log" || die "servers $label in $n did not start: $(cat "$LAB/$n/$label.log")"
}

# reached NODE LABEL TEXT: has a line with TEXT arrived at these servers?
reached() { if grep -qF -- "$3" "$LAB/$1/$2.log"; then echo arrived; else echo nothing; fi; }

postgres_folder() { find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1; }

# PostgreSQL on onprem, listening on every address and trusting every client: only the firewall protects it.
postgres_up() {
  local data=$LAB/onprem/postgres bin
  bin=$(postgres_folder)
  [ -x "$bin/initdb" ] || die "PostgreSQL is missing: run 'make setup'"
  PSQL=$bin/psql
  install -d -o postgres -g postgres -m 700 "$data"
  chmod 711 "$LAB/onprem"
  node onprem setpriv --reuid=postgres --regid=postgres --clear-groups env -C "$data" \
    "$bin/initdb" -D "$data" -A trust -U postgres --locale=C -E UTF8 --no-sync --no-instructions >"$LAB/onprem/initdb.log" 2>&1 ||
    die "initdb: $(tail -3 "$LAB/onprem/initdb.log")"
  echo 'host all all all trust' >>"$data/pg_hba.conf"
  # setpriv and not runuser: runuser forks, and would hide the server's own process number.
  task onprem postgres setpriv --reuid=postgres --regid=postgres --clear-groups env -C "$data" \
    "$bin/postgres" -D "$data" -c listen_addresses='*' -c port=5432 -c unix_socket_directories="$data" -c fsync=off
  until_true 20 node onprem "$PSQL" -h 127.0.0.1 -U postgres -Atc 'select 1' || die "PostgreSQL did not start"
}

# query NODE ADDRESS SQL: one select over a new connection.
query() { node "$1" timeout 5 "$PSQL" "host=$2 user=postgres connect_timeout=3" -XAtc "$3" 2>&1 | tail -1; }

# --- the firewall under test -----------------------------------------------------------------------------------------

# wgfence_in NODE VERB…: the program, as that machine, with its state in the lab.
wgfence_in() {
  local n=$1
  shift
  node "$n" env WGFENCE_STATE_DIR="$LAB/$n/state" WGFENCE_SOCKET="$LAB/$n/control.sock" "$WGFENCE" "$@"
}

# apply_policy NODE POLICY, with the options of apply in the array ACCEPTED. WGFENCE_LAB_APPLY names another program to do it, called with the same two words.
apply_policy() {
  local n=$1 policy=$2 status
  if [ -n "${WGFENCE_LAB_APPLY:-}" ]; then
    node "$n" "$WGFENCE_LAB_APPLY" "$n" "$policy" >"$LAB/$n/apply.log" 2>&1
  else
    wgfence_in "$n" apply "$policy" --machine "$n" "${ACCEPTED[@]}" >"$LAB/$n/apply.log" 2>&1
  fi
  status=$?
  if [ $status -ne 0 ]; then
    echo "applying $(basename "$policy") on $n ended with status $status:" >&2
    head -20 "$LAB/$n/apply.log" | sed 's/^/    /' >&2
  fi
  return $status
}

# replace_policy NODE FILE LIVE: replaces the policy file of a node's daemon as an editor does, and waits until it was read.
replace_policy() {
  local before
  before=$(policy_digest "$1")
  cp "$2" "$3.new"
  mv "$3.new" "$3"
  until_true 10 is_policy_read "$1" "$before" || true
}

policy_digest() {
  wgfence_in "$1" status --format json 2>/dev/null | sed -n 's/.*"digest": "\([^"]*\)".*/\1/p' | head -1
}

is_policy_read() { [ "$(policy_digest "$1")" != "$2" ]; }

# unload NODE…: removes our table and flushes connection tracking, in any state of the node.
unload() {
  local n
  for n in "$@"; do
    node "$n" sh -c 'nft list table inet wgfence >/dev/null 2>&1 && nft delete table inet wgfence; conntrack -F >/dev/null 2>&1'
  done
}

forget_connections() { node "$1" conntrack -F >/dev/null 2>&1; }

# --- probes: each prints one word ------------------------------------------------------------------------------------

# tcp NODE ADDRESS PORT [--source ADDRESS]: open, refused, silent, rejected (an ICMP error at once) or unreachable
tcp() { local n=$1; shift; node "$n" "$PYTHON" "$PROBE" tcp "$@"; }

# udp NODE ADDRESS PORT [--source ADDRESS] [--text TEXT]: answered, silent, refused, rejected
udp() { local n=$1; shift; node "$n" "$PYTHON" "$PROBE" udp "$@"; }

# echo_request NODE ADDRESS: answered or silent
echo_request() { if node "$1" ping -n -q -c1 -W"${PROBE_TIMEOUT:-1}" "$2" >/dev/null 2>&1; then echo answered; else echo silent; fi; }

# --- expectations -----------------------------------------------------------------------------------------------------
#
# Probes mostly wait, so they run side by side: `try` starts one, `settle` collects them in order. The caller defines
# verdict NAME EXPECTED SEEN, which prints.

TRIED=0
declare -a TRY_NAME=() TRY_EXPECTED=() TRY_PROCESS=()

# try NAME EXPECTED COMMAND…: EXPECTED is the word that COMMAND must print.
try() {
  local name=$1 expected=$2 patience=6
  shift 2
  # A probe that must not succeed gets one second and one retransmission; one that must succeed gets longer.
  case $expected in silent* | nothing) patience=1.3 ;; esac
  PROBE_TIMEOUT=$patience "$@" >"$LAB/try.$TRIED" 2>&1 &
  TRY_NAME[TRIED]=$name TRY_EXPECTED[TRIED]=$expected TRY_PROCESS[TRIED]=$!
  TRIED=$((TRIED + 1))
}

settle() {
  local i seen
  for ((i = 0; i < TRIED; i++)); do
    wait "${TRY_PROCESS[i]}" 2>/dev/null
    seen=$(tail -1 "$LAB/try.$i")
    verdict "${TRY_NAME[i]}" "${TRY_EXPECTED[i]}" "${seen:-no answer}"
  done
  TRIED=0
}

# --- sessions: a connection that stays open and is asked again and again -----------------------------------------------

# session NAME NODE ADDRESS PORT: opens a session; prints the result.
session() {
  local name=$1 n=$2
  shift 2
  mkfifo "$LAB/$name.in" "$LAB/$name.out"
  node "$n" "$PYTHON" "$PROBE" session "$@" <"$LAB/$name.in" >"$LAB/$name.out" 2>/dev/null &
  exec {SESSION_IN}>"$LAB/$name.in" {SESSION_OUT}<"$LAB/$name.out"
  declare -g "SESSION_IN_$name=$SESSION_IN" "SESSION_OUT_$name=$SESSION_OUT"
  session_answer "$name"
}

session_answer() {
  local out=SESSION_OUT_$1 answer=
  read -r -t 8 answer <&"${!out}"
  echo "${answer:-gone}" >"$LAB/$1.answer"
}

# ask NAME [say|hear]: sends a line and waits for its echo, or only listens: alive or dead, left in $LAB/NAME.answer
ask() {
  local in=SESSION_IN_$1
  # Where the other program has ended, SIGPIPE ends this subshell, not the script.
  (echo "${2:-say}" >&"${!in}") 2>/dev/null
  session_answer "$1"
}

answer_of() { cat "$LAB/$1.answer"; }

hang_up() {
  local in=SESSION_IN_$1 out=SESSION_OUT_$1
  local in_fd=${!in} out_fd=${!out}
  exec {in_fd}>&- {out_fd}<&-
  rm -f "$LAB/$1.in" "$LAB/$1.out"
}
