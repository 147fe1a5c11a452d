# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `import` of real firewalls on onprem: ufw, iptables, nft, firewalld, and iptables beside a real Docker. For each, real packets
# from every side are sent before; then the imported policy is applied and the old firewall removed, and they are sent again.
# Nothing may be newly reachable, and nothing lost that the case does not name.

# shellcheck source=Tests/Lab/neighbours.sh disable=SC2154
import_ports="22 2049 2377 3000 5432 8888 9090 9100 9999 15432"

# One answer: open or closed. answered FROM FAMILY KIND ADDRESS PORT
answered() {
  local seen
  case $3 in
  tcp) seen=$(PROBE_TIMEOUT=1.5 tcp "$1" "$4" "$5") ;;
  udp) seen=$(PROBE_TIMEOUT=1.5 udp "$1" "$4" "$5") ;;
  ping) seen=$(PROBE_TIMEOUT=2 echo_request "$1" "$4") ;;
  esac
  case $seen in open | answered) seen=open ;; *) seen=closed ;; esac
  echo "$1 IPv$2 $3 $4 $5 $seen"
}

# answers FILE [FROM KIND ADDRESS PORT]…: what answers from each side, and the given packets.
answers() (
  file=$1
  shift
  number=0
  ask_one() {
    while [ "$(jobs -pr | wc -l)" -ge 24 ]; do wait -n; done
    number=$((number + 1))
    answered "$@" >"$LAB/answer.$number" 2>/dev/null &
  }
  for from in internet lan laptop-eric laptop-ryan container; do
    case $from in
    internet) four=198.51.100.7 six=2001:db8:198::7 ;;
    lan) four=192.168.1.1 six=fd68:1::1 ;;
    laptop-*) four=10.13.13.2 six=fd13:13::2 ;;
    container) four=172.17.0.1 six=fd17::1 ;;
    esac
    [ $from != container ] || node container true 2>/dev/null || continue
    for port in $import_ports; do
      ask_one $from 4 tcp $four "$port"
      ask_one $from 6 tcp $six "$port"
    done
    ask_one $from 4 udp $four 5005
    ask_one $from 6 udp $six 5005
    ask_one $from 4 ping $four ""
    ask_one $from 6 ping $six ""
  done
  # A laptop by its public address, which rules may name.
  for port in $import_ports; do
    ask_one laptop-eric 4 tcp 198.51.100.7 "$port"
    ask_one laptop-ryan 4 tcp 198.51.100.7 "$port"
  done
  while [ $# -gt 0 ]; do
    case $3 in *:*) family=6 ;; *) family=4 ;; esac
    ask_one "$1" "$family" "$2" "$3" "$4"
    shift 4
  done
  wait
  cat "$LAB"/answer.* | sort >"$file"
  rm -f "$LAB"/answer.*
)

# opened BEFORE AFTER: what was closed before and is open after. closed: the other way round.
opened() { comm -13 <(grep ' open$' "$1") <(grep ' open$' "$2") | tr '\n' ';'; }
closed() { comm -23 <(grep ' open$' "$1") <(grep ' open$' "$2") | tr '\n' ';'; }

# imported NAME TOOL [OPTION…]: imports; prints the exit status. The policy is in $LAB/NAME.yaml, the report in $LAB/NAME.said.
imported() {
  local name=$1 tool=$2
  shift 2
  rm -f "$LAB/$name.yaml"
  wgfence_in onprem import "$tool" --machine onprem --output "$LAB/$name.yaml" "$@" >"$LAB/$name.json" 2>"$LAB/$name.said"
  echo $?
}

# has NAME TEXT: does the policy have this text?
has() { if grep -qF -- "$2" "$LAB/$1.yaml"; then echo yes; else echo "no: $(cat "$LAB/$1.yaml")"; fi; }
# says NAME TEXT: do its comments, as one line?
says() {
  if grep '^#' "$LAB/$1.yaml" | sed 's/^#  *-* *//' | tr '\n' ' ' | matches -F -- "$2"; then echo yes; else echo "no: $(grep '^#' "$LAB/$1.yaml")"; fi
}

