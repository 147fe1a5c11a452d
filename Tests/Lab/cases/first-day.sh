# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The first day of wgfence on a host: plan says what stops working, apply refuses it, a trial ends by itself without the
# daemon, observe mode drops nothing, and the daemon's first start locks nobody out.

state=$LAB/onprem/state
said=$LAB/onprem/said
journal=$LAB/onprem/daemon.log
live=$LAB/first-day.yaml
to_onprem() { PROBE_TIMEOUT=1.3 tcp laptop-eric 10.13.13.2 "$1"; }
ends() {
  local name=$1 expected=$2
  shift 2
  wgfence_in onprem "$@" </dev/null >"$said" 2>&1
  verdict "$name" "$expected" $?
}
seen() {
  local name=$1 expected=$2
  shift 2
  verdict "$name" "$expected" "$("$@" 2>&1 | tail -1)"
}
says() { if grep -q -- "$2" "$1"; then echo yes; else echo no; fi; }
# named FILE: the names of the essential findings in a plan.
named() {
  "$PYTHON" -c 'import json, sys
print(*[f["name"] for f in json.load(open(sys.argv[1]))["impact"] if f["essential"]] or ["nothing"])' "$1"
}
tables() { node onprem nft list tables | grep -c 'inet wgfence'; }
is_gone() { [ "$(tables)" = 0 ]; }

# A bridge of guests whose name no default covers, with a DNS server for them.
ip netns add machine
NODE_PID["machine"]=${NODE_PID[onprem]}
ip -n machine link set lo up
ip -n onprem link add traefik type bridge
ip link add veth-machine netns onprem type veth peer name eth0 netns machine
ip -n onprem link set veth-machine master traefik up
ip -n onprem link set traefik up
address onprem traefik 172.31.0.1/24
ip -n machine link set eth0 up
address machine eth0 172.31.0.2/24
ip -n machine route add default via 172.31.0.1
ip -n internet route add 172.31.0.0/24 via 198.51.100.7
serve onprem names --udp 53
serve internet far --tcp 443

policy first-day <<'YAML'
allow:
  - { to: onprem, services: [postgres], from: laptop-eric }
failsafe:
  - { to: onprem, services: [ssh], from: laptop-eric }
YAML
cp "$live" "$LAB/first-day-closed.yaml"
# The guests keep the way out and the names.
covered() {
  sed -e 's|^    zones:|    zones:\n      containers: { interfaces: [docker0, traefik] }|' \
    -e 's|^allow:|allow:\n  - { to: onprem, services: [dns], from: containers }|' "$1"
}
ACCEPT=(--accept guests:docker0 --accept guests:traefik)

wgfence_in onprem plan "$live" --machine onprem --format json >"$LAB/plan" 2>/dev/null
verdict "plan is not empty" 2 $?
verdict "and names the guests that lose their network" "guests:docker0 guests:traefik" "$(named "$LAB/plan")"
ends "apply refuses that" 2 apply "$live" --machine onprem
verdict "with the line that keeps it" yes "$(says "$said" 'to keep it, .*traefik')"
verdict "and has changed nothing" 0 "$(tables)"
ends "a name that does not break is no consent" 2 apply "$live" --machine onprem --accept tunnel:wg0
seen "the guest still reaches the internet" open tcp machine 198.51.100.66 443

wgfence_in onprem doctor "$live" --machine onprem >"$said" 2>&1
verdict "doctor shows it" yes "$(says "$said" '^  guests:traefik ')"
node onprem env SSH_CONNECTION='10.13.13.11 40000 10.13.13.2 22' "$WGFENCE" init --machine onprem >"$LAB/first.yaml" 2>"$said"
verdict "the policy that init writes ends nothing" no "$(says "$said" 'would stop working')"
wgfence_in onprem plan "$LAB/first.yaml" --machine onprem --format json >"$LAB/plan" 2>/dev/null
verdict "which plan confirms" nothing "$(named "$LAB/plan")"

# Observed.
ends "apply --observe asks nothing" 0 apply "$live" --machine onprem --observe
seen "and drops nothing, from the guest" open tcp machine 198.51.100.66 443
seen "nor from a peer without a grant" open to_onprem 8888
verdict "what would be dropped is counted" yes \
  "$(node onprem nft list counter inet wgfence drop-not-granted-wg0 | grep -c 'packets [1-9]' | sed s/1/yes/)"
