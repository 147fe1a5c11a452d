# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `confine` with real packets: what onprem itself sends, what its containers send, an address that containers must not reach,
# and a laptop that reaches the internet only through the tunnel. Each with the same packets without the key.

serve internet more --tcp 25,80,443 --udp 67,123,514
# What a provider answers its machines from, and only over the machine's own interface.
address internet onprem 169.254.169.254/32 fd00:ec2::254/128
serve laptop-eric service --tcp 8888
# Another container on the same bridge, and one on another.
new_nodes con2 con3
cable onprem port-con2 con2 eth0
ip -n onprem link set port-con2 master docker0
address con2 eth0 172.17.0.3/16 fd17::3/64
default_route con2 172.17.0.1 fd17::1
ip -n onprem link add br-shop type bridge
address onprem br-shop 172.18.0.1/16 fd18::1/64
ip -n onprem link set br-shop up
cable onprem port-con3 con3 eth0
ip -n onprem link set port-con3 master br-shop
address con3 eth0 172.18.0.2/16 fd18::2/64
default_route con3 172.18.0.1 fd18::1
serve con2 service --tcp 8080
serve con3 service --tcp 8080

# What onprem receives, which is the same in every policy here.
inbound='allow:
  - { to: onprem, services: [8888/tcp], from: [laptop-eric, ec2, internet] }
  - { to: onprem, services: [6000/udp], from: internet }
  - { to: onprem, services: [9100/tcp], from: containers }
failsafe:
  - { to: onprem, services: [ssh], from: laptop-eric }'
# What it may send, with confine.
outbound='  - { to: internet, services: [7/tcp, 7/udp], from: onprem }
  - { to: [203.0.113.0/24, "2001:db8:203::/64"], services: [25/tcp, ping], from: onprem }
  - { to: ec2, services: [9100/tcp], from: onprem }
  - { to: laptop-eric, services: [8888/tcp], from: onprem }
  - { to: [192.168.1.20, "fd68:1::20"], services: [631/tcp], from: onprem }'
# with KEY [LINES]: the policy with this key, and these lines in allow.
with() {
  printf '%s\n' "$1" "${inbound%%failsafe:*}" "${2:-}" "failsafe:${inbound#*failsafe:}"
}
with "" | policy open
with "confine: [onprem]" "$outbound" | policy host
container_lines='  - { to: internet, services: [7/tcp], from: onprem.containers }
  - { to: [203.0.113.0/24, "2001:db8:203::/64"], services: [25/tcp], from: onprem.containers }
  - { to: ec2, services: [9100/tcp], from: onprem.containers }'