# import_case NAME TOOL LOST [FROM KIND ADDRESS PORT]…: imports what is loaded, applies it, calls remove_NAME, and compares the
# answers. LOST is what may be closed afterwards.
import_case() {
  local name=$1 tool=$2 lost=$3
  shift 3
  answers "$LAB/$name.before" "$@"
  verdict "$name: some packets pass, and some do not" "yes yes" \
    "$(grep -q ' open$' "$LAB/$name.before" && echo yes) $(grep -q ' closed$' "$LAB/$name.before" && echo yes)"
  verdict "$name: the import writes a policy" 0 "$(imported "$name" "$tool")"
  verdict "$name: nothing is newly reachable by the comparison" yes \
    "$(grep -q 'Nothing is newly reachable' "$LAB/$name.said" && echo yes || cat "$LAB/$name.said")"
  verdict "$name: the policy is valid, and its tests pass" 0 \
    "$(wgfence_in onprem check "$LAB/$name.yaml" >"$LAB/said" 2>&1; echo $?; [ -s "$LAB/$name.yaml" ] && grep -E 'error' "$LAB/said")"
  apply_policy onprem "$LAB/$name.yaml" || verdict "$name: the policy is applied" applied "$(tail -5 "$LAB/onprem/apply.log")"
  "remove_$name"
  forget_connections onprem
  answers "$LAB/$name.after" "$@"
  verdict "$name: without the old firewall nothing is newly reachable" "" "$(opened "$LAB/$name.before" "$LAB/$name.after")"
  verdict "$name: and what is lost is commented" "$lost" "$(closed "$LAB/$name.before" "$LAB/$name.after")"
  unload onprem
}

# --- no rules, and errors --------------------------------------------------------------------------------------------

for tool in ufw firewalld iptables; do
  verdict "without rules of $tool nothing is imported" "1 yes" \
    "$(imported none $tool) $(grep -q "no rules of $tool are loaded" "$LAB/none.said" && echo yes)"
done
verdict "an unknown program is a usage error" 64 "$(imported none pf)"
touch "$LAB/there.yaml"
verdict "an existing file is not overwritten" 1 \
  "$(wgfence_in onprem import nft --machine onprem --output "$LAB/there.yaml" >/dev/null 2>&1; echo $?)"

# --- iptables: a router ----------------------------------------------------------------------------------------------

