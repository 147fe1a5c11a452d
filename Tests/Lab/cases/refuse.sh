# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `refuse` with real packets: the tunnel and onprem's LAN get an answer for what no grant allows, the internet does not. Each
# with the same packets without the key.

address lan eth0 192.168.1.30/24
ip -n lan addr add fd68:1::30/64 dev eth0 nodad preferred_lft 0
# Everything may come out of the tunnel, as far as WireGuard is concerned.
node onprem wg set wg0 peer "$(cat "$LAB/ec2/public")" allowed-ips 0.0.0.0/0,::/0
serve lan more --udp 5005

policy silent <<'YAML'
lists:
  bad: [192.168.1.30, "fd68:1::30"]
block: [bad]
allow:
  - { to: onprem, services: [8888/tcp], from: [laptop-eric, lan] }
  - { to: onprem, services: [3000/tcp], from: lan, limit: 1/hour }
  - { to: onprem.lan, services: [9100/tcp], from: laptop-eric }
  - { to: ec2, services: [9100/tcp], from: laptop-eric }
failsafe:
  - { to: [onprem, ec2], services: [ssh], from: laptop-eric }
YAML
sed 's/^allow:/refuse: [wg0, lan]\n&/' "$LAB/silent.yaml" >"$LAB/refused.yaml"
sed 's/^allow:/refuse: wg0\n&/' "$LAB/silent.yaml" >"$LAB/tunnel.yaml"
sed 's/^allow:/observe: [onprem, ec2]\n&/' "$LAB/refused.yaml" >"$LAB/observed.yaml"
wgfence_in onprem check --prove "$LAB/refused.yaml" >"$LAB/said" 2>&1
verdict "the policy is valid, and its proof holds" yes "$([ $? != 1 ] && ! grep -q error: "$LAB/said" && echo yes || cat "$LAB/said")"

quick_tcp() { PROBE_TIMEOUT=0.9 tcp "$@"; }
# An error for UDP is one of two: port unreachable, or prohibited.
quick_udp() {
  case $(PROBE_TIMEOUT=0.9 udp "$@") in
  refused | rejected) echo error ;;
  *) echo silent ;;
  esac
}
# Does ping get an error?
quick_ping() { case $(node "$1" ping -n -c1 -W1 "$2" 2>&1) in *'Packet filtered'* | *rohibited* | *nreachable*) echo error ;; *) echo silent ;; esac; }

# everything WHEN TUNNEL_TCP TUNNEL_UDP LAN_TCP LAN_UDP: what no grant allows; and what is the same in all.
everything() {
  try46 "$1: a granted port in the tunnel" open tcp laptop-eric 10.13.13.2 fd13:13::2 8888
  try46 "$1: a granted host in the LAN" open tcp laptop-eric 192.168.1.20 fd68:1::20 9100
  try46 "$1: a granted port in the LAN" open tcp lan 192.168.1.1 fd68:1::1 8888
  try46 "$1: another port in the tunnel" "$2" quick_tcp laptop-eric 10.13.13.2 fd13:13::2 9999
  try46 "$1: the granted port, from another machine" "$2" quick_tcp laptop-ryan 10.13.13.2 fd13:13::2 8888
  try46 "$1: one where nobody listens" "$2" quick_tcp laptop-eric 10.13.13.2 fd13:13::2 1
  try46 "$1: from a peer that no line names" "$2" quick_tcp visitor 10.13.13.1 fd13:13::1 9100
  try46 "$1: UDP in the tunnel" "$3" quick_udp laptop-eric 10.13.13.2 fd13:13::2 5005
  try46 "$1: ping in the tunnel" "$3" quick_ping laptop-eric 10.13.13.2 fd13:13::2
  try46 "$1: forwarded to the LAN" "$2" quick_tcp laptop-eric 192.168.1.20 fd68:1::20 22
  try46 "$1: UDP forwarded to the LAN" "$3" quick_udp laptop-eric 192.168.1.20 fd68:1::20 5005
  try46 "$1: forwarded by the hub" "$2" quick_tcp laptop-eric 10.13.13.11 fd13:13::11 9100
  try46 "$1: another port in the LAN" "$4" quick_tcp lan 192.168.1.1 fd68:1::1 9999
  try46 "$1: UDP in the LAN" "$5" quick_udp lan 192.168.1.1 fd68:1::1 5005
  try46 "$1: forwarded out of the LAN" "$4" quick_tcp lan 198.51.100.66 2001:db8:198::66 7
  try "$1: a source of the block list (IPv4)" silent quick_tcp lan 192.168.1.1 9999 --source 192.168.1.30
  try "$1: a source of the block list (IPv6)" silent quick_tcp lan fd68:1::1 9999 --source fd68:1::30
  try46 "$1: the internet" silent quick_tcp internet 198.51.100.7 2001:db8:198::7 9999
  try46 "$1: UDP from the internet" silent quick_udp internet 198.51.100.7 2001:db8:198::7 5005
  try46 "$1: forwarded from the internet" silent quick_tcp internet 192.168.1.20 fd68:1::20 9100
  settle
}
# The hub forwards between peers what nobody listens to: without a policy it is refused by the laptop itself.
enforce silent onprem ec2
everything "without refuse" silent silent silent silent
enforce tunnel onprem ec2
everything "refuse wg0" refused error silent silent
enforce refused onprem ec2
everything "refuse both" refused error refused error

