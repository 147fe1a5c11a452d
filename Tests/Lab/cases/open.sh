# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Temporary grants behind a hub: `open` says what the hub must let through, and its advice works. `open --list` and `close`.

policy open <<'YAML'
allow:
  - { to: onprem, services: [8888/tcp], from: laptop-ryan }
  - { to: ec2, services: [22/tcp], from: laptop-ryan }
YAML
enforce open ec2
running() { wgfence_in "$1" status >/dev/null 2>&1 || [ $? = 2 ]; }
for n in onprem ec2; do
  task $n daemon env WGFENCE_STATE_DIR="$LAB/$n/state" WGFENCE_SOCKET="$LAB/$n/control.sock" \
    "$WGFENCE" daemon "$LAB/open.yaml" --machine $n
  until_true 10 running $n || die "the daemon of $n did not start: $(cat "$LAB/$n/daemon.log")"
done
# outcome NODE ARGUMENT…: the exit status; what it printed is in $LAB/said.
outcome() {
  local n=$1
  shift
  wgfence_in "$n" "$@" >"$LAB/said" 2>&1
  echo $?
}
says() { if grep -qF -- "$1" "$LAB/said"; then echo yes; else cat "$LAB/said"; fi; }

verdict "nothing is open at first" "0 No temporary grants." "$(outcome onprem open --list) $(cat "$LAB/said")"
verdict "open on the receiver" 0 "$(outcome onprem open 9999/tcp --from laptop-eric --for 5m --because demo)"
verdict "names the hub" yes "$(says 'On ec2, add to '"'allow'"', and apply: - { to: onprem, services: [9999/tcp], from: laptop-eric, until: ')"
line=$(grep -o -- '- { to: onprem.*}' "$LAB/said")
try46 "the hub drops the packets" silent tcp laptop-eric 10.13.13.2 fd13:13::2 9999
settle
sed "s|^allow:|allow:\n  $line|" "$LAB/open.yaml" >"$LAB/wider.yaml"
verdict "with its advice on the hub" 0 "$(outcome ec2 apply "$LAB/wider.yaml" --machine ec2)"
try46 "they arrive" open tcp laptop-eric 10.13.13.2 fd13:13::2 9999
try46 "those of nobody else do" silent tcp laptop-ryan 10.13.13.2 fd13:13::2 9999
settle
verdict "from the hub itself nothing else is needed" "0 no" \
  "$(outcome onprem open 9090/tcp --from ec2 --for 5m --because demo) $(grep -q 'On ec2' "$LAB/said" && echo yes || echo no)"
try46 "it reaches the port" open tcp ec2 10.13.13.2 fd13:13::2 9090
settle

verdict "open --to on the hub is refused, with the line" 1 "$(outcome ec2 open 8888/tcp --from laptop-eric --to onprem --for 5m --because demo)"
verdict "of the policy" yes "$(says '- { to: onprem, services: [8888/tcp], from: laptop-eric, until: ')"
verdict "open --to on another machine is refused, with the command" 1 \
  "$(outcome onprem open 8080/tcp --from laptop-eric --to ec2 --for 5m --because 'a demo')"
verdict "to run there" yes "$(says "run on ec2: wgfence open 8080/tcp --from laptop-eric --for 5m --because 'a demo'")"
verdict "which works" 0 "$(outcome ec2 open 8080/tcp --from laptop-eric --to ec2 --for 5m --because 'a demo')"
try46 "the laptop reaches the hub" open tcp laptop-eric 10.13.13.1 fd13:13::1 8080
settle

verdict "open --list has both, with who and why" "0 2" "$(outcome onprem open --list) $(grep -c ': demo$' "$LAB/said")"
wgfence_in onprem open --list --format json >"$LAB/list.json"
number() {
  "$PYTHON" -c 'import json, sys
said = json.load(open(sys.argv[1]))
print(said["schema"], *[o["number"] for o in said["openings"] if sys.argv[2] in o["services"] and 0 < o["remaining_ms"] <= 300000])' \
    "$LAB/list.json" "$1"
}
number=$(number 9999/tcp | sed 's|wgfence/open/1 ||')
verdict "as JSON, too" "wgfence/open/1 $number" "$(number 9999/tcp)"
verdict "close ends one by its number" "0 yes" "$(outcome onprem close "$number") $(says 'closed 9999/tcp in wg0 from 10.13.13.10')"
try46 "it is closed" silent tcp laptop-eric 10.13.13.2 fd13:13::2 9999
try46 "the other one is open" open tcp ec2 10.13.13.2 fd13:13::2 9090
settle
verdict "close ends the other one by its words" 0 "$(outcome onprem close 9090/tcp --from ec2)"
try46 "it is closed, too" silent tcp ec2 10.13.13.2 fd13:13::2 9090
settle
verdict "a number that does not exist" 1 "$(outcome onprem close 1)"
verdict "open --end still works" 0 "$(outcome ec2 open 8080/tcp --from laptop-eric --end)"
try46 "and closes" silent tcp laptop-eric 10.13.13.1 fd13:13::1 8080
settle
verdict "without a source it is an error of usage" 64 "$(outcome ec2 close 8080/tcp)"
for n in onprem ec2; do end_task $n daemon; done