for tool in iptables ip6tables; do
  icmp=icmp
  [ $tool = iptables ] || icmp=ipv6-icmp
  node onprem $tool-nft-restore <<RULES
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p $icmp -j ACCEPT
-A INPUT -p udp --dport 51820 -j ACCEPT
-A INPUT -p tcp -m multiport --dports 22,2377,7070 -j ACCEPT
-A INPUT -i wg0 -p tcp --dport 5432 -j ACCEPT
-A INPUT -i enp5s0 -p tcp --dport 3000 -m limit --limit 50/sec --limit-burst 200 -j ACCEPT
$([ $tool = ip6tables ] || echo '-A INPUT -s 100.64.7.10 -p tcp --dport 8888 -j ACCEPT
-A INPUT -s 10.13.13.10 -i wg0 -p tcp --dport 9090 -j ACCEPT
-A INPUT -m iprange --src-range 192.168.1.16-192.168.1.31 -p tcp --dport 9100 -j ACCEPT')
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i docker0 -j ACCEPT
-A FORWARD -m conntrack --ctstate DNAT -i wg0 -j ACCEPT
-A FORWARD -i wg0 -o enp5s0 -p tcp --dport 8080 -j ACCEPT
-A FORWARD -i enp5s0 -o eth0 -j ACCEPT
COMMIT
*nat
:POSTROUTING ACCEPT [0:0]
$([ $tool = ip6tables ] || echo '-A POSTROUTING -s 192.168.1.0/24 -o eth0 -j MASQUERADE')
COMMIT
RULES
done
remove_iptables() {
  local tool
  for tool in iptables ip6tables; do
    node onprem $tool-nft -P INPUT ACCEPT
    node onprem $tool-nft -P FORWARD ACCEPT
    node onprem $tool-nft -F
    node onprem $tool-nft -t nat -F
  done
}
# AllowedIPs do not say who 10.13.13.10 is.
import_case iptables iptables "laptop-eric IPv4 tcp 10.13.13.2 9090 open;" \
  laptop-eric tcp 192.168.1.20 8080 laptop-eric tcp 192.168.1.20 22 laptop-eric tcp fd68:1::20 8080 laptop-eric tcp fd68:1::20 22 \
  internet tcp 192.168.1.20 8080 internet tcp 192.168.1.20 22 internet tcp fd68:1::20 22 \
  lan tcp 198.51.100.1 7 lan tcp 2001:db8:198::1 7 lan tcp 203.0.113.10 80 lan udp 198.51.100.1 7
verdict "iptables: a source that rules name is a prefix" yes "$(has iptables 'from: 100.64.7.10 }')"
verdict "iptables: a range of addresses is its prefixes" yes "$(has iptables 'from: 192.168.1.16/28 }')"
verdict "iptables: what the tunnel reaches is granted to it" yes "$(has iptables 'services: [postgres], from: wg0 }')"
verdict "iptables: a port without a listener is a comment" yes "$(says iptables '7070/tcp')"
verdict "iptables: a rate is a comment" yes "$(says iptables '3000/tcp is accepted within a rate (limit rate 50/second)')"
verdict "iptables: an address in the tunnel without a machine is a comment" yes "$(says iptables '9090/tcp is reached from 10.13.13.10 in wg0')"
verdict "iptables: masquerading is kept" yes "$(has iptables '{ at: onprem, masquerade: [lan], over: internet }')"
verdict "iptables: what is forwarded is granted" yes "$(has iptables 'to: onprem.lan, services: [8080/tcp], from: wg0 }')"
verdict "iptables: what the LAN sends to the internet too" yes "$(has iptables 'to: onprem.internet, services: [any], from: lan }')"

# --- nft -------------------------------------------------------------------------------------------------------------

node onprem nft -f - <<'RULES'
table inet guard {
  set admins { type ipv4_addr; flags interval; elements = { 100.64.7.0/28, 192.168.1.20 } }
  chain input {
    type filter hook input priority filter; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    iifname "lo" accept
    meta l4proto { icmp, ipv6-icmp } accept
    udp dport 51820 accept
    iifname vmap { "wg0" : jump tunnel, "eth0" : jump outside }
    ip saddr @admins tcp dport { 22, 8888 } accept
    ip6 saddr fd68:1::/64 tcp dport 22 accept
    log prefix "guard " limit rate 5/minute drop
  }
  chain tunnel {
    tcp dport { 22, 5432, 9090-9100 } accept
    udp dport 5005 accept
  }
  chain outside {
    tcp dport 2377 accept
    ip6 nexthdr tcp tcp dport 2049 drop
  }
  chain output {
    type filter hook output priority filter; policy accept;
    tcp dport 25 reject
  }
}
RULES
remove_nft() { node onprem nft delete table inet guard; }
import_case nft nft ""
verdict "nft: addresses of a set are prefixes" yes "$(has nft '100.64.7.0/28')"
verdict "nft: outbound rules are a comment" yes "$(says nft 'rules for what this host sends: inet guard output')"
verdict "nft: rules that log are a comment" yes "$(says nft 'rules that log packets: 1 in inet guard')"

# --- ufw -------------------------------------------------------------------------------------------------------------

remove_ufw() { ufw --force disable; }
if [ ! -x "$neighbours/usr/sbin/ufw" ]; then
  skip "a real ufw" "Debian's ufw is not there: scripts/setup.sh test"
else
  ufw_files
  ufw default deny incoming
  ufw allow 51820/udp
  ufw allow in on wg0 to any port 8888 proto tcp
  ufw allow 2377/tcp
  ufw allow from 192.168.1.0/24 to any port 3000 proto tcp
  ufw allow from 10.13.13.10 to any port 5432 proto tcp
  ufw allow 15432/tcp
  ufw allow 7070/tcp
  ufw reject 9100/tcp
  ufw limit ssh/tcp
  ufw --force enable
  import_case ufw ufw "laptop-eric IPv4 tcp 10.13.13.2 5432 open;"
  verdict "ufw: the policy names the tables" yes "$(says ufw 'ip filter')"
  verdict "ufw: a port without a listener is a comment" yes "$(says ufw '7070/tcp')"
  verdict "ufw: ufw limit is a comment" yes "$(says ufw 'ssh is accepted within a rate')"
  verdict "ufw: the report is JSON" "ufw true 0" "$(
    ufw --force enable
    wgfence_in onprem import ufw --machine onprem --format json 2>/dev/null | jq -r '"\(.tool) \(.written) \(.gained | length)"'
    ufw --force disable
  )"
fi

# --- firewalld -------------------------------------------------------------------------------------------------------

remove_firewalld() { node onprem nft delete table inet firewalld; }
if [ ! -x "$neighbours/usr/sbin/firewalld" ]; then
  skip "a real firewalld" "Debian's firewalld is not there: scripts/setup.sh test"
