# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The log of dropped packets on onprem: what the journal and the stored log say of a scan, of peers, of guests and of
# neighbours, and the change of the policy that `wgfence suggest` prints.

journal=$LAB/onprem/daemon.log
said=$LAB/onprem/said
policy log <<'YAML'
services:
  board: 3000/tcp
allow:
  - { to: onprem, services: [8888/tcp], from: laptop-eric }
  # The board of the laboratory.
  - { to: onprem, services: [board], from: laptop-eric }
failsafe:
  - { to: onprem, services: [ssh], from: laptop-eric }
tests:
  - { from: laptop-ryan, to: onprem, deny: [8888/tcp] }
YAML

answers() { wgfence_in onprem status >/dev/null 2>&1 || [ $? = 2 ]; }
begin() {
  task onprem daemon env WGFENCE_STATE_DIR="$LAB/onprem/state" WGFENCE_SOCKET="$LAB/onprem/control.sock" \
    "$WGFENCE" daemon "$LAB/log.yaml" --machine onprem
  until_true 10 answers || die "the daemon did not start: $(cat "$journal")"
}
# log VERB OPTION…: a verb about the log, with this policy.
log() {
  local verb=$1
  shift
  wgfence_in onprem "$verb" "$LAB/log.yaml" --machine onprem "$@" >"$said" 2>&1
}
has() { grep -cE -- "$1" "$said" | sed 's/^[1-9].*/yes/; s/^0/no/'; }
journal_has() { grep -cE -- "$1" "$journal" | sed 's/^[1-9].*/yes/; s/^0/no/'; }
knock() { PROBE_TIMEOUT=0.2 tcp "$@" >/dev/null; }

enforce log onprem
begin
log log
verdict "an empty log is no error" 0 $?

wgfence_in onprem log --follow >"$LAB/onprem/followed" 2>&1 &
following=$!
sleep 0.3
for _ in 1 2 3 4 5; do knock laptop-ryan 10.13.13.2 3000; done
knock laptop-ryan 10.13.13.2 8888
for port in 21 23 25 80 110 143 443 445 993 3389; do knock internet 198.51.100.7 "$port"; done
# A guest behind docker0 to the host, and a neighbour in the LAN.
for _ in 1 2 3; do knock container 172.17.0.1 9100; done
PROBE_TIMEOUT=0.2 udp lan 192.168.1.1 5353 >/dev/null
sleep 1.5
kill "$following"
cp "$LAB/onprem/followed" "$said"
verdict "log --follow begins with the time" yes "$(has '^20[0-9-]+T[0-9:.]+Z dropped tcp laptop-ryan')"
cp "$journal" "$said"
verdict "the journal names the first packet of each service at once" yes \
  "$(journal_has 'dropped tcp laptop-ryan \(10.13.13.11\) -> 10.13.13.2 port 3000 \[board\], from wg0')"
verdict "but not the second" 1 "$(grep -c 'laptop-ryan.*port 3000' "$journal")"

log log
verdict "the stored log has time stamps" yes "$(has '^20[0-9-]+T[0-9:.]+Z dropped tcp laptop-ryan')"
verdict "and the line that lets the packets in, in the policy's word" yes \
  "$(has 'to allow: - \{ to: onprem, services: \[board\], from: laptop-ryan \}')"
verdict "and that of a container" yes "$(has 'from containers.*to: onprem, services: .*, from: containers')"
verdict "and of a neighbour, to this host" yes "$(has 'to allow: - \{ to: onprem, services: .*, from: 192.168.1')"
log log --format json --since 1h
verdict "as JSON, an object for each line" yes "$(has '"schema": "wgfence/log/1".*"observed": false, "direction": "in"')"
log log --since tomorrow
verdict "an age that is none is a mistake of the user" 64 $?

end_task onprem daemon
log log --summary
verdict "without a daemon the summary is printed, too" yes "$(has '^ +5  laptop-ryan \(10.13.13.11\) +board ')"
verdict "and says that counts are samples" yes "$(has 'at most 10 packets a second')"
log log --summary --format json
verdict "also as JSON" yes "$(has '"schema": "wgfence/log-summary/1"')"

log suggest
verdict "suggest ends with 0" 0 $?
verdict "what the policy's test forbids is a comment" yes "$(has '# RISK: .*the test of line [0-9]+ forbids it|# RISK: only 1 packet')"
verdict "and what a scan asked for" yes "$(has '^\+ +# - \{ to: onprem, services: \[23/tcp\]|^\+ +# - .*telnet')"
cp "$LAB/log.yaml" "$LAB/changed.yaml"
wgfence_in onprem suggest "$LAB/log.yaml" --machine onprem 2>/dev/null >"$LAB/change.diff"
patch -s "$LAB/changed.yaml" "$LAB/change.diff"
verdict "patch(1) applies the change" 0 $?
wgfence_in onprem check "$LAB/changed.yaml" >"$said" 2>&1
verdict "the policy with it is valid, and its tests pass" 0 $?
enforce changed onprem
try "and lets in what was dropped" open tcp laptop-ryan 10.13.13.2 3000
try "but not what the test forbids" silent tcp laptop-ryan 10.13.13.2 8888
settle
cmp -s "$LAB/log.yaml" "$LAB/changed.yaml"
verdict "the policy itself was not changed" 1 $?

# A machine that only observes: the same lines, and nothing is dropped.
sed 's/^allow:/observe: [onprem]\nallow:/' "$LAB/log.yaml" >"$LAB/observed.yaml"
cp "$LAB/observed.yaml" "$LAB/log.yaml"
begin
try "observing, onprem lets everything in" open tcp laptop-ryan 10.13.13.2 9999
settle
sleep 1.3
log log --since 1m
verdict "and says what it would drop, with the line" yes \
  "$(has 'would drop tcp laptop-ryan .* port 9999 .*to allow: - \{ to: onprem, services: \[9999/tcp\]')"
log log --summary --format json
verdict "also as JSON" yes "$(has '"observed": true')"
verdict "the journal, too" yes "$(journal_has 'would drop tcp laptop-ryan')"
end_task onprem daemon

# A damaged log, and one on a full disk.
printf 'rubbish\n\377\0\n' >>"$LAB/onprem/state/drops"
log log --summary
verdict "a damaged log is read, and the damage is said" yes "$(has '2 damaged lines')"
mv "$LAB/onprem/state/drops" "$LAB/onprem/drops"
mkdir "$LAB/onprem/state/drops"
begin
knock laptop-ryan 10.13.13.2 9999
sleep 1.5
verdict "a log that cannot be written is no failure of the daemon" yes "$(journal_has 'could not be stored')"
wgfence_in onprem status >/dev/null 2>&1
verdict "which still answers" yes "$([ $? -le 2 ] && echo yes)"
