# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A daemon whose policy takes long to check: the service manager is told after ten seconds, so that the network comes up, and who
# asked for the status meanwhile is answered then. And a host whose name changes: a reload takes it up.

state=$LAB/onprem/state
journal=$LAB/onprem/daemon.log
notices=$LAB/onprem/notices.log
live=$LAB/starting.yaml
key=$(wg genkey | wg pubkey)
policy starting <<'YAML'
allow:
  - { to: onprem, services: [postgres], from: laptop-eric }
failsafe:
  - { to: onprem, services: [ssh], from: laptop-eric }
YAML
# The endpoint of a peer is read from WireGuard's devices.
sed -i "s|^  laptop-ryan: .*|  laptop-ryan: { addresses: { wg0: 10.13.13.11 }, endpoint: live, key: \"$key\" }|" "$live"

# What a service manager is told: a line with the seconds since the start, and the message.
# shellcheck disable=SC2016 # python's text
task onprem manager "$PYTHON" -c '
import os, socket, sys, time
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(sys.argv[1])
while True:
    said = manager.recv(4096).decode().replace("\n", " ")
    began = os.stat(sys.argv[2]).st_mtime if os.path.exists(sys.argv[2]) else time.time()
    with open(sys.argv[3], "a") as out:
        out.write(f"{time.time() - began:.1f} {said}\n")
' "$LAB/onprem/manager.sock" "$LAB/onprem/began" "$notices"
until_true 10 test -S "$LAB/onprem/manager.sock"

# Devices that do not answer, each for a second: that long takes every read of them.
silent=11
for i in $(seq $silent); do ip -n onprem link add "hang$i" type veth peer name "peer$i"; done
task onprem hanging "$PYTHON" -c '
import socket, sys, time
kept = []
for number in range(1, int(sys.argv[1]) + 1):
    device = socket.socket(socket.AF_UNIX)
    device.bind(f"/run/wireguard/hang{number}.sock")
    device.listen(64)
    kept.append(device)
time.sleep(600)' $silent
until_true 10 node onprem test -S "/run/wireguard/hang$silent.sock"

begin() {
  rm -rf "$state" "$notices"
  : >"$LAB/onprem/began"
  task onprem daemon env NOTIFY_SOCKET="$LAB/onprem/manager.sock" WGFENCE_STATE_DIR="$state" \
    WGFENCE_SOCKET="$LAB/onprem/control.sock" "$WGFENCE" daemon "$live"
}
told() { grep -q "$1" "$notices"; }
# ready: the seconds until the service manager was told that the daemon is ready, and its status.
ready() { sed -n 's/^\([0-9.]*\) READY=1 STATUS=\(.*\)/\1 \2/p' "$notices" | head -1; }
between() { awk -v seen="$1" -v low="$2" -v high="$3" 'BEGIN { print ((seen + 0 >= low && seen + 0 <= high) ? "yes" : seen) }'; }
in_force() { grep -q 'the policy file: in force' "$journal"; }

begin
until_true 30 told READY=1
verdict "the service manager is told after ten seconds" yes "$(between "$(ready | cut -d ' ' -f 1)" 9.5 17)"
verdict "and what is in force then" "NOTHING IS ENFORCED" "$(ready | cut -d ' ' -f 2-)"
verdict "the policy was not read then" no "$(in_force && echo yes || echo no)"
until_true 90 in_force
verdict "it is put in force when it was checked" yes "$(in_force && echo yes || echo no)"
verdict "the service manager is told once" 1 "$(grep -c READY=1 "$notices")"
end_task onprem daemon

unload onprem
begin
until_true 10 test -S "$LAB/onprem/control.sock"
asked=$SECONDS
wgfence_in onprem status --format json >"$LAB/onprem/waited" 2>/dev/null
# The answer itself reads the devices, too.
verdict "a status that is asked meanwhile waits for that" yes "$(between $((SECONDS - asked)) $((silent + 7)) 60)"
verdict "and says that the policy was not read" "false null" \
  "$("$PYTHON" -c 'import json, sys
policy = json.load(open(sys.argv[1]))["policy"]
print(json.dumps(policy["accepted"]), json.dumps(policy["error"]))' "$LAB/onprem/waited" 2>&1 | tail -1)"
end_task onprem daemon
end_task onprem hanging
node onprem sh -c 'rm /run/wireguard/hang*.sock'

unload onprem
begin
until_true 20 in_force
running_as() { wgfence_in onprem status 2>/dev/null | matches "as $1,"; }
verdict "the machine is that of the host's name" yes "$(until_true 5 running_as onprem && echo yes || echo no)"
node onprem hostname laptop-eric.example.net
node onprem kill -HUP "$(cat "$LAB/onprem/daemon.pid")"
verdict "a host name that changed is taken up on reload" yes "$(until_true 20 running_as laptop-eric && echo yes || echo no)"
verdict "and the service manager is told that the reload has ended" 2 "$(grep -c 'READY=1' "$notices")"
node onprem hostname onprem
end_task onprem daemon
end_task onprem manager
