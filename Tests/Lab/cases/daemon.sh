# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The daemon on onprem, seen from outside: what it does when its file, the kernel or a person changes something. Each step
# depends on the one before, so they run one after another.

live=$LAB/onprem/daemon.yaml
journal=$LAB/onprem/daemon.log

# written NAME GRANT…: a policy that grants these, and SSH from everywhere in every state.
written() {
  local name=$1 grant
  shift
  {
    echo "allow:"
    for grant in "$@"; do echo "  - $grant"; done
    echo 'failsafe:'
    echo '  - { to: onprem, services: [ssh], from: [internet, laptop-eric] }'
  } | policy "$name"
}
written with '{ to: onprem, services: [postgres, 8888/tcp, 9586/tcp], from: laptop-eric }'
written without '{ to: onprem, services: [postgres], from: laptop-eric }'
written metrics-for-all '{ to: onprem, services: [9586/tcp], from: [internet, laptop-eric] }'

# seen NAME EXPECTED COMMAND…: the last line that a command prints.
seen() {
  local name=$1 expected=$2
  shift 2
  verdict "$name" "$expected" "$("$@" 2>&1 | tail -1)"
}
# ends NAME STATUS VERB…: the exit status of a verb on onprem.
ends() {
  local name=$1 expected=$2
  shift 2
  wgfence_in onprem "$@" </dev/null >"$LAB/onprem/said" 2>&1
  verdict "$name" "$expected" $?
}
said() { grep -c -- "$1" "$LAB/onprem/said" | sed 's/^[1-9].*/yes/; s/^0/no/'; }
logged() { grep -c -- "$1" "$journal" | sed 's/^[1-9].*/yes/; s/^0/no/'; }
to_onprem() { PROBE_TIMEOUT=1.3 tcp laptop-eric 10.13.13.2 "$1"; }
from_outside() { PROBE_TIMEOUT=1.3 tcp internet 198.51.100.7 "$1"; }
# status KEY: a number of the daemon's own report.
status() { wgfence_in onprem status --format json | sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" | head -1; }
tables() { node onprem nft list tables | grep -c 'inet wgfence'; }
answers() { wgfence_in onprem status >/dev/null 2>&1 || [ $? = 2 ]; }

# begin OPTION…: starts the daemon and waits until it answers.
begin() {
  task onprem daemon env WGFENCE_STATE_DIR="$LAB/onprem/state" WGFENCE_SOCKET="$LAB/onprem/control.sock" \
    "$WGFENCE" daemon "$live" --machine onprem "$@"
  until_true 10 answers || die "the daemon did not start: $(cat "$journal")"
}

# put NAME: replaces the policy file as an editor does.
put() { replace_policy onprem "$LAB/$1.yaml" "$live"; }

# fetch: what laptop-eric gets of the metrics.
fetch() {
  node laptop-eric timeout 3 "$PYTHON" -c 'import urllib.request
print(urllib.request.urlopen("http://10.13.13.2:9586/metrics", timeout=2).read().decode())' 2>/dev/null |
    grep -c '^wgfence_policy_accepted 1' | sed 's/^1/served/; s/^0/nothing/'
}

# ssh_connections: SSH_CONNECTION, as sshd sets it, of each connection from laptop-eric to port 22, one per line.
ssh_connections() {
  node onprem ss -Htn state established "( sport = :22 )" | sed 's/\[::ffff:\([0-9.]*\)\]/\1/g' |
    awk '{ split($3, s, ":"); split($4, c, ":") } c[1] == "10.13.13.10" { print c[1], c[2], s[1], s[2] }'
}
# confirms SSH_CONNECTION: the exit status of a confirmation from that session.
confirms() {
  node onprem env SSH_CONNECTION="$1" WGFENCE_SOCKET="$LAB/onprem/control.sock" "$WGFENCE" confirm \
    </dev/null >"$LAB/onprem/said" 2>&1
  echo $?
}

cp "$LAB/with.yaml" "$live"
begin --metrics 10.13.13.2:9586
seen "the policy file is in force" open to_onprem 8888
session revoked laptop-eric 10.13.13.2 8888
put without
seen "a changed file closes a port" silent to_onprem 8888
ask revoked
seen "and ends the session" dead answer_of revoked
hang_up revoked
echo 'version: [' >"$live"
sleep 0.4
ends "a broken file is a finding of status" 2 status
verdict "status reports it" yes "$(said 'NOT ACCEPTED')"
verdict "and so does the journal" yes "$(logged 'the policy was not accepted')"
seen "the last accepted policy is in force" open to_onprem 5432
seen "and nothing else is open" silent to_onprem 8888
rm "$live"
sleep 0.4
seen "nor does a missing file" silent to_onprem 8888
put with
seen "a valid file is in force again" open to_onprem 8888

seen "metrics are served where the policy grants them" served fetch

node onprem nft flush ruleset
seen "a flush of the ruleset does not remove the table" 1 tables
seen "no repair is needed" 0 status repairs

node onprem setpriv --reuid=65534 --regid=65534 --clear-groups env WGFENCE_SOCKET="$LAB/onprem/control.sock" \
  "$WGFENCE" status >"$LAB/onprem/said" 2>&1
verdict "users other than root and the group are refused" 1 $?

# as_user GROUPS COMMAND…: on onprem as the user nobody, with these additional groups.
as_user() {
  local groups=$1
  shift
  node onprem setpriv --reuid=65534 --regid=65534 "$groups" env WGFENCE_SOCKET="$LAB/onprem/control.sock" "$@"
}
# The group is one of the node alone.
{ cat /etc/group; echo 'wgfence:x:64711:'; } >"$LAB/onprem/group"
node onprem mount --bind "$LAB/onprem/group" /etc/group
chgrp 64711 "$LAB/onprem/control.sock"
as_user --groups=64711 "$WGFENCE" status >"$LAB/onprem/said" 2>&1
verdict "a member of the group can connect" 0 $?
as_user --groups=64711 "$PYTHON" -c 'import socket, sys, time
clients = [socket.socket(socket.AF_UNIX) for _ in range(60)]
for number, client in enumerate(clients):
    client.connect(sys.argv[1])
    try: client.send([b"\0\0\0\x64Qversion=1", b"\xff" * 300, b"\0"][number % 3])
    except BrokenPipeError: pass
print("connected", flush=True)
time.sleep(30)' "$LAB/onprem/control.sock" </dev/null >"$LAB/onprem/strangers" 2>&1 &
strangers=$!
until_true 5 grep -q connected "$LAB/onprem/strangers"
ends "a member with 60 idle connections does not block root" 0 status
put without
seen "and does not block the daemon" silent to_onprem 8888
put with
seen "and back" open to_onprem 8888
kill $strangers
wait $strangers 2>/dev/null

ends "a temporary grant is made" 0 open 9100/tcp --from internet --for 4s --because 'the lab'
seen "and lets packets in" open from_outside 9100
wgfence_in onprem status >"$LAB/onprem/said"
verdict "status names who and why" yes "$(said '9100/tcp in internet.*root: the lab\|node-exporter in internet.*root: the lab')"
verdict "and when a peer's last handshake was" yes "$(said '^tunnel .*last handshake')"
end_task onprem daemon -KILL
sleep 4
seen "the grant ends although the daemon was killed" silent from_outside 9100
seen "which left the rules" open to_onprem 8888
begin

ends "panic begins" 0 panic
seen "it closes what the policy opens" silent to_onprem 5432
seen "but not the failsafe grants" open from_outside 22
end_task onprem daemon -KILL
begin
seen "the panic is in force after a restart" silent to_onprem 5432
ends "an apply is refused meanwhile" 1 apply "$LAB/without.yaml" --machine onprem --force
ends "it ends" 0 panic --end
seen "then the policy is in force" open to_onprem 5432

session old laptop-eric 10.13.13.2 22
old_one=$(ssh_connections | tail -1)
ends "an apply on trial is made" 0 apply "$LAB/without.yaml" --machine onprem --force --confirm 12s
seen "and is in force" silent to_onprem 8888
ends "a console does not confirm it" 1 confirm
verdict "nor does a connection from before" 1 "$(confirms "$old_one")"
verdict "and the reason is printed" yes "$(said 'existed before the apply')"
verdict "nor one that is not there" 1 "$(confirms "10.13.13.10 9 10.13.13.2 22")"
end_task onprem daemon -KILL
begin
sleep 12
seen "the trial is rolled back, although the daemon was started again in between" open to_onprem 8888
ends "another is made" 0 apply "$LAB/without.yaml" --machine onprem --force --confirm 60s
session new laptop-eric 10.13.13.2 22
new_one=$(ssh_connections | grep -vxF "$old_one" | tail -1)
verdict "a connection from after it confirms" 0 "$(confirms "$new_one")"
seen "and the ruleset stays in force" silent to_onprem 8888
hang_up old
hang_up new
ends "rollback" 0 rollback
seen "rollback puts the previous ruleset in force" open to_onprem 8888

PROBE_TIMEOUT=0.3 tcp laptop-ryan 10.13.13.2 5432 >/dev/null
sleep 1.3
wgfence_in onprem log "$live" --machine onprem >"$LAB/onprem/said" 2>&1
verdict "the log names the machine, the service and the line that would allow it" yes \
  "$(said 'laptop-ryan.*postgres.*to: onprem, services: \[postgres\], from: laptop-ryan')"

end_task onprem daemon
put metrics-for-all
begin --metrics 198.51.100.7:9586
verdict "metrics are not served where the internet could read them" yes "$(logged 'grants the port to internet')"
seen "and the port is closed" refused from_outside 9586
put with
end_task onprem daemon
seen "a daemon that is stopped leaves the rules" 1 tables
begin --ownership off
before=$(status repairs)
node onprem nft delete table inet wgfence
sleep 0.5
seen "if the daemon does not own the table, its deletion is repaired" 1 tables
seen "and counted once" $((before + 1)) status repairs
verdict "and logged with the process that changed it" yes "$(logged 'was changed by nft\[')"
node onprem nft insert rule inet wgfence ingress accept
sleep 0.5
seen "a foreign rule is repaired" silent to_onprem 3000
seen "which is counted, too" $((before + 2)) status repairs
cp "$LAB/without.yaml" "$live.new"
node onprem sh -c 'nft insert rule inet wgfence ingress accept && mv "$1.new" "$1"' _ "$live"
sleep 0.5
seen "a foreign rule right before an edit is counted" $((before + 3)) status repairs
seen "and the edit is in force" silent to_onprem 8888

ends "unload asks first" 1 unload
seen "unload without a terminal changes nothing" 1 tables
ends "unload --yes removes the table" 0 unload --yes
seen "the table is removed" 0 tables
put without
node onprem kill -HUP "$(cat "$LAB/onprem/daemon.pid")"
sleep 0.2
seen "also after a full read and events" 0 tables
end_task onprem daemon
