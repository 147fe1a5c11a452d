# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# doctor: a correct site has no finding, each fault has one with its fix, and the first finding is the tunnel that answers
# pings but does not work, because it ends in a container.

policy doctor <<'YAML'
allow:
  - { to: onprem, services: [8888/tcp, ping], from: laptop-eric }
  - { to: ec2, services: [9443/tcp], from: laptop-ryan }
  - { to: onprem.lan, services: [9100/tcp], from: ec2 }
encrypt:
  - { between: [ec2, onprem], tunnel: wg0 }
YAML

# doctor NODE [ARGUMENT…]: what it says, in $LAB/said; prints its exit status.
doctor() {
  local n=$1
  shift
  wgfence_in "$n" doctor "$LAB/doctor.yaml" --machine "$n" "$@" >"$LAB/said" 2>"$LAB/complaints"
  echo $?
}

# says CHECK [TEXT]: is there a finding, error or warning, of that check with TEXT in it?
says() { if grep -E "^(error|warning) +$1 " "$LAB/said" | matches -F -- "${2:-}"; then echo yes; else echo no; fi; }

# outcome NODE CHECK [TEXT]: exit status, and whether it says that.
outcome() { echo "$(doctor "$1") $(says "$2" "${3:-}")"; }

# A correct site, with the policy in force and without it.
verdict "a correct site has no finding" 0 "$(doctor onprem)"
verdict "and there is no error or warning" 0 "$(grep -cE '^(error|warning)' "$LAB/said")"
enforce doctor onprem
verdict "nor with the policy in force" 0 "$(doctor onprem)"
verdict "every handshake is ok" yes "$(grep -qE '^ok +handshake ' "$LAB/said" && echo yes)"
verdict "what it could not check is reported" yes "$(grep -qE '^not made +swarm-address ' "$LAB/said" && echo yes)"
verdict "userspace WireGuard is information" yes "$(grep -qE '^information +userspace ' "$LAB/said" && echo yes)"
verdict "JSON has the same" "wgfence/doctor/1 0 yes" "$(doctor onprem --format json >/dev/null; "$PYTHON" -c 'import json, sys
said = json.load(open(sys.argv[1]))
keys = {"check", "severity", "looked_at", "found", "fix"}
print(said["schema"], said["summary"]["errors"], "yes" if said["findings"] and all(set(f) == keys for f in said["findings"]) else said)' "$LAB/said")"
verdict "a peer that the policy does not name is a finding at the hub" "2 yes" "$(outcome ec2 allowed-ips-policy "not a machine of the policy")"
wgfence_in onprem doctor >"$LAB/said" 2>&1
verdict "without a policy it checks the WireGuard interfaces" yes "$(grep -q 'without a policy.*wg0' "$LAB/said" && echo yes)"
wgfence_in onprem doctor "$LAB/not-there.yaml" >"$LAB/said" 2>&1
verdict "a missing policy is an error" 1 $?
wgfence_in onprem doctor "$LAB/doctor.yaml" --machine nobody >"$LAB/said" 2>&1
verdict "so is an unknown machine" 1 $?
cp "$WGFENCE" "$LAB/doctor-program"
chmod 755 "$LAB" "$LAB/doctor-program"
node onprem setpriv --reuid 65534 --regid 65534 --clear-groups "$LAB/doctor-program" doctor "$LAB/doctor.yaml" --machine onprem \
  >"$LAB/said" 2>&1
verdict "without root it finds nothing wrong" 0 $?
verdict "and reports what it could not check" yes \
  "$(grep -qE '^not made +handshake ' "$LAB/said" && grep -qE '^not made +other-firewall .*root' "$LAB/said" && echo yes)"

# A laptop in a network that another machine has as a subnet: the policy places that network in the tunnel.
misplaced='lan0 has the address 192.168.1.50/24, which is in 192.168.1.0/24, a subnet of onprem'
ip -n laptop-ryan link add lan0 type bridge
ip -n laptop-ryan addr add 192.168.1.50/24 dev lan0
ip -n laptop-ryan link set lan0 up
verdict "a laptop in another machine's subnet" "2 yes" "$(outcome laptop-ryan misplaced-address "$misplaced")"
wgfence_in laptop-ryan plan "$LAB/doctor.yaml" --machine laptop-ryan >/dev/null 2>"$LAB/said"
verdict "plan says so too, with the line to write" yes \
  "$(grep -F "$misplaced" "$LAB/said" | matches -F 'zones: { lan: { interfaces: [lan0], prefixes: [192.168.1.0/24] } }' && echo yes)"
sed 's|laptop-ryan: { |&zones: { lan: { interfaces: [lan0], prefixes: [192.168.1.0/24] } }, |' "$LAB/doctor.yaml" >"$LAB/doctor-lan.yaml"
wgfence_in laptop-ryan plan "$LAB/doctor-lan.yaml" --machine laptop-ryan >/dev/null 2>"$LAB/said"
verdict "and nothing once it is written" no "$(grep -qF "$misplaced" "$LAB/said" && echo yes || echo no)"
ip -n laptop-ryan link delete lan0

