# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A WireGuard client without ListenPort: the tunnel works in every state, over both families, also after conntrack took the
# hub's packet as the first one of the connection.

policy random-port <<'YAML'
allow:
  - { to: laptop-eric, services: [8888/tcp], from: ec2 }
encrypt:
  - { between: [laptop-eric, ec2], tunnel: wg0 }
failsafe:
  - { to: laptop-eric, services: [ssh, 8888/tcp], from: ec2 }
YAML
journal=$LAB/laptop-eric/daemon.log
state() { wgfence_in laptop-eric status || true; }
running() { wgfence_in laptop-eric status >/dev/null 2>&1 || [ $? = 2 ]; }
chosen() { node laptop-eric wg show wg0 listen-port; }
# A new port, and a hub that knows it.
choose() {
  node laptop-eric wg set wg0 listen-port 0
  until_true 10 roamed || die "the hub does not know the client's new port $(chosen)"
}
roamed() {
  echo_request laptop-eric 10.13.13.1 >/dev/null
  node ec2 wg show wg0 endpoints | matches ":$(chosen)\$"
}
# The hub sends first, as far as conntrack of the client can know.
hub_first() {
  forget_connections laptop-eric
  node ec2 ping -n -q -c2 -i0.2 -W1 10.13.13.10 >/dev/null 2>&1
}
serve laptop-eric service --tcp 8888

choose
verdict "the client's port is not the policy's" yes "$([ "$(chosen)" != 51820 ] && echo yes)"
task laptop-eric daemon env WGFENCE_STATE_DIR="$LAB/laptop-eric/state" WGFENCE_SOCKET="$LAB/laptop-eric/control.sock" \
  "$WGFENCE" daemon "$LAB/random-port.yaml" --machine laptop-eric
until_true 10 running || die "the daemon did not start: $(cat "$journal")"
hub_first
try46 "with a policy in force the tunnel works" open tcp ec2 10.13.13.10 fd13:13::10 8888
settle
verdict "doctor does not complain about the port" no \
  "$(wgfence_in laptop-eric doctor "$LAB/random-port.yaml" --machine laptop-eric 2>&1 | matches 'listen-port.*closed\|listens on' && echo yes || echo no)"
verdict "nor does status name it" no "$(state | matches "$(chosen)" && echo yes || echo no)"
verdict "status names the hub, which the client's own address is also behind" yes \
  "$(state | matches 'wg0: ec2, last handshake' && echo yes)"

# A WireGuard that does not answer for a while (the daemon reads it every 5 s and waits 1 s) keeps its port, and is followed
# afterwards.
known() { node laptop-eric nft list map inet wgfence local-internet/ports | grep "udp . $(chosen) "; }
before=$(known)
pause() { node laptop-eric kill -"$1" "$(cat "$LAB/laptop-eric/wireguard.pid")"; }
unanswered() { grep -q 'port of wg0 are not known' "$journal"; }
pause STOP
until_true 15 unanswered
noticed=$?
sleep 6
port=$(node laptop-eric nft list map inet wgfence local-internet/ports)
pause CONT
verdict "the daemon notices that WireGuard does not answer" 0 "$noticed"
verdict "and its port stays open" yes "$(grep -qF "$before" <<<"$port" && echo yes)"

old=$(chosen)
choose
verdict "WireGuard chose another port" yes "$([ "$(chosen)" != "$old" ] && echo yes)"
followed() { node laptop-eric nft list map inet wgfence local-internet/ports | matches "udp . $(chosen) "; }
until_true 30 followed
verdict "the daemon follows it" yes "$(followed && echo yes)"
verdict "and the old port is closed" no \
  "$(node laptop-eric nft list map inet wgfence local-internet/ports | matches "udp . $old " && echo yes || echo no)"
hub_first
try46 "the tunnel works with it" open tcp ec2 10.13.13.10 fd13:13::10 8888
settle
try "nobody else reaches the port" silent udp internet "${WAN[laptop-eric]}" "$(chosen)"
settle

wgfence_in laptop-eric panic >"$LAB/said" 2>&1
verdict "panic is in force" yes "$(state | grep -c 'PANIC since' | sed 's/1/yes/')"
hub_first
try46 "the failsafe grant works through the tunnel in panic" open tcp ec2 10.13.13.10 fd13:13::10 8888
try "and nothing else leaves" silent tcp laptop-eric 198.51.100.66 7
settle
choose
hub_first
until_true 30 followed
try46 "also after WireGuard chose another port in panic" open tcp ec2 10.13.13.10 fd13:13::10 8888
settle
wgfence_in laptop-eric panic --end >"$LAB/said" 2>&1

node laptop-eric ip link del wg0
missing() { [ "$(wgfence_in laptop-eric status >"$LAB/said" 2>&1; echo $?)" = 2 ] && grep -q 'wg0: its interface does not exist' "$LAB/said"; }
until_true 15 missing
verdict "status says that the tunnel's interface is missing, and ends with 2" yes "$(missing && echo yes || cat "$LAB/said")"
end_task laptop-eric daemon