verdict "no rule drops or rejects" 0 "$(node onprem nft list table inet wgfence | grep -cE '(^|[[:space:]])(drop|reject)(;|[[:space:]]|$)')"
ends "audit says first that nothing is enforced" 2 audit "$live" --machine onprem
verdict "in words" yes "$(says "$said" '^OBSERVE MODE')"
ends "enforce refuses what apply refuses" 2 enforce
ends "with the consent it ends it" 0 enforce "${ACCEPT[@]}"
seen "then a peer without a grant is refused" silent to_onprem 8888
unload onprem
rm -r "$state"

# A trial without the daemon, before which nothing was in force.
ends "a trial begins, with the consent" 0 apply "$live" --machine onprem --confirm 5s "${ACCEPT[@]}"
seen "it closes what it closes" silent to_onprem 8888
verdict "no daemon runs" 1 "$(wgfence_in onprem status >/dev/null 2>&1; echo $?)"
until_true 10 is_gone
verdict "unconfirmed, it goes back by itself: nothing is in force" 0 "$(tables)"
seen "and everything is as before" open to_onprem 8888
ends "a trial that is confirmed at a console" 0 apply "$live" --machine onprem --confirm 5s "${ACCEPT[@]}"
ends "is confirmed without the daemon" 0 confirm --console
sleep 6
verdict "and stays" 1 "$(tables)"
ends "another trial" 0 apply "$LAB/first-day-closed.yaml" --machine onprem --confirm 60s "${ACCEPT[@]}"
ends "can be ended by rollback" 0 rollback
unload onprem
rm -r "$state"
boots() { wgfence_in onprem boot >"$said" 2>&1; }
boots
verdict "boot loads nothing where nothing was in force" 0 "$(tables)"
ends "the first apply is on trial" 0 apply "$live" --machine onprem --confirm 60s "${ACCEPT[@]}"
# The machine is restarted: its processes and rules are gone, and its boot has another identity.
pgrep -f 'wgfence guard-trial' | while read -r guard; do kill "$guard"; done
node onprem nft delete table inet wgfence
echo 5f8a1b52-0000-4000-8000-000000000000 >"$LAB/boot_id"
node onprem mount --bind "$LAB/boot_id" /proc/sys/kernel/random/boot_id
boots
verdict "nor after a restart in that trial" 0 "$(tables)"
ends "and the next apply is possible" 0 apply "$live" --machine onprem "${ACCEPT[@]}"
node onprem umount /proc/sys/kernel/random/boot_id
unload onprem
rm -r "$state"

# edit, as an administrator uses it: the editor is a script.
cp "$live" "$LAB/edited.yaml"
edit() {
  local script=$1
  printf '#!/bin/sh\n%s\n' "$script" >"$LAB/editor"
  chmod +x "$LAB/editor"
  node onprem env EDITOR="$LAB/editor" WGFENCE_STATE_DIR="$state" WGFENCE_SOCKET="$LAB/onprem/control.sock" \
    "$WGFENCE" edit "$LAB/edited.yaml" --machine onprem --confirm 5s </dev/null >"$said" 2>&1
}
exit_of() { "$@"; echo $?; }
ends "a ruleset to begin with" 0 apply "$LAB/edited.yaml" --machine onprem "${ACCEPT[@]}"
verdict "an edit that changes nothing ends at once" 0 "$(exit_of edit 'exit 0')"
verdict "and leaves no copy" no "$([ -e "$LAB/edited.yaml.edit" ] && echo yes || echo no)"
verdict "an edit with a time that is none opens no editor" "64 no no" "$(
  printf '#!/bin/sh\n: >%s\n' "$LAB/opened" >"$LAB/editor"
  EDITOR=$LAB/editor wgfence_in onprem edit "$LAB/edited.yaml" --machine onprem --confirm 1s </dev/null >"$said" 2>&1
  echo $? "$([ -e "$LAB/opened" ] && echo yes || echo no)" "$([ -e "$LAB/edited.yaml.edit" ] && echo yes || echo no)")"
