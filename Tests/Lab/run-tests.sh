#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# run-tests.sh [PATTERN…]: the lab's tests, or those files of Tests/Lab/cases/ whose name contains a PATTERN.
#
# Prints `ok NAME`, `not ok NAME: expected …, saw …` or `skip NAME: why` for each, and last, alone on its line,
# `N passed, N failed, N skipped`. Ends with status 1 when one failed.
#
# Every file gets a lab of its own, WGFENCE_LAB_JOBS (3) of them at a time: the tests mostly wait for what must not come.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" != 0 ] || [ ! -c /dev/net/tun ]; then
  echo "skip the lab: it needs root and /dev/net/tun"
  echo "0 passed, 0 failed, 1 skipped"
  exit 0
fi

# wanted GROUP PATTERN…
wanted() {
  local group=$1 pattern
  shift
  [ $# -gt 0 ] || return 0
  for pattern in "$@"; do [[ $group == *"$pattern"* ]] && return 0; done
  return 1
}

run_groups() {
  local jobs=${WGFENCE_LAB_JOBS:-3} cases file out reader i said sums=
  local -a groups=() process=() in=()
  for cases in "$LAB_HERE"/cases/*.sh; do
    cases=$(basename "$cases" .sh)
    if wanted "$cases" "$@"; then groups+=("$cases"); fi
  done
  trap 'end_groups; exit 130' INT
  trap 'end_groups; exit 143' TERM
  trap 'end_groups; exit 129' HUP
  for ((i = 0; i < ${#groups[@]}; i++)); do
    while [ "$(jobs -pr | wc -l)" -ge "$jobs" ]; do wait -n; done
    # Its output waits in a file that has no name any more, and so cannot be left behind.
    file=$(mktemp)
    exec {out}>"$file"
    exec {reader}<"$file"
    in[i]=$reader
    rm -f "$file"
    WGFENCE_LAB_GROUP=${groups[i]} setpriv --pdeathsig TERM bash "$0" >&"$out" 2>&1 &
    process[i]=$!
    exec {out}>&-
  done
  for ((i = 0; i < ${#groups[@]}; i++)); do
    wait "${process[i]}"
    said=$(cat <&"${in[i]}")
    grep -v '^counted ' <<<"$said"
    if ! grep '^counted ' <<<"$said" >/dev/null; then
      # Whatever it printed before, the rest of it was not tried.
      echo "not ok ${groups[i]}: expected to run to its end, saw it stop"
      said+=$'\ncounted 0 1 0'
    fi
    sums+=$(grep '^counted ' <<<"$said")$'\n'
  done
  awk '{ p += $2; f += $3; s += $4 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 || p == 0 }' \
    <<<"${sums%$'\n'}"
}

end_groups() {
  trap '' INT TERM HUP
  local -a running
  mapfile -t running < <(jobs -pr)
  [ ${#running[@]} -eq 0 ] || kill "${running[@]}" 2>/dev/null
  wait
}

if [ -z "${WGFENCE_LAB_GROUP:-}" ]; then
  run_groups "$@"
  exit
fi
enter_lab "$@"

PASSED=0
FAILED=0
SKIPPED=0
GROUP=$WGFENCE_LAB_GROUP

# verdict NAME EXPECTED SEEN
verdict() {
  if [ "$2" = "$3" ]; then
    PASSED=$((PASSED + 1))
    echo "ok $GROUP: $1"
  else
    FAILED=$((FAILED + 1))
    echo "not ok $GROUP: $1: expected $2, saw $3"
  fi
}

skip() {
  SKIPPED=$((SKIPPED + 1))
  echo "skip $GROUP: $1: $2"
}

# try46 NAME EXPECTED PROBE NODE ADDRESS ADDRESS6 MORE…: the same over IPv4 and over IPv6.
try46() {
  local name=$1 expected=$2 probe=$3 n=$4 four=$5 six=$6
  shift 6
  try "$name (IPv4)" "$expected" "$probe" "$n" "$four" "$@"
  try "$name (IPv6)" "$expected" "$probe" "$n" "$six" "$@"
}

# reported FILE FAMILY [KEY]: the verdict (or the field KEY) of the packets of a family (4 or 6) in a report of explain.
reported() {
  "$PYTHON" -c 'import json, sys
said = {p[sys.argv[3]] for p in json.load(open(sys.argv[1]))["packets"] if (":" in p["destination"]) == (sys.argv[2] == "6")}
print(*sorted(said) or ["nothing"], sep=" and ")' "$1" "$2" "${3:-verdict}" 2>&1 | tail -1
}

# explained NODE FAMILY KEY ARGUMENT…: the result of explain with these ARGUMENTs on a node.
explained() {
  local n=$1 family=$2 key=$3 report
  shift 3
  report=$LAB/explained.$BASHPID
  wgfence_in "$n" explain "$@" --machine "$n" --format json >"$report" 2>/dev/null
  reported "$report" "$family" "$key"
  rm -f "$report"
}

# both FAMILY POLICY FROM TO NODE PORT ADDRESS: what a TCP packet to onprem meets, and what explain --live says that it will.
both() {
  local family=$1 policy=$2 from=$3 to=$4
  echo "$(tcp "$5" "$7" "$6") $(explained onprem "$family" verdict "$policy" --live --from "$from" --to "$to")"
}

# meets NAME EXPECTED FAMILY POLICY FROM TO NODE PORT ADDRESS: both say the EXPECTED: open, silent or rejected.
meets() {
  local name=$1 expected=$2
  shift 2
  case $expected in
  open) expected="open accept" ;;
  silent) expected="silent drop" ;;
  rejected) expected="rejected reject" ;;
  esac
  try "$name" "$expected" both "$@"
}

# policy NAME: writes $LAB/NAME.yaml for the lab's site, with the sections on standard input.
policy() {
  cat - >"$LAB/$1.sections"
  cat >"$LAB/$1.yaml" - "$LAB/$1.sections" <<'YAML'
version: 1
tunnels:
  wg0: { prefixes: [10.13.13.0/24, "fd13:13::/64"], listen: 51820, hub: ec2 }
machines:
  ec2:
    addresses: { wg0: [10.13.13.1, "fd13:13::1"] }
    endpoint: [203.0.113.10, "2001:db8:203::10"]
  onprem:
    addresses: { wg0: [10.13.13.2, "fd13:13::2"] }
    endpoint: [198.51.100.7, "2001:db8:198::7"]
    subnets: [192.168.1.0/24, "fd68:1::/64"]
    zones:
      lan: { interfaces: [enp5s0], prefixes: [192.168.1.0/24, "fd68:1::/64"] }
  laptop-eric: { addresses: { wg0: [10.13.13.10, "fd13:13::10"] } }
  laptop-ryan: { addresses: { wg0: [10.13.13.11, "fd13:13::11"] } }
YAML
}

# enforce POLICY NODE…: applies $LAB/POLICY.yaml; a node that refuses it is a failed test.
enforce() {
  local name=$1 n
  shift
  for n in "$@"; do
    apply_policy "$n" "$LAB/$name.yaml" || verdict "policy $name is applied on $n" applied refused
  done
}

# received NODE LABEL TEXT COMMAND…: sends a packet that gets no answer, and asks the receiver whether TEXT arrived.
received() {
  local n=$1 label=$2 text=$3
  shift 3
  "$@" --text "$text" >/dev/null 2>&1
  sleep 0.1
  reached "$n" "$label" "$text"
}

# door NAME EXPECTED FROM SERVICE PORT [EXPECTED6]: a question to onprem's kernel and a packet, over both families. The
# policy that is asked is in live_policy.
live_policy=
door() {
  local name=$1 expected=$2 from=$3 service=$4 port=$5 n four six
  case $from in
  laptop-*) n=$from four=10.13.13.2 six=fd13:13::2 ;;
  internet) n=internet four=198.51.100.7 six=2001:db8:198::7 ;;
  lan) n=lan four=192.168.1.1 six=fd68:1::1 ;;
  esac
  meets "$name (IPv4)" "$expected" 4 "$live_policy" "$from" "$service" "$n" "$port" $four
  meets "$name (IPv6)" "${6:-$expected}" 6 "$live_policy" "$from" "$service" "$n" "$port" $six
}

# decides FAMILY FROM SERVICE: the line, or the foreign chain, that explain --live names.
decides() {
  local because
  because=$(explained onprem "$1" because "$live_policy" --live --from "$2" --to "$3")
  because=${because##*/}
  echo "${because% handle *}"
}