# Answers of onprem, where they leave: a reset or an ICMP error.
watch() {
  local i
  for i in eth0 wg0 enp5s0; do
    rm -f "$LAB/onprem/watch-$i.log"
    task onprem "watch-$i" tcpdump -i $i -n -U -s 128 -B 8192 -Q out --immediate-mode -w "$LAB/$i.pcap"
    until_true 10 grep -q listening "$LAB/onprem/watch-$i.log"
  done
  sleep 0.2
}
watched() {
  local i
  sleep 0.5
  for i in eth0 wg0 enp5s0; do
    end_task onprem "watch-$i"
    tcpdump -n -r "$LAB/$i.pcap" 2>/dev/null
  done | grep -cE "${1:-Flags \[R|unreachable}"
}
mac() { node onprem cat "/sys/class/net/$1/address"; }
forge() {
  local n=$1
  shift
  node "$n" "$PYTHON" "$LAB_HERE/forge.py" "$@"
}
watch
forge lan eth0 "$(mac enp5s0)" tcp 192.168.1.20 192.168.1.1 --port 9999
forge lan eth0 "$(mac enp5s0)" udp 192.168.1.20 192.168.1.1 --port 5005
forge lan eth0 "$(mac enp5s0)" tcp fd68:1::20 fd68:1::1 --port 9999
forge lan eth0 "$(mac enp5s0)" udp fd68:1::20 fd68:1::1 --port 5005
verdict "four honest packets get four answers" 4 "$(watched)"
# forged NODE DEVICE MAC TARGET SOURCE…: TCP and UDP from each source.
forged() {
  local n=$1 device=$2 to=$3 target=$4 source
  shift 4
  watch
  for source in "$@"; do
    forge "$n" "$device" "$to" tcp "$source" "$target" --port 9999
    forge "$n" "$device" "$to" udp "$source" "$target" --port 5005
  done
  watched
}
verdict "in the LAN: sources of a peer, of the internet and of the host get no answer" 0 \
  "$(forged lan eth0 "$(mac enp5s0)" 192.168.1.1 10.13.13.10 8.8.8.8 192.168.1.1 198.51.100.7)"
verdict "over IPv6" 0 "$(forged lan eth0 "$(mac enp5s0)" fd68:1::1 fd13:13::10 2001:db8:64::10 fd68:1::1)"
verdict "in the tunnel: sources of the LAN and of the host get none" 0 "$(forged ec2 wg0 - 10.13.13.2 192.168.1.20 10.13.13.2)"
verdict "over IPv6" 0 "$(forged ec2 wg0 - fd13:13::2 fd68:1::20 fd13:13::2)"
verdict "sources of the internet, of which no grant speaks, get none" 0 "$(forged ec2 wg0 - 10.13.13.2 8.8.8.8)"
verdict "over IPv6, and of a link" 0 "$(forged ec2 wg0 - fd13:13::2 2001:db8:64::10 fe80::10)"
verdict "from outside: sources of the LAN and of the tunnel get none" 0 \
  "$(forged internet onprem "$(mac eth0)" 198.51.100.7 192.168.1.20 10.13.13.10)"