elif ! node onprem "$ROOT/Tests/Bench/firewalld.sh" sh -ec '
  firewall --permanent --zone=trusted --add-interface=wg0
  firewall --permanent --zone=home --add-interface=enp5s0
  firewall --permanent --zone=public --add-interface=eth0
  firewall --permanent --zone=public --add-port=2377/tcp
  firewall --permanent --zone=public --add-port=7070/tcp
  firewall --permanent --zone=public --add-port=51820/udp
  firewall --permanent --zone=public --remove-service=ssh
  firewall --permanent --zone=public "--add-rich-rule=rule family=ipv4 source address=100.64.7.10 port port=8888 protocol=tcp accept"
  firewall --permanent --zone=home --add-port=3000/tcp
  firewall --reload' >"$LAB/firewalld.log" 2>&1; then
  verdict "firewalld starts on onprem" started "$(tail -3 "$LAB/firewalld.log")"
else
  # Of the zone containers only their own addresses pass, and a grant is for the whole zone.
  import_case firewalld firewalld "container IPv4 ping 172.17.0.1  open;container IPv4 tcp 172.17.0.1 2377 open;container IPv6 ping fd17::1  open;container IPv6 tcp fd17::1 2377 open;"
  verdict "firewalld: a rich rule is a prefix" yes "$(has firewalld '100.64.7.10')"
  verdict "firewalld: a trusted interface is granted what listens" yes "$(has firewalld 'from: wg0 }')"
fi

# --- iptables beside a real Docker -----------------------------------------------------------------------------------

if [ ! -x "$neighbours/usr/sbin/dockerd" ] || ! command -v xtables-nft-multi >/dev/null; then
  skip "a real Docker" "Debian's docker.io is not there: scripts/setup.sh test"
  return
fi
real_bridge
if ! dockerd_up; then
  verdict "dockerd starts on onprem" started "$(tail -3 "$docker_at/log")"
  return
fi
docker_image
docker run -d --name shop -p 18080:8080 shop:1 >/dev/null
docker run -d --name office -p 19090:8080 shop:1 >/dev/null
until_true 5 test "$(tcp onprem 172.17.0.2 8080) $(tcp onprem 172.17.0.3 8080)" = "open open"
import_ports="$import_ports 18080 19090"
in_docker() { node onprem "$LAB/programs/$1" "${@:2}"; }
for tool in iptables ip6tables; do
  in_docker $tool -A INPUT -i lo -j ACCEPT
  in_docker $tool -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
  in_docker $tool -A INPUT -p udp --dport 51820 -j ACCEPT
  in_docker $tool -A INPUT -p tcp --dport 22 -j ACCEPT
  in_docker $tool -A INPUT -i wg0 -p tcp --dport 18080 -j ACCEPT
  [ $tool = iptables ] || in_docker $tool -A INPUT -p ipv6-icmp -j ACCEPT
  in_docker $tool -P INPUT DROP
done
# The usual way to close a published port to all but one source.
in_docker iptables -I DOCKER-USER -i eth0 -p tcp -m conntrack --ctorigdstport 19090 --ctdir ORIGINAL ! -s 100.64.7.10 -j DROP
in_docker iptables -I DOCKER-USER -i wg0 -p tcp -m conntrack --ctorigdstport 18080 --ctdir ORIGINAL ! -s 10.13.13.10 -j DROP
remove_docker() {
  local tool
  for tool in iptables ip6tables; do
    in_docker $tool -P INPUT ACCEPT
    in_docker $tool -F INPUT
  done
  in_docker iptables -F DOCKER-USER
}
# In a tunnel a grant is for both families, and AllowedIPs do not say who 10.13.13.10 is.
import_case docker iptables "laptop-eric IPv4 tcp 10.13.13.2 18080 open;laptop-eric IPv4 tcp 10.13.13.2 19090 open;laptop-eric IPv6 ping fd13:13::2  open;laptop-eric IPv6 tcp fd13:13::2 18080 open;laptop-ryan IPv4 tcp 10.13.13.2 19090 open;laptop-ryan IPv6 ping fd13:13::2  open;laptop-ryan IPv6 tcp fd13:13::2 18080 open;" \
  laptop-eric tcp 198.51.100.7 19090 laptop-ryan tcp 198.51.100.7 19090 internet tcp 172.17.0.2 8080
for lost in 18080/tcp 19090/tcp ping; do
  verdict "docker: what the tunnel loses of $lost is a comment" yes "$(says docker "$lost is reached from")"
done
verdict "docker: a published port is granted by its own number" yes "$(has docker '18080/tcp')"
dockerd_down