# shellcheck source=Tests/Lab/neighbours.sh
. "$LAB_HERE/neighbours.sh"

reverse_path() {
  node "$1" sh -c 'for i in all eth0 wg0; do echo "$1" >/proc/sys/net/ipv4/conf/$i/rp_filter; done' _ "$2"
}

# What a packet needs to be delivered is all there, on every host; only a firewall can be in the way.
site_up
container_up
postgres_up
serve onprem servers --tcp 22,2049,2377,3000,8888,9090,9100,9999 --udp 68,546,5005,7946 --chatter 5433
serve ec2 servers --tcp 22,80,443,2377,8080,9100,9443,9999 --udp 5005
serve lan servers --tcp 22,631,8080,9100,9999
serve internet servers --tcp 7 --udp 7
serve laptop-eric servers --udp 7
# The kernel's own reverse-path check would hide forgeries from the firewall.
for n in onprem ec2; do reverse_path $n 0; done
ip -n internet route add 10.13.13.2 via 198.51.100.7
ip -n internet -6 route add fd13:13::2 via 2001:db8:198::7
ip -n internet route add 192.168.1.0/24 via 198.51.100.7
ip -n internet -6 route add fd68:1::/64 via 2001:db8:198::7

unload onprem ec2
# shellcheck source=/dev/null
. "$LAB_HERE/cases/$GROUP.sh"
settle
echo "counted $PASSED $FAILED $SKIPPED"