verdict "to the LAN's address and to its hosts" "0 0" \
  "$(forged internet onprem "$(mac eth0)" 192.168.1.1 192.168.1.20 10.13.13.10) $(forged internet onprem "$(mac eth0)" 192.168.1.20 192.168.1.30 10.13.13.10)"
watch
udp lan 192.168.1.255 5005 --broadcast >/dev/null
udp lan 255.255.255.255 5005 --broadcast --device eth0 >/dev/null
udp lan ff02::1%eth0 5005 --device eth0 >/dev/null
udp lan 224.0.0.1 5005 --broadcast --device eth0 >/dev/null
verdict "nor do broadcasts and multicasts" 0 "$(watched)"
# In a frame for the host alone, the kernel does not see by the frame that it was sent to many.
many() { # NODE DEVICE MAC SOURCE4 SOURCE6 TARGET...
  local n=$1 device=$2 to=$3 four=$4 six=$5 target source
  shift 5
  watch
  for target in "$@"; do
    source=$four
    case $target in *:*) source=$six ;; esac
    forge "$n" "$device" "$to" tcp "$source" "$target" --port 9999
    forge "$n" "$device" "$to" udp "$source" "$target" --port 5005
  done
  watched
}
verdict "in the LAN: to the host and a group of IPv6, of which only the host's are answered" 4 \
  "$(many lan eth0 "$(mac enp5s0)" 192.168.1.20 fd68:1::20 192.168.1.1 fd68:1::1 ff02::1)"
verdict "to broadcast, anycast and multicast addresses, in frames for the host" 0 \
  "$(many lan eth0 "$(mac enp5s0)" 192.168.1.20 fd68:1::20 192.168.1.255 255.255.255.255 224.0.0.1 239.1.2.3 ff02::1 ff05::1:3 fd68:1::)"
# In a frame for many, other hosts may have received the same packet, and it may be for one of them.
for to in ff:ff:ff:ff:ff:ff 01:00:5e:00:00:01 33:33:00:00:00:01; do
  verdict "in frames to $to: not even to the host's own addresses" 0 \
    "$(many lan eth0 $to 192.168.1.20 fd68:1::20 192.168.1.1 fd68:1::1 198.51.100.66 2001:db8:198::66)"
done
verdict "in the tunnel: the host answers" 4 "$(many ec2 wg0 - 10.13.13.1 fd13:13::1 10.13.13.2 fd13:13::2)"
verdict "and not for broadcast and multicast addresses" 0 \
  "$(many ec2 wg0 - 10.13.13.1 fd13:13::1 10.13.13.255 255.255.255.255 224.0.0.1 239.1.2.3 ff02::1 ff05::1:3)"

try "above a limit" open tcp lan 192.168.1.1 3000
settle
try "it is dropped, and not refused" silent quick_tcp lan 192.168.1.1 3000
settle

# burst KIND NODE DEVICE MAC SOURCE TARGET: a thousand packets of as many connections, as fast as they go.
burst() {
  node "$2" "$PYTHON" - "$LAB_HERE" "$1" "$3" "$4" "$5" "$6" <<'PYTHON'
import sys, socket, argparse
folder, kind, device, mac, source, target = sys.argv[1:]
sys.argv = ["forge.py", device, mac, "tcp", source, target, "--port", "9999"]
forge = {"__name__": "forge"}
text = open(folder + "/forge.py").read()
exec(text[:text.rindex("\nmain()")], forge)
s, t = forge["packed"](source), forge["packed"](target)
version = 0x0800 if len(s) == 4 else 0x86DD
link = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(version))
to = (device, version, 0, 0, b"\0" * 6 if mac == "-" else bytes.fromhex(mac.replace(":", "")))
packets = []
for i in range(1000):
    segment = (forge["tcp_segment"](s, t, 20000 + i, 9999, 2) if kind == "tcp"
               else forge["udp_segment"](s, t, 20000 + i, 9999, b"x"))
    packets.append(forge["packet"](s, t, forge["TCP" if kind == "tcp" else "UDP"], segment))
for packet in packets:
    link.sendto(packet, to)