with "confine: [onprem.containers]" "$container_lines" | policy containers
with "confine:
  - { from: onprem.containers, to: [169.254.169.254, \"fd00:ec2::254\"] }" | policy metadata
with "confine: [onprem]
observe: [onprem]" "$outbound" | policy observed

# Refused must mean at once, and not after the client sent its first packet again.
quick_tcp() { PROBE_TIMEOUT=0.9 tcp "$@"; }
quick_udp() { PROBE_TIMEOUT=0.9 udp "$@"; }
# counted NODE COUNTER: the packets of a counter of ours; 0 without one.
counted() {
  node "$1" nft -j list counter inet wgfence "$2" 2>/dev/null | "$PYTHON" -c 'import json, sys
try: print(*[o["counter"]["packets"] for o in json.load(sys.stdin)["nftables"] if "counter" in o])
except ValueError: print(0)'
}
# capture INTERFACE: what arrives from a machine outside, until capture_end. captured FILTER: how many of them match.
capture() {
  rm -f "$LAB/internet/capture.log"
  task internet capture tcpdump -i "$1" -n -U -Q in --immediate-mode -w "$LAB/outside.pcap"
  until_true 10 grep -q listening "$LAB/internet/capture.log"
  sleep 0.2
}
capture_end() {
  sleep 0.2
  end_task internet capture
}
captured() { tcpdump -n -r "$LAB/outside.pcap" "$1" 2>/dev/null | wc -l; }
some() { if [ "$1" -gt 0 ] 2>/dev/null; then echo yes; else echo "no: $1"; fi; }
# explain_status FROM DESTINATION SERVICE POLICY: the exit status of the question.
explain_status() {
  wgfence_in onprem explain "$LAB/$4.yaml" --machine onprem --from "$1" --destination "$2" --to "$3" >"$LAB/said.$BASHPID" 2>&1
  echo $?
}

# audited POLICY: audits onprem; the report is in $LAB/audit.json.
audited() { wgfence_in onprem audit "$LAB/$1.yaml" --machine onprem --format json >"$LAB/audit.json" 2>"$LAB/said"; }
# audit_sends KIND DESTINATION SERVICE: whether the last audit says that the host, or its containers on docker0, may send it.
audit_sends() {
  "$PYTHON" -c 'import json, sys
kind, to, service = sys.argv[2:]
senders = [s for s in json.load(open(sys.argv[1]))["outbound"]["senders"]
           if s["kind"] == kind and (kind == "host" or "docker0" in s["interfaces"])]
def has(rows): return any(to in r["to"] and {service, "any"} & set(r["services"]) for r in rows)
sender = senders[0]
print("yes" if (not has(sender["refused"]) if sender["scope"] == "everything" else has(sender["allowed"])) else "no")' \
    "$LAB/audit.json" "$@"
}
# audit_scope KIND: how much the last audit says that the host, or its containers on docker0, may send.
audit_scope() {
  "$PYTHON" -c 'import json, sys
print(*[s["scope"] for s in json.load(open(sys.argv[1]))["outbound"]["senders"]
        if s["kind"] == sys.argv[2] and (s["kind"] == "host" or "docker0" in s["interfaces"])])' "$LAB/audit.json" "$1"
}
# audit_refused: the connections that the policy refuses, by what the last audit says; and its warnings about them.
audit_refused() {
  "$PYTHON" -c 'import json, sys
report = json.load(open(sys.argv[1]))
refused = ["{destination}:{port}".format(**c) for c in report["outbound"]["connections"] if c["refused"]]
warned = [f for f in report["findings"] if f["check"] == "outbound" and f["severity"] == "warning"]
print(*refused, len(warned))' "$LAB/audit.json"
}
# audit_agrees KIND NODE: reads lines of a destination, a service, an address and a TCP port; what the audit says can be sent can
# be sent, and what it says cannot be sent cannot.
audit_agrees() {
  local kind=$1 n=$2 to service address port seen
  while read -r to service address port; do
    seen=$([ "$(quick_tcp "$n" "$address" "$port")" = open ] && echo yes || echo no)
    verdict "the audit agrees: $kind, $service to $to ($address)" "$seen" "$(audit_sends "$kind" "$to" "$service")"
  done
}

for policy in host containers metadata observed; do
  wgfence_in onprem check --prove "$LAB/$policy.yaml" >"$LAB/said" 2>&1
  status=$?
  # Warnings are findings: 2.
  verdict "the policy $policy is valid, and its proof holds" yes "$([ $status = 0 ] || [ $status = 2 ] && echo yes || cat "$LAB/said")"
done

# --- the host itself -------------------------------------------------------------------------------------------------

# host_sends WHEN TCP UDP PING: with the words for what no grant allows.
host_sends() {
  try46 "$1: granted to the internet" open tcp onprem 198.51.100.66 2001:db8:198::66 7
  try46 "$1: granted UDP to the internet" answered udp onprem 198.51.100.66 2001:db8:198::66 7
  try46 "$1: granted to a prefix" open tcp onprem 203.0.113.66 2001:db8:203::66 25
  try46 "$1: granted ping to a prefix" answered echo_request onprem 203.0.113.66 2001:db8:203::66
  try46 "$1: granted to another machine, through the tunnel" open tcp onprem 10.13.13.1 fd13:13::1 9100
  try46 "$1: granted to another one behind the hub" open tcp onprem 10.13.13.10 fd13:13::10 8888
  try46 "$1: granted to the LAN" open tcp onprem 192.168.1.20 fd68:1::20 631
  try46 "$1: loopback" open tcp onprem 127.0.0.1 ::1 8888
  try46 "$1: its own address outside" open tcp onprem 198.51.100.7 2001:db8:198::7 9999
  try46 "$1: its own address in the tunnel" open tcp onprem 10.13.13.2 fd13:13::2 9999
  try46 "$1: its container" open tcp onprem 172.17.0.2 fd17::2 5432
  try46 "$1: another port of the internet" "$2" quick_tcp onprem 198.51.100.66 2001:db8:198::66 443
  try46 "$1: the prefix's port outside the prefix" "$2" quick_tcp onprem 198.51.100.66 2001:db8:198::66 25
  try46 "$1: another UDP port" "$3" quick_udp onprem 198.51.100.66 2001:db8:198::66 514
  try46 "$1: ping outside the prefix" "$4" echo_request onprem 198.51.100.66 2001:db8:198::66
  try46 "$1: another port of the machine" "$2" quick_tcp onprem 10.13.13.1 fd13:13::1 9443
  try46 "$1: the internet's port in the tunnel" "$5" quick_tcp onprem 10.13.13.10 fd13:13::10 7
  try46 "$1: another port of the LAN" "$2" quick_tcp onprem 192.168.1.20 fd68:1::20 9100
  try46 "$1: the container sends what it likes" open tcp container 198.51.100.66 2001:db8:198::66 443
  settle
}
# host_receives WHEN: replies and errors to what others send.
host_receives() {
  try46 "$1: replies to the internet" "got 300000" tcp internet 198.51.100.7 2001:db8:198::7 8888 --give 300000
  try46 "$1: replies through the tunnel" "got 300000" tcp laptop-eric 10.13.13.2 fd13:13::2 8888 --give 300000
  try46 "$1: an ICMP error for a granted port where nothing listens" refused quick_udp internet 198.51.100.7 2001:db8:198::7 6000
  try46 "$1: replies to a container" open tcp container 172.17.0.1 fd17::1 9100
  settle
}
enforce open onprem
serve laptop-eric echo --tcp 7
host_sends "without confine" open answered answered open
host_receives "without confine"
session granted onprem 198.51.100.66 7 >/dev/null
session tunneled onprem 10.13.13.1 9100 >/dev/null
session inward laptop-eric 10.13.13.2 8888 >/dev/null
session ungranted onprem 198.51.100.66 80 >/dev/null
for name in granted tunneled inward ungranted; do ask $name; done
verdict "without confine: sessions" "alive alive alive alive" \
  "$(answer_of granted) $(answer_of tunneled) $(answer_of inward) $(answer_of ungranted)"
for to in https 7/tcp; do
  verdict "without confine: explain accepts $to" 0 "$(explain_status onprem internet $to open)"
done

audited open
verdict "without confine: the audit says that everything may be sent" "everything everything" "$(audit_scope host) $(audit_scope containers)"
verdict "without confine: no connection is a finding" "0" "$(audit_refused)"
audited host
verdict "the audit warns of the connection that the policy would refuse, and of no other" "198.51.100.66:80 1" "$(audit_refused)"

# That the host no longer reaches its name server and the rest of the internet is what is wanted here.
# shellcheck disable=SC2034  # lib.sh uses it.
ACCEPTED=(--force)
enforce host onprem
for name in granted tunneled inward ungranted; do ask $name; done
verdict "confined: a granted session to the internet lives on" alive "$(answer_of granted)"
verdict "confined: and one through the tunnel" alive "$(answer_of tunneled)"
verdict "confined: and one from a peer" alive "$(answer_of inward)"
verdict "confined: a session without a grant fails at once" refused "$(answer_of ungranted)"
for name in granted tunneled inward ungranted; do hang_up $name; done
before=$(counted onprem drop-confined-host)
host_sends "confined" refused rejected silent refused
verdict "the counter drop-confined-host counts" yes "$(some $(($(counted onprem drop-confined-host) - before)))"
host_receives "confined"
verdict "explain agrees: https is refused" 2 "$(explain_status onprem internet https host)"
verdict "explain agrees: 7/tcp is accepted" 0 "$(explain_status onprem internet 7/tcp host)"
verdict "explain agrees: 25/tcp to the prefix" 0 "$(explain_status onprem 203.0.113.66 25/tcp host)"
verdict "explain agrees: 25/tcp elsewhere" 2 "$(explain_status onprem 198.51.100.66 25/tcp host)"
verdict "explain agrees: 9100/tcp to ec2" 0 "$(explain_status onprem ec2 9100/tcp host)"
verdict "explain agrees: 9443/tcp to ec2" 2 "$(explain_status onprem ec2 9443/tcp host)"
for to in "203.0.113.66 25/tcp accept" "203.0.113.66 443/tcp reject" "10.13.13.1 9100/tcp accept" "10.13.13.1 9443/tcp reject" \
  "192.168.1.20 631/tcp accept" "192.168.1.20 9100/tcp reject"; do
  read -r there service said <<<"$to"
  verdict "explain --live agrees: $service to $there" "$said" \
    "$(explained onprem 4 verdict "$LAB/host.yaml" --live --from onprem --destination "$there" --to "$service")"
  verdict "explain agrees: $service to $there" "$said" \
    "$(explained onprem 4 verdict "$LAB/host.yaml" --from onprem --destination "$there" --to "$service")"
done
audited host
verdict "the audit has no refused connection left" 0 "$(audit_refused)"
verdict "the audit says that the host is confined, and its containers are not" "listed everything" "$(audit_scope host) $(audit_scope containers)"
audit_agrees host onprem <<'TO'
internet 7/tcp 198.51.100.66 7
internet 7/tcp 2001:db8:198::66 7
203.0.113.0/24 25/tcp 203.0.113.66 25
2001:db8:203::/64 25/tcp 2001:db8:203::66 25
ec2 9100/tcp 10.13.13.1 9100
ec2 9100/tcp fd13:13::1 9100
laptop-eric 8888/tcp 10.13.13.10 8888
192.168.1.20 631/tcp 192.168.1.20 631
fd68:1::20 631/tcp fd68:1::20 631
internet https 198.51.100.66 443
internet https 2001:db8:198::66 443
internet 25/tcp 198.51.100.66 25
ec2 9443/tcp 10.13.13.1 9443
laptop-eric 7/tcp 10.13.13.10 7
192.168.1.20 9100/tcp 192.168.1.20 9100
TO
audit_agrees containers container <<'TO'
internet https 198.51.100.66 443
internet https 2001:db8:198::66 443
TO
verdict "plan has nothing to change" 0 "$(wgfence_in onprem plan "$LAB/host.yaml" --machine onprem >"$LAB/said" 2>&1; echo $?)"

# Neighbours, DHCP and listener reports.
capture onprem
task onprem neighbours tcpdump -i eth0 -n -U -Q out --immediate-mode -w "$LAB/neighbours.pcap"
until_true 10 grep -q listening "$LAB/onprem/neighbours.log"
sleep 0.4
ip -n onprem neigh flush all
ip -n onprem -6 neigh flush all
try46 "confined: a granted host whose link address is not known" open tcp onprem 198.51.100.66 2001:db8:198::66 7
settle
try "confined: the DHCP client" arrived received internet more lease-please \
  udp onprem 255.255.255.255 67 --source-port 68 --device eth0 --broadcast
try "confined: not from another port" nothing received internet more lease-never \
  udp onprem 255.255.255.255 67 --source-port 69 --device eth0 --broadcast
settle
udp onprem ff02::1:2%eth0 547 --source-port 546 --device eth0 >/dev/null
udp onprem ff02::1:2%eth0 547 --source-port 548 --device eth0 >/dev/null
node onprem ping -n -q -c1 -W1 198.51.100.66 >/dev/null 2>&1
tcp onprem 198.51.100.66 443 >/dev/null
capture_end
end_task onprem neighbours
verdict "confined: the DHCPv6 client" 1 "$(captured 'udp src port 546 and udp dst port 547')"
verdict "confined: not from another port" 0 "$(captured 'udp src port 548')"
verdict "confined: neighbour solicitations leave" yes \
  "$(some "$(tcpdump -n -r "$LAB/neighbours.pcap" 2>/dev/null | grep -c 'neighbor solicitation')")"
verdict "confined: nothing ungranted is on the wire" 0 "$(captured 'tcp dst port 443 or icmp[0] == 8')"

# WireGuard: a handshake by either side with the rules in force.
again() {
  node onprem wg set wg0 peer "$(cat "$LAB/ec2/public")" remove
  node onprem wg setconf wg0 "$LAB/onprem/wg0.conf"
  forget_connections onprem
}
again
try46 "confined: the tunnel after a new handshake by onprem" open tcp onprem 10.13.13.1 fd13:13::1 9100
settle
verdict "there was one" yes "$(until_true 3 handshaken onprem && echo yes)"
again
node onprem wg set wg0 peer "$(cat "$LAB/ec2/public")" persistent-keepalive 0
node ec2 wg set wg0 peer "$(cat "$LAB/onprem/public")" remove
node ec2 wg set wg0 peer "$(cat "$LAB/onprem/public")" endpoint "${WAN[onprem]}:51820" \
  allowed-ips 10.13.13.2/32,fd13:13::2/128,192.168.1.0/24,fd68:1::/64
try46 "confined: and after one by the hub" open tcp ec2 10.13.13.2 fd13:13::2 8888
settle

# --- its containers --------------------------------------------------------------------------------------------------

# containers_send WHEN TCP UDP PING
containers_send() {
  try46 "$1: a container, granted to the internet" open tcp container 198.51.100.66 2001:db8:198::66 7
  try46 "$1: a container, granted to a prefix" open tcp container 203.0.113.66 2001:db8:203::66 25
  try46 "$1: a container, granted through the tunnel" open tcp container 10.13.13.1 fd13:13::1 9100
  try46 "$1: a container to another one of its bridge" open tcp container 172.17.0.3 fd17::3 8080
  try46 "$1: a container to the host, by an inbound grant" open tcp container 172.17.0.1 fd17::1 9100
  try46 "$1: a container to another port" "$2" quick_tcp container 198.51.100.66 2001:db8:198::66 443
  try46 "$1: a container to the prefix's port elsewhere" "$2" quick_tcp container 198.51.100.66 2001:db8:198::66 25
  try46 "$1: a container to another port through the tunnel" "$2" quick_tcp container 10.13.13.1 fd13:13::1 9443
  try46 "$1: UDP of a container" "$3" quick_udp container 198.51.100.66 2001:db8:198::66 7
  try46 "$1: ping of a container" "$4" echo_request container 198.51.100.66 2001:db8:198::66
  try46 "$1: the host itself sends what it likes" open tcp onprem 198.51.100.66 2001:db8:198::66 443
  try46 "$1: the host to its container" open tcp onprem 172.17.0.2 fd17::2 5432
  settle
}
enforce open onprem
containers_send "without confine" open answered answered
try46 "without confine: a container to one of another bridge" open tcp container 172.18.0.2 fd18::2 8080
settle
enforce containers onprem
containers_send "confined containers" refused rejected silent
try46 "confined containers: a container to one of another bridge" open tcp container 172.18.0.2 fd18::2 8080
settle
verdict "the counter drop-confined-containers counts" yes "$(some "$(counted onprem drop-confined-containers)")"
audited containers
verdict "the audit says that the containers are confined, and the host is not" "everything listed" "$(audit_scope host) $(audit_scope containers)"
audit_agrees containers container <<'TO'
internet 7/tcp 198.51.100.66 7
internet 7/tcp 2001:db8:198::66 7
203.0.113.0/24 25/tcp 203.0.113.66 25
ec2 9100/tcp 10.13.13.1 9100
ec2 9100/tcp fd13:13::1 9100
internet https 198.51.100.66 443
internet 25/tcp 198.51.100.66 25
ec2 9443/tcp 10.13.13.1 9443
TO
audit_agrees host onprem <<'TO'
internet https 198.51.100.66 443
TO
verdict "explain agrees: https of containers is refused" 2 "$(explain_status containers internet https containers)"
verdict "explain agrees: 7/tcp of containers" 0 "$(explain_status containers internet 7/tcp containers)"

# metadata WHEN WORD
metadata() {
  try46 "$1: a container to the metadata address" "$2" quick_tcp container 169.254.169.254 fd00:ec2::254 80
  try46 "$1: a container to everything else" open tcp container 198.51.100.66 2001:db8:198::66 443
  try46 "$1: UDP of a container to everything else" answered udp container 198.51.100.66 2001:db8:198::66 7
  try46 "$1: ping of a container" answered echo_request container 198.51.100.66 2001:db8:198::66
  try46 "$1: the host itself to the metadata address" open tcp onprem 169.254.169.254 fd00:ec2::254 80
  settle
}
enforce open onprem
metadata "without confine" open
session taken container 169.254.169.254 80 >/dev/null
session kept container 198.51.100.66 80 >/dev/null
ask taken
ask kept
verdict "without confine: sessions of a container" "alive alive" "$(answer_of taken) $(answer_of kept)"
enforce metadata onprem
ask taken
ask kept
verdict "confined: its session to the metadata address ends, and the other one does not" "ended alive" \
  "$([ "$(answer_of taken)" = alive ] && echo alive || echo ended) $(answer_of kept)"
audited metadata
verdict "the audit says that the containers may send everything else" everything "$(audit_scope containers)"
audit_agrees containers container <<'TO'
169.254.169.254 any 169.254.169.254 80
fd00:ec2::254 any fd00:ec2::254 80
internet any 198.51.100.66 443
TO
hang_up taken
hang_up kept
metadata "confined" refused

# --- observe and the log ---------------------------------------------------------------------------------------------

cp "$LAB/observed.yaml" "$LAB/watched.yaml"
answers() { wgfence_in onprem status >/dev/null 2>&1 || [ $? = 2 ]; }
daemon_up() {
  task onprem daemon env WGFENCE_STATE_DIR="$LAB/onprem/state" WGFENCE_SOCKET="$LAB/onprem/control.sock" \
    "$WGFENCE" daemon "$LAB/watched.yaml" --machine onprem
  until_true 10 answers || die "the daemon did not start: $(cat "$LAB/onprem/daemon.log")"
}
enforce observed onprem
daemon_up
try46 "observe: a packet that no grant allows leaves" open tcp onprem 198.51.100.66 2001:db8:198::66 443
try46 "observe: UDP, too" answered udp onprem 198.51.100.66 2001:db8:198::66 514
settle
sleep 1.3
wgfence_in onprem log "$LAB/watched.yaml" --machine onprem --since 1m >"$LAB/said" 2>&1
verdict "observe: the log says what would be refused" yes \
  "$(grep -qE 'would (drop|refuse|reject) tcp .*198\.51\.100\.66.* port 443' "$LAB/said" && echo yes || cat "$LAB/said")"
end_task onprem daemon
cp "$LAB/host.yaml" "$LAB/watched.yaml"
enforce host onprem
daemon_up
quick_tcp onprem 198.51.100.66 443 >/dev/null
quick_tcp onprem 2001:db8:198::66 443 >/dev/null
sleep 1.3
wgfence_in onprem log "$LAB/watched.yaml" --machine onprem --since 1m >"$LAB/said" 2>&1
verdict "the log says what was refused" yes \
  "$(grep -qE '(refused|rejected|dropped) tcp .*198\.51\.100\.66.* port 443' "$LAB/said" && echo yes || cat "$LAB/said")"
verdict "and over IPv6" yes "$(grep -qE '(refused|rejected|dropped) tcp .*2001:db8:198::66.* port 443' "$LAB/said" && echo yes || cat "$LAB/said")"
verdict "with the line that would allow it" yes \
  "$(grep -qE -- '- \{ to: (internet|198\.51\.100\.66), services: \[(https|443/tcp)\], from: onprem' "$LAB/said" && echo yes || cat "$LAB/said")"
end_task onprem daemon

# --- kill switch -----------------------------------------------------------------------------------------------------

policy exit <<'YAML'
translate:
  - { at: ec2, masquerade: [wg0], over: internet }
allow:
  - { to: ec2.internet, services: [any], from: laptop-ryan, because: "the laptop's way out" }
failsafe:
  - { to: [onprem, ec2], services: [ssh], from: laptop-ryan }
YAML
sed 's/^translate:/confine: [laptop-ryan]\n&/' "$LAB/exit.yaml" >"$LAB/switch.yaml"
wgfence_in ec2 check --prove "$LAB/switch.yaml" >"$LAB/said" 2>&1
verdict "the kill switch is valid, and its proof holds" yes "$([ $? = 1 ] && cat "$LAB/said" || echo yes)"
enforce exit ec2
# As wg-quick does for AllowedIPs of everything: all of it into the tunnel, but WireGuard's own packets.
whole() {
  node laptop-ryan wg set wg0 fwmark 51820 peer "$(cat "$LAB/ec2/public")" allowed-ips 0.0.0.0/0,::/0
  local family
  for family in -4 -6; do
    ip -n laptop-ryan $family rule add not fwmark 51820 table 51820
    ip -n laptop-ryan $family rule add table main suppress_prefixlength 0
    ip -n laptop-ryan $family route add default dev wg0 table 51820
  done
}
# outside WHEN WORD WORD6 SEEN: what happens with the tunnel up, and what the hotel's network sees of it.
everywhere() {
  try46 "$1: the internet, through the tunnel" open tcp laptop-ryan 198.51.100.66 2001:db8:198::66 443
  try46 "$1: UDP through the tunnel" answered udp laptop-ryan 198.51.100.66 2001:db8:198::66 7
  try46 "$1: ping through the tunnel" answered echo_request laptop-ryan 198.51.100.66 2001:db8:198::66
  settle
}
own_packets='src host 100.64.7.11 and not (udp src port 51820 and udp dst port 51820) and not arp'
own_packets6='ip6 and not (icmp6 and (ip6[40] == 135 or ip6[40] == 136 or ip6[40] == 133 or ip6[40] == 143)) and not ip6[6] == 0'
leaks() { echo "$(captured "$own_packets") $(captured "$own_packets6")"; }
# past WHEN TCP UDP PING NODE: what the laptop sends by its own interface, and what the tunnel would carry were it there.
past() {
  try46 "$1: by its own interface" "$2" quick_tcp laptop-ryan 198.51.100.66 2001:db8:198::66 443 --device eth0
  try46 "$1: UDP by its own interface" "$3" quick_udp laptop-ryan 198.51.100.66 2001:db8:198::66 7 --device eth0
  settle
}
whole
node laptop-ryan wg show wg0 latest-handshakes >/dev/null
capture laptop-ryan
everywhere "without confine"
past "without confine" open answered
capture_end
verdict "without confine: its own packets are seen outside" yes "$(some "$(captured "$own_packets")")"
enforce switch ec2 laptop-ryan
capture laptop-ryan
everywhere "kill switch"
past "kill switch" refused rejected
capture_end
verdict "kill switch: WireGuard's packets leave" yes "$(some "$(captured 'src host 100.64.7.11 and udp port 51820')")"
verdict "kill switch: nothing else leaves" "0 0" "$(leaks)"
# A hotel's other address, and another port: a machine that roams.
node laptop-ryan wg set wg0 listen-port 0
ip -n laptop-ryan addr del 100.64.7.11/24 dev eth0
address laptop-ryan eth0 100.64.7.31/24
ip -n laptop-ryan route add default via 100.64.7.1
forget_connections laptop-ryan
node laptop-ryan wg set wg0 peer "$(cat "$LAB/ec2/public")" remove
node laptop-ryan wg set wg0 peer "$(cat "$LAB/ec2/public")" endpoint 203.0.113.10:51820 allowed-ips 0.0.0.0/0,::/0
everywhere "kill switch, at another address and from a random port"
try46 "kill switch, WireGuard has a random port: another program with the policy's port" rejected \
  quick_udp laptop-ryan 198.51.100.66 2001:db8:198::66 7 --source-port 51820 --device eth0
settle
# The tunnel goes: as if nobody started it.
for family in -4 -6; do
  ip -n laptop-ryan $family rule del not fwmark 51820 table 51820
  ip -n laptop-ryan $family rule del table main suppress_prefixlength 0
done
wireguard_down laptop-ryan
capture laptop-ryan
past_down() {
  try46 "$1: the internet" "$2" quick_tcp laptop-ryan 198.51.100.66 2001:db8:198::66 443
  try46 "$1: UDP" "$3" quick_udp laptop-ryan 198.51.100.66 2001:db8:198::66 7
  try46 "$1: ping" "$4" echo_request laptop-ryan 198.51.100.66 2001:db8:198::66
  settle
}
past_down "kill switch, no tunnel" refused rejected silent
capture_end
own_packets='ip and src host 100.64.7.31'
verdict "kill switch, no tunnel: nothing leaves" "0 0" "$(leaks)"
try46 "kill switch, no tunnel: another program with the port of WireGuard" rejected quick_udp laptop-ryan 198.51.100.66 2001:db8:198::66 7 --source-port 51820
settle
enforce exit laptop-ryan
capture laptop-ryan
past_down "without confine, no tunnel" open answered answered
capture_end
verdict "without confine, no tunnel: all of it leaves in the open" yes "$(some "$(captured "$own_packets")")"