verdict "an edit that is not valid" 2 "$(exit_of edit 'echo "nonsense: 1" >>"$1"')"
verdict "leaves the file as it is" 0 "$(grep -c nonsense "$LAB/edited.yaml")"
rm "$LAB/edited.yaml.edit"
verdict "an edit that nobody confirms" 2 "$(exit_of edit 'sed -i "s/postgres/postgres, 8888\/tcp/" "$1"')"
verdict "is undone, and the file is as it was" 0 "$(grep -c 8888 "$LAB/edited.yaml")"
seen "and so is the ruleset" silent to_onprem 8888
: >"$said"
(until_true 20 grep -q 'wgfence confirm there' "$said" && wgfence_in onprem confirm --console) >/dev/null 2>&1 &
confirming=$!
verdict "the copy is used again, and confirmed" 0 "$(exit_of edit 'exit 0')"
wait $confirming
verdict "then it is the file" 1 "$(grep -c 8888 "$LAB/edited.yaml")"
seen "and in force" open to_onprem 8888
edit 'echo "# mine" >>"$1"; exit 1'
# File times are those of the last tick of the clock.
sleep 0.05
touch "$LAB/edited.yaml"
verdict "a copy that is older than the file is not used" 1 "$(exit_of edit 'exit 0')"
rm "$LAB/edited.yaml.edit"
sed '1i # A comment moves every line.' "$LAB/edited.yaml" >"$LAB/commented.yaml"
ends "a comment in the policy is no change for plan" 0 plan "$LAB/commented.yaml" --machine onprem
ends "nor for audit" 0 audit "$LAB/commented.yaml" --machine onprem --fail-on error
unload onprem
rm -r "$state"

# The daemon's first start.
begin() {
  task onprem daemon env WGFENCE_STATE_DIR="$state" WGFENCE_SOCKET="$LAB/onprem/control.sock" \
    "$WGFENCE" daemon "$live" --machine onprem
  until_true 10 answers || die "the daemon did not start: $(cat "$journal")"
}
answers() { wgfence_in onprem status >/dev/null 2>&1 || [ $? = 2 ]; }
status_says() { wgfence_in onprem status >"$said" 2>&1; says "$said" "$1"; }
mv "$live" "$LAB/aside.yaml"
begin
verdict "without a policy, a daemon's first start enforces nothing" 0 "$(tables)"
verdict "and says so" yes "$(status_says 'NOTHING IS ENFORCED')"
echo 'version: [' >"$live"
sleep 0.5
verdict "nor with an invalid policy" 0 "$(tables)"
mv "$LAB/aside.yaml" "$live"
until_true 10 status_is_observing || true
status_is_observing() { [ "$(status_says 'OBSERVE MODE')" = yes ]; }
until_true 10 status_is_observing
verdict "a policy that would end something is only observed" yes "$(status_says 'OBSERVE MODE.*guests:')"
seen "the guest reaches the internet" open tcp machine 198.51.100.66 443
covered "$live" >"$LAB/covered.yaml"
replace_policy onprem "$LAB/covered.yaml" "$live"
verdict "a file without such a line is observed too, until somebody accepts" yes "$(status_says 'OBSERVE MODE')"
ends "accept enforces it" 0 accept
seen "a peer without a grant is refused" silent to_onprem 8888
seen "the guest reaches the internet still" open tcp machine 198.51.100.66 443

# A file that would end something is held back.
replace_policy onprem "$LAB/first-day-closed.yaml" "$live"
verdict "a changed file that would end something is held back" yes "$(status_says 'HELD BACK.*guests:')"
verdict "which the journal says" yes "$(says "$journal" 'the policy file is held back')"
seen "the guest reaches the internet" open tcp machine 198.51.100.66 443
digest=$(sed -n 's/.*wgfence accept \([0-9a-f]*\).*/\1/p' "$said")
ends "another digest is not accepted" 1 accept 0123
ends "the shown one is" 0 accept "$digest"
seen "then it is in force" silent tcp machine 198.51.100.66 443
end_task onprem daemon
begin
verdict "after a restart it is in force, and not asked about again" no "$(status_says 'HELD BACK\|OBSERVE')"
end_task onprem daemon
unload onprem