PYTHON
}
between() { if [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]; then echo yes; else echo "no: $1"; fi; }
count_dropped() { node onprem nft list counters table inet wgfence | awk -v c="$1" '/counter/ { on = $2 == c } on && $1 == "packets" { print $2 }'; }
for kind in tcp udp; do
  for family in 4 6; do
    case $family in 4) s=192.168.1.20 t=192.168.1.1 ;; 6) s=fd68:1::20 t=fd68:1::1 ;; esac
    sleep 1.2
    before=$(count_dropped drop-not-granted-lan)
    watch
    burst $kind lan eth0 "$(mac enp5s0)" $s $t
    n=$(watched)
    # The kernel limits its ICMP errors too, so the lower bound is far below the rate.
    verdict "of 1,000 packets in a burst about 100 are answered ($kind, IPv$family)" yes "$(between "$n" 10 250)"
    verdict "and all of them are counted ($kind, IPv$family)" 1000 "$(($(count_dropped drop-not-granted-lan) - before))"
  done
done
sleep 1.2
watch
burst tcp lan eth0 "$(mac enp5s0)" 192.168.1.20 198.51.100.66
verdict "the same for what is not forwarded" yes "$(between "$(watched)" 50 250)"
sleep 1.2
burst tcp lan eth0 "$(mac enp5s0)" 192.168.1.20 192.168.1.1
try "a flood in the LAN takes no answers from the tunnel" refused quick_tcp laptop-eric 10.13.13.2 9999
settle

# A session whose grant is removed ends.
session ends laptop-eric 10.13.13.2 8888 >/dev/null
ask ends
verdict "a session" alive "$(answer_of ends)"
sed '/8888/d' "$LAB/refused.yaml" >"$LAB/revoked.yaml"
enforce revoked onprem
ask ends
verdict "without its grant ends" no "$([ "$(answer_of ends)" = alive ] && echo yes || echo no)"
hang_up ends

enforce refused onprem
verdict "plan has nothing to change" 0 "$(wgfence_in onprem plan "$LAB/refused.yaml" --machine onprem >"$LAB/said" 2>&1; echo $?)"
verdict "explain says that it is refused" "reject reject" \
  "$(explained onprem 4 verdict "$LAB/refused.yaml" --from laptop-eric --to 9999/tcp) $(explained onprem 6 verdict "$LAB/refused.yaml" --from laptop-eric --to 9999/tcp)"
verdict "explain says that the internet gets none" "drop" \
  "$(explained onprem 4 verdict "$LAB/refused.yaml" --from internet --to 9999/tcp)"

# observe: all of it passes.
enforce observed onprem ec2
try46 "observe: nothing is refused in the tunnel" open tcp laptop-eric 10.13.13.2 fd13:13::2 9999
try46 "observe: nor in the LAN" open tcp lan 192.168.1.1 fd68:1::1 9999
try46 "observe: nor to it" open tcp laptop-eric 192.168.1.20 fd68:1::20 22
settle

# `anywhere` is in a tunnel whatever has its home there, although the peer may send from every address.
policy everyone <<'YAML'
refuse: wg0
allow:
  - { to: onprem, services: [8888/tcp], from: anywhere, because: a public page }
YAML
enforce everyone onprem
# answered NODE DEVICE MAC SOURCE TARGET: do the first packets of connections to the granted port get an answer?
answered() {
  watch
  forge "$1" "$2" "$3" tcp "$4" "$5" --port 8888
  watched 'Flags \[S\.'
}
outside=$(mac eth0)
verdict "from: anywhere, a source of the internet from outside" "1 1" \
  "$(answered internet onprem "$outside" 198.51.100.66 198.51.100.7) $(answered internet onprem "$outside" 2001:db8:198::66 2001:db8:198::7)"
verdict "a peer in the tunnel" "1 1" "$(answered ec2 wg0 - 10.13.13.11 10.13.13.2) $(answered ec2 wg0 - fd13:13::11 fd13:13::2)"
verdict "a source of the internet in the tunnel" "0 0" "$(answered ec2 wg0 - 8.8.8.8 10.13.13.2) $(answered ec2 wg0 - 2001:db8:64::10 fd13:13::2)"