# The tunnel.
ip -n onprem addr del 10.13.13.2/24 dev wg0
verdict "a missing address" "2 yes" "$(outcome onprem tunnel-without-address 10.13.13.2)"
address onprem wg0 10.13.13.2/24
ip -n onprem link set wg0 down
verdict "a tunnel that is down" "2 yes" "$(outcome onprem tunnel-down "wg0 exists but is down")"
ip -n onprem link set wg0 up
# The kernel takes IPv6 addresses with the interface.
ip -n onprem -6 addr replace fd13:13::2/64 dev wg0 nodad
verdict "up again, there is no finding" 0 "$(doctor onprem)"
ip -n onprem link set wg0 mtu 1480
verdict "packets that are too large" "2 yes" "$(outcome onprem mtu "eth0 has MTU 1500")"
verdict "and the fix has the correct size" yes "$(grep -q 'fix: ip link set wg0 mtu 1440' "$LAB/said" && echo yes)"
ip -n onprem link set wg0 mtu 1420
ip -n onprem route add 10.13.13.10/32 via 198.51.100.1
verdict "a route past the tunnel" "2 yes" "$(outcome onprem route "routed through eth0: laptop-eric")"
ip -n onprem route del 10.13.13.10/32
node onprem wg set wg0 listen-port 51821
verdict "another port than the policy's" "2 yes" "$(outcome onprem listen-port "51821/udp, but the policy says 51820")"
node onprem wg set wg0 listen-port 51820
ip -n laptop-eric addr add 10.13.13.77/24 dev eth0
verdict "a network that the tunnel has too" "2 yes" "$(outcome laptop-eric allowed-ips-overlap "10.13.13.0/24")"
ip -n laptop-eric addr del 10.13.13.77/24 dev eth0
node onprem sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
verdict "a machine with a LAN behind it that passes nothing on" "2 yes" "$(outcome onprem ip-forward "192.168.1.0/24")"
forwarding onprem

# Other firewalls, as ufw and people write them.
node onprem nft -f - <<'NFT'
table inet ufw-like {
	chain input {
		type filter hook input priority 0; policy accept;
		tcp dport 8888 counter drop
		udp dport 51820 iifname "eth0" counter drop
	}
}
NFT
try "another table drops what the policy grants" silent tcp laptop-eric 10.13.13.2 8888
settle
verdict "and is named, once for both families" "2 yes" "$(outcome onprem other-firewall "inet ufw-like input")"
verdict "with the grant's line" yes "$(says other-firewall "doctor.yaml:17")"
verdict "in one line" 1 "$(grep -cE '^error +other-firewall ' "$LAB/said")"
verdict "and so for WireGuard's own port" yes "$(says listen-port "inet ufw-like input")"
node onprem nft delete table inet ufw-like
verdict "without it, there is no finding" 0 "$(doctor onprem)"

# A full tunnel, as wg-quick routes it, under strict checks of sources: it does not even shake hands.
node laptop-ryan wg set wg0 fwmark 51820 peer "$(cat "$LAB/ec2/public")" allowed-ips 0.0.0.0/0,::/0
for family in -4 -6; do
  ip -n laptop-ryan $family route add default dev wg0 table 51820
  ip -n laptop-ryan $family rule add not fwmark 51820 table 51820
  ip -n laptop-ryan $family rule add table main suppress_prefixlength 0
done
reverse_path laptop-ryan 2
try "a full tunnel works where sources are checked loosely" answered echo_request laptop-ryan 10.13.13.1
settle
verdict "and doctor has no finding" "0 " "$(doctor laptop-ryan) $(grep -E '^(error|warning)' "$LAB/said")"
reverse_path laptop-ryan 1
try "where they are checked strictly it does not" silent echo_request laptop-ryan 10.13.13.1
settle
verdict "which it says" "2 yes" "$(outcome laptop-ryan src-valid-mark "eth0 has a strict reverse-path filter")"
settle

# The other end is gone.
wireguard_down ec2
wireguard_down onprem
verdict "a missing tunnel" "2 yes" "$(outcome onprem tunnel-missing "no interface wg0")"
wireguard_up onprem
sent() { node onprem wg show wg0 transfer | awk '{ exit $3 == 0 }'; }
until_true 10 sent
verdict "a peer that never answers" "2 yes" "$(outcome onprem handshake "ec2 over wg0 has never answered")"
wireguard_down onprem
wireguard_up ec2
node ec2 sh -c 'echo 0 >/proc/sys/net/ipv4/conf/wg0/rp_filter'

# A fault that is hard to find: WireGuard in a container on the host. The tunnel comes up, its address answers pings, and nothing that
# the host serves is there.
unload onprem
cat >"$LAB/container-tunnel" <<'SH'
mount -t tmpfs tmpfs /run/wireguard
wireguard-go -f wg0 &
for _ in $(seq 100); do [ -S /run/wireguard/wg0.sock ] && break; sleep 0.05; done
wg setconf wg0 "$1"
ip addr add 10.13.13.2/24 dev wg0
ip addr add fd13:13::2/64 dev wg0 nodad
ip link set wg0 mtu 1420 up
wait
SH
task container tunnel unshare -m bash "$LAB/container-tunnel" "$LAB/onprem/wg0.conf"
pings() { [ "$(echo_request laptop-eric 10.13.13.2)" = answered ]; }
until_true 20 pings
try "with WireGuard in a container the tunnel's address answers pings" answered echo_request laptop-eric 10.13.13.2
settle
try "and the host's service does not" refused tcp laptop-eric 10.13.13.2 8888
settle
verdict "the doctor finds it" 2 "$(doctor onprem)"
verdict "and it is the first finding" yes \
  "$(head -1 "$LAB/said" | grep -E '^error +tunnel-in-container ' | matches -F 'ends in the network namespace of wireguard-go[' && echo yes)"
verdict "with the address and its interface in the container" yes "$(head -1 "$LAB/said" | matches -F '10.13.13.2, fd13:13::2 is on wg0 there' && echo yes)"
verdict "and the fix on the next line" yes "$(sed -n 2p "$LAB/said" | matches -F 'fix: run WireGuard on the host' && echo yes)"
wgfence_in onprem doctor >"$LAB/said" 2>&1
verdict "without a policy too" "2 yes" "$? $(head -1 "$LAB/said" | matches -E '^error +tunnel-in-container .*wg0 with 10.13.13.2' && echo yes)"
