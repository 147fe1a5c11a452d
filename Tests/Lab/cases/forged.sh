# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Forged packets, from every side: sources that belong elsewhere, fragments, addresses that no wire carries, source routes,
# redirects and router advertisements, interfaces with a tunnel's name, destinations that two tables disagree about, and
# what containers send as their host. Each is sent to an open host first: there it must arrive.

policy forged <<'YAML'
services:
  gossip: 5005/udp
allow:
  - { to: onprem, services: [gossip, 9999/tcp], from: laptop-eric }
  - { to: onprem, services: [gossip], from: 192.168.1.50 }
  - { to: onprem, services: [7946/udp, 22/tcp, ping], from: internet }
  - { to: onprem.lan, services: [8080/tcp, gossip], from: internet }
encrypt:
  - { between: [ec2, onprem], tunnel: wg0 }
YAML

sed -i -e 's/^      lan: {.*/&\n      guest: { interfaces: [gst0] }/' \
  -e 's/^tunnels:/&\n  wg1: { prefixes: [10.14.14.0\/24, "fd14:14::\/64"], listen: 51822 }/' \
  -e 's/wg0: \[10.13.13.2,.*\]/&, wg1: [10.14.14.2, "fd14:14::2"]/' "$LAB/forged.yaml"
# This host's addresses in a second tunnel, to which the hub sends through the first one.
address onprem lo 10.14.14.2/32 fd14:14::2/128
node ec2 wg set wg0 peer "$(cat "$LAB/onprem/public")" allowed-ips \
  "$(node ec2 wg show wg0 allowed-ips | sed -n "s|^$(cat "$LAB/onprem/public")\t||p" | tr ' ' ,),10.14.14.2/32,fd14:14::2/128"

mac_of() { node "$1" cat "/sys/class/net/$2/address"; }
onprem_wan=$(mac_of onprem eth0)
onprem_docker=$(mac_of onprem docker0)
onprem_lan=$(mac_of onprem enp5s0)
serve lan gossip --udp 5005
serve onprem more --udp 7947

# forge NODE DEVICE MAC KIND…
forge() { local n=$1; shift; node "$n" "$PYTHON" "$LAB_HERE/forge.py" "$@"; }

# lands NODE LABEL TEXT NODE DEVICE MAC KIND…: `arrived` or `nothing`
lands() {
  local n=$1 label=$2 text=$3
  shift 3
  forge "$@" --text "$text"
  sleep 0.3
  reached "$n" "$label" "$text"
}

# fragments NODE TEXT SOURCE TARGET: a first fragment from the internet's side, the real last one through the tunnel
fragments() {
  local text=$2 source=$3 target=$4 ident=${5:-777}
  forge internet onprem "$onprem_wan" fragment "$source" "$target" --part first --text "$text" --other "end-$text" --ident "$ident"
  forge laptop-eric wg0 - fragment "$source" "$target" --part last --text "$text" --other "end-$text" --ident "$ident"
  sleep 0.4
  reached onprem servers "$text"
}

ip netns add guest
ip -n guest link set lo up
NODE_PID["guest"]=${NODE_PID[lan]}
cable onprem gst0 guest eth0
address onprem gst0 192.168.7.1/24 fd68:7::1/64
address guest eth0 192.168.7.9/24 fd68:7::9/64
default_route guest 192.168.7.1 fd68:7::1

routed() {
  try46 "$1: a peer that no line names, to a host that is open to the internet" "$2" tcp visitor 192.168.1.20 fd68:1::20 8080
  try46 "$1: the same by UDP" "$4" udp visitor 192.168.1.20 fd68:1::20 5005
  try46 "$1: a guest network without a grant, to that host" "$2" tcp guest 192.168.1.20 fd68:1::20 8080
  try46 "$1: the internet, to that host" "$3" tcp internet 192.168.1.20 fd68:1::20 8080
}

sources() { # WORD EXPECTED EXPECTED-OF-HONEST
  verdict "$1: an IPv4-mapped source" "$2" "$(lands onprem servers "$1-mapped" internet onprem "$onprem_wan" \
    udp ::ffff:10.13.13.10 2001:db8:198::7 --port 7946)"
  verdict "$1: a tunnel's source outside the tunnel (IPv4)" "$2" "$(lands onprem servers "$1-tunnel4" internet onprem "$onprem_wan" \
    udp 10.13.13.10 198.51.100.7)"
  verdict "$1: a tunnel's source outside the tunnel (IPv6)" "$2" "$(lands onprem servers "$1-tunnel6" internet onprem "$onprem_wan" \
    udp fd13:13::10 2001:db8:198::7)"
  verdict "$1: the LAN's source by the internet's side" "$2" "$(lands onprem servers "$1-lan-wan" internet onprem "$onprem_wan" \
    udp 192.168.1.50 198.51.100.7)"
  verdict "$1: the LAN's source from a container" "$2" "$(lands onprem servers "$1-lan-container" container eth0 "$onprem_docker" \
    udp 192.168.1.50 198.51.100.7)"
  verdict "$1: the LAN's source from the LAN" "$3" "$(lands onprem servers "$1-lan-lan" lan eth0 "$onprem_lan" \
    udp 192.168.1.50 192.168.1.1)"
  verdict "$1: this host's address in another tunnel (IPv4)" "$2" "$(lands onprem servers "$1-other4" ec2 wg0 - \
    udp 10.13.13.10 10.14.14.2)"
  verdict "$1: this host's address in another tunnel (IPv6)" "$2" "$(lands onprem servers "$1-other6" ec2 wg0 - \
    udp fd13:13::10 fd14:14::2)"
  verdict "$1: its address in the tunnel (IPv4)" "$3" "$(lands onprem servers "$1-own4" ec2 wg0 - udp 10.13.13.10 10.13.13.2)"
  verdict "$1: its address in the tunnel (IPv6)" "$3" "$(lands onprem servers "$1-own6" ec2 wg0 - udp fd13:13::10 fd13:13::2)"
  verdict "$1: a fragment from outside completed by the tunnel (IPv4)" "$2" "$(fragments x "$1-frag4" 10.13.13.10 10.13.13.2)"
  verdict "$1: a fragment from outside completed by the tunnel (IPv6)" "$2" "$(fragments x "$1-frag6" fd13:13::10 fd13:13::2)"
}

# A source route through this host, to a host of the LAN: the port is granted here, and not there.
source_routes() {
  local n
  for n in onprem lan; do
    node $n sh -c 'for i in all eth0; do echo 1 >/proc/sys/net/ipv4/conf/$i/accept_source_route; done'
  done
  for kind in --loose "" "--loose --used 1" "--used 1" "--loose --used 7 --pad 1" "--loose --pad 3"; do
    # shellcheck disable=SC2086
    verdict "$1: a source route (${kind:---strict}) to the LAN" "$2" "$(lands lan gossip "$1-route${kind// /}" internet onprem "$onprem_wan" \
      source-route 198.51.100.66 198.51.100.7 192.168.1.20 --port 5005 $kind)"
  done
  verdict "$1: a routing header in the second fragment" "$2" "$(lands onprem servers "$1-hidden" internet onprem "$onprem_wan" \
    hidden-route 2001:db8:198::66 2001:db8:198::7 --port 7946)"
}

# The main table has an unreachable route to a destination, but a rule selects another table that has a route.
disagreed() {
  node onprem sh -c 'ip -6 route replace unreachable 2001:db8:dead::/48; ip -6 rule del pref 50 2>/dev/null
    ip -6 rule add pref 50 iif eth0 lookup 100; ip -6 route replace 2001:db8:dead::/48 dev enp5s0 table 100'
  ip -n lan -6 addr replace 2001:db8:dead::20/128 dev eth0 nodad
  ip -n internet -6 route replace 2001:db8:dead::/48 via 2001:db8:198::7
  try "$1: a destination that the main table calls unreachable" "$2" tcp internet 2001:db8:dead::20 22
  settle
}

# gateway FAMILY: by which router onprem reaches the hotel
gateway() { node onprem ip "-$1" route get "$2" | sed -n 's/.* via \([^ ]*\).*/\1/p' | head -1; }

redirects() {
  local before after
  node onprem sh -c 'for i in all eth0; do echo 1 >/proc/sys/net/ipv4/conf/$i/accept_redirects
    echo 0 >/proc/sys/net/ipv4/conf/$i/secure_redirects; done; echo 0 >/proc/sys/net/ipv4/conf/eth0/forwarding
    ip route flush cache; ping -c1 -W1 198.51.100.66' >/dev/null
  node laptop-eric ping -c1 -W1 -e 4242 198.51.100.7 >/dev/null
  before=$(gateway 4 100.64.7.10)
  # It quotes an echo reply that was sent.
  for _ in 1 2; do
    forge internet onprem "$onprem_wan" redirect 198.51.100.1 198.51.100.7 198.51.100.66 100.64.7.10 --port 4242
    sleep 0.2
  done
  after=$(gateway 4 100.64.7.10)
  verdict "$1: an ICMP redirect (IPv4)" "$2" "$([ "$before" = "$after" ] && echo nothing || echo arrived)"
  node onprem sh -c 'echo 1 >/proc/sys/net/ipv4/conf/eth0/forwarding; ip route flush cache'
}

has_address_on() { node onprem ip -6 -o addr show dev "$1" | matches "$2"; }
advertised_by() { # WORD EXPECTED NODE ITS-DEVICE OUR-DEVICE PREFIX
  node onprem sh -c "echo 2 >/proc/sys/net/ipv6/conf/$5/accept_ra; echo 1 >/proc/sys/net/ipv6/conf/$5/autoconf"
  node "$3" "$PYTHON" "$PROBE" router-advertisement "$4" "$6" >/dev/null
  verdict "$1: a router advertisement from $3" "$2" \
    "$(until_true 1 has_address_on "$5" "${6%::*}:" && echo arrived || echo nothing)"
  node onprem sh -c "echo 0 >/proc/sys/net/ipv6/conf/$5/accept_ra"
  node onprem ip -6 addr flush dev "$5" scope global dynamic
  node onprem ip -6 route flush proto ra
  ip -n "$3" -6 addr flush dev "$4" scope global dynamic
}

# --- an open host: everything arrives -------------------------------------------------------------------------------
routed open open open answered
sources open arrived arrived
source_routes open arrived
disagreed open open
redirects open arrived
advertised_by open arrived container eth0 docker0 2001:db8:bbbb::
settle

# --- with the policy ------------------------------------------------------------------------------------------------
enforce forged onprem
forget_connections onprem
routed closed silent open silent
sources closed nothing arrived
source_routes closed nothing
disagreed closed silent
redirects closed nothing
advertised_by closed nothing container eth0 docker0 2001:db8:cccc::
settle
# make proof runs many rounds, each with other random numbers.
for ((round = 1; round < ${WGFENCE_FORGED_ROUNDS:-1}; round++)); do
  port=$((40000 + round))
  verdict "round $round: fragments (IPv4)" nothing "$(fragments x "r4-$round-" 10.13.13.10 10.13.13.2 "$((RANDOM + 1))")"
  verdict "round $round: fragments (IPv6)" nothing "$(fragments x "r6-$round-" fd13:13::10 fd13:13::2 "$((RANDOM * 32768 + RANDOM))")"
  verdict "round $round: the LAN's source from a container" nothing "$(lands onprem servers "rc-$round-" container eth0 "$onprem_docker" \
    udp 192.168.1.50 198.51.100.7 --sport $port)"
  verdict "round $round: a tunnel's source outside the tunnel" nothing "$(lands onprem servers "rt-$round-" internet onprem "$onprem_wan" \
    udp "10.13.13.$((round % 254 + 1))" 198.51.100.7 --sport $port)"
done

# --- an interface with the tunnel's name ----------------------------------------------------------------------------
# While wg0 is missing, a local user with the right to do so creates a veth pair with its name, and owns the other end.
wireguard_down onprem
until_true 5 sh -c "! ip -n onprem link show wg0" || die "wg0 stays"
ip link add wg0 netns onprem type veth peer name fake netns guest
ip -n onprem link set wg0 up
ip -n guest link set fake up
address onprem wg0 10.13.13.2/24 fd13:13::2/64
fake_mac=$(mac_of onprem wg0)
verdict "packets from a veth pair named like the tunnel are dropped (IPv4)" nothing \
  "$(lands onprem servers fake-four guest fake "$fake_mac" udp 10.13.13.10 10.13.13.2)"
verdict "packets from a veth pair named like the tunnel are dropped (IPv6)" nothing \
  "$(lands onprem servers fake-six guest fake "$fake_mac" udp fd13:13::10 fd13:13::2)"
try46 "and nothing is sent to a peer through it" rejected udp onprem 10.13.13.10 fd13:13::10 7
settle
unload onprem
verdict "without the policy they arrive (IPv4)" arrived \
  "$(lands onprem servers open-fake-four guest fake "$fake_mac" udp 10.13.13.10 10.13.13.2)"
verdict "without the policy they arrive (IPv6)" arrived \
  "$(lands onprem servers open-fake-six guest fake "$fake_mac" udp fd13:13::10 fd13:13::2)"
ip -n onprem link del wg0
wireguard_up onprem
until_true 10 handshaken onprem || die "no tunnel again"
reverse_path onprem 0

# --- packets that containers send with the host's address -----------------------------------------------------------------------------
serve ec2 overlay --udp 4789
try "without a policy a container's VXLAN reaches the other host by the tunnel" arrived \
  received ec2 overlay open-overlay udp container 10.13.13.1 4789
try "without a policy a container reaches the tunnel's port of the other host" arrived \
  received ec2 overlay open-port udp container 203.0.113.10 4789
settle
enforce forged onprem
forget_connections onprem
try "a container's VXLAN does not reach the other host by the tunnel" nothing \
  received ec2 overlay closed-overlay udp container 10.13.13.1 4789
try "a container's UDP to the endpoint's WireGuard port is refused" rejected udp container 203.0.113.10 51820
try "and so is a process's, from another port than WireGuard's" rejected udp onprem 203.0.113.10 51820
try46 "containers' packets to other hosts pass" answered udp container 198.51.100.66 2001:db8:198::66 7
settle

# --- rejections are immediate -------------------------------------------------------------------------------------------
wireguard_down onprem
refusals() {
  node "$1" "$PYTHON" - "$2" <<'PY'
import socket, sys, time
began, refused = time.monotonic(), 0
for _ in range(50):
    probe = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
    probe.settimeout(2)
    try:
        probe.connect((sys.argv[1], 5432))
    except ConnectionRefusedError:
        refused += 1
    except OSError:
        pass
    probe.close()
print("50 at once" if refused == 50 and time.monotonic() - began < 3 else f"{refused} in {time.monotonic() - began:.1f} s")
PY
}
for n in container onprem; do
  for a in 10.13.13.1 fd13:13::1; do
    verdict "50 connections of $n to $a while the tunnel is down are refused" "50 at once" "$(refusals $n $a)"
  done
done

# --- traffic that another table redirects to a port of the hub --------------------------------------------------------------
policy relayed <<'YAML'
allow:
  - { to: onprem, services: [postgres], from: laptop-eric }
  - { to: ec2, services: [80/tcp], from: laptop-eric }
YAML
wireguard_up onprem
until_true 10 handshaken onprem || die "no tunnel again"
node ec2 nft -f - <<'NFT'
table inet turning {
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		ip daddr 10.13.13.2 tcp dport 5432 redirect to :22
		ip6 daddr fd13:13::2 tcp dport 5432 redirect to :22
		fib daddr type local tcp dport 80 redirect to :8080
	}
}
NFT
try46 "without a policy granted relayed traffic is redirected to the hub's ssh" open tcp laptop-eric 10.13.13.2 fd13:13::2 5432
settle
enforce relayed ec2
forget_connections ec2
try46 "granted relayed traffic is not redirected to an ungranted port of the hub" silent tcp laptop-eric 10.13.13.2 fd13:13::2 5432
try46 "a flow that is granted by its original port can be redirected to another" open tcp laptop-eric 10.13.13.1 fd13:13::1 80
settle

# --- a bridge that only looks like one of containers -------------------------------------------------------------------
policy bridged <<'YAML'
allow:
  - { to: onprem, services: [postgres], from: laptop-eric }
YAML
unload onprem ec2
node onprem sh -c 'ip link add br-lan type bridge; ip link set br-lan up; ip addr flush dev gst0; ip link set gst0 master br-lan'
address onprem br-lan 192.168.7.1/24 fd68:7::1/64
try "without a policy a host on the bridge reaches the LAN" open tcp guest 192.168.1.20 22
settle
enforce bridged onprem
try "with only guests on it, the bridge is in the zone of containers" open tcp guest 192.168.1.20 22
settle
# The default route uses the bridge, so there are more hosts behind it than guests.
node onprem sh -c 'ip route add 203.0.113.0/24 via 198.51.100.1; ip route replace default via 192.168.7.9 dev br-lan'
enforce bridged onprem
verdict "apply says that the bridge is not treated as one of containers" yes \
  "$(grep -q 'the bridge br-lan carries the default route: its packets are treated as internet' "$LAB/onprem/apply.log" && echo yes || echo no)"
forget_connections onprem
try46 "and a host on it does not reach the LAN" silent tcp guest 192.168.1.20 fd68:1::20 22
try "nor a peer of the tunnel" silent tcp guest 10.13.13.1 22
settle
# A port that is not a guest's is added later, and the daemon notices it.
node onprem sh -c 'ip route replace default via 198.51.100.1'
enforce bridged onprem
try "with the default route back it is one of containers again" open tcp guest 192.168.1.20 22
settle
cp "$LAB/bridged.yaml" "$LAB/onprem/bridged.yaml"
task onprem daemon env WGFENCE_STATE_DIR="$LAB/onprem/state" WGFENCE_SOCKET="$LAB/onprem/control.sock" \
  "$WGFENCE" daemon "$LAB/onprem/bridged.yaml" --machine onprem
until_true 20 wgfence_in onprem status || true
ip link add uplink netns onprem type veth peer name far netns guest
node onprem sh -c 'ip link add link uplink name up0 type macvlan mode bridge && ip link set up0 master br-lan && ip link set up0 up'
said() { grep -q 'the bridge br-lan has the port up0' "$LAB/onprem/daemon.log"; }
verdict "the daemon notices a port that is not a guest's" yes "$(until_true 10 said && echo yes || echo no)"
forget_connections onprem
try "and a host on the bridge no longer reaches the LAN" silent tcp guest 192.168.1.20 22
settle
end_task onprem daemon
