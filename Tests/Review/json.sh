#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What the verbs print with `--format json`, against docs/schemas: on a host of the lab with real WireGuard, a running daemon
# and a container, where everything is well and where it is not. Tests/Review/documents.py compares each output with its schema, and
# fails if a key of a schema occurs in no output. Then the metrics that a real daemon serves, against the alert rules and the
# dashboard; and the policies of this repository against the schema of the language.
#
# Prints `ok json: NAME` or `not ok json: NAME: …` for each, and last `json: N passed, N failed, N skipped`. Root; it runs in
# namespaces of its own and touches nothing of this host.

# shellcheck source=Tests/Lab/lib.sh
. "$(dirname "$0")/../Lab/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)

skip_all() {
  echo "skip json: $1"
  echo "json: 0 passed, 0 failed, 1 skipped"
  exit 0
}
if [ $$ -ne 1 ]; then
  [ "$(id -u)" = 0 ] && [ -c /dev/net/tun ] || skip_all "it needs root and /dev/net/tun, for a host in namespaces"
  [ -x "$WGFENCE" ] || skip_all "it needs the program (make build)"
  "$PYTHON" -c 'import jsonschema, yaml; jsonschema.Draft202012Validator' 2>/dev/null ||
    skip_all "it needs python3-jsonschema and python3-yaml (scripts/setup.sh test)"
fi
enter_lab "$@"
cd "$ROOT" || exit 1
suite=json
# shellcheck source=Tests/Review/claims.sh
. "$ROOT/Tests/Review/claims.sh"

outputs=$LAB/outputs
mkdir "$outputs"
number=0
# output SCHEMA STATUS NODE VERB ARGUMENT…: runs a verb on a node with --format json; what it prints goes to the folder of its
# schema. NODE `here` is no node.
output() {
  local schema=$1 expected=$2 n=$3 file seen
  shift 3
  number=$((number + 1))
  mkdir -p "$outputs/$schema"
  file=$outputs/$schema/$(printf %03d $number)
  if [ "$n" = here ]; then
    "$WGFENCE" "$@" --format json >"$file" 2>"$LAB/complaint"
  else
    wgfence_in "$n" "$@" --format json >"$file" 2>"$LAB/complaint"
  fi </dev/null
  seen=$?
  if [ $seen != "$expected" ]; then
    verdict "$* ends with" "$expected" "$seen: $(head -n 3 "$LAB/complaint" | paste -sd ' ')"
  elif [ ! -s "$file" ]; then
    verdict "$* prints something" yes no
  else
    passed=$((passed + 1))
  fi
}
# silent STATUS NODE VERB ARGUMENT…: ends with this status, and prints nothing on standard output.
silent() {
  local expected=$1 n=$2
  shift 2
  verdict "$* prints no document" "$expected 0" \
    "$(wgfence_in "$n" "$@" --format json >"$LAB/none" 2>"$LAB/complaint" </dev/null; echo $?) $(wc -c <"$LAB/none")"
}

# policy NAME: writes $LAB/NAME.yaml for the lab's site, with the sections on standard input.
policy() {
  cat - >"$LAB/$1.sections"
  cat >"$LAB/$1.yaml" - "$LAB/$1.sections" <<'YAML'
version: 1
tunnels:
  wg0: { prefixes: [10.13.13.0/24, "fd13:13::/64"], listen: 51820, hub: ec2 }
machines:
  ec2:
    addresses: { wg0: [10.13.13.1, "fd13:13::1"] }
    endpoint: [203.0.113.10, "2001:db8:203::10"]
  onprem:
    addresses: { wg0: [10.13.13.2, "fd13:13::2"] }
    endpoint: [198.51.100.7, "2001:db8:198::7"]
    zones:
      lan: { interfaces: [enp5s0], prefixes: [192.168.1.0/24, "fd68:1::/64"] }
      containers: { interfaces: [docker0] }
  laptop-eric: { addresses: { wg0: [10.13.13.10, "fd13:13::10"] }, endpoint: 100.64.7.10 }
  laptop-ryan: { addresses: { wg0: [10.13.13.11, "fd13:13::11"] } }
YAML
}

# --- without a kernel

golden=Tests/Golden
output check 0 here check policies/starter.yaml policies/rootski.yaml --prove
output check 2 here check $golden/warned/*/policy.yaml --strict
output check 2 here check $golden/rejected/[a-l]*/policy.yaml
output check 2 here check $golden/failing/*/policy.yaml
output show 0 here show policies/rootski.yaml --machine onprem
output show 0 here show policies/home-server.yaml --machine home
output services 0 here services --policy policies/home-server.yaml
output services 0 here services postgres
cat >"$LAB/redefined.yaml" <<'YAML'
version: 1
machines: { a: {} }
services: { postgres: [5433/tcp], pair: [ip/89, 6000-6010/udp] }
YAML
output services 0 here services --policy "$LAB/redefined.yaml"
output explain 0 here explain policies/rootski.yaml --machine onprem --from laptop-eric --to postgres --across
output explain 2 here explain policies/rootski.yaml --machine onprem --from internet --to postgres
output explain 0 here explain policies/home-server.yaml --machine home --from lan --to ssh
output explain 0 here explain policies/starter.yaml --machine server --from laptop --to ping

policy old <<'YAML'
lists: { office: [203.0.113.64/28] }
allow:
  - { to: onprem, services: [8888/tcp, ping], from: laptop-eric }
  - { to: onprem, services: [postgres], from: office }
encrypt:
  - { between: [ec2, onprem], tunnel: wg0 }
YAML
policy new <<'YAML'
confine: [onprem]
refuse: [lan]
translate:
  - { masquerade: containers, over: internet, at: onprem }
allow:
  - { to: onprem, services: [postgres, grafana], from: [laptop-eric, internet], limit: 20/minute }
  - { to: onprem.lan, services: [http], from: laptop-eric }
  - { to: internet, services: [https], from: onprem }
  - { to: onprem, services: [ospf], from: lan }
YAML
output diff 2 here diff "$LAB/old.yaml" "$LAB/new.yaml"
output diff 2 here diff "$LAB/new.yaml" "$LAB/old.yaml"
output diff 0 here diff "$LAB/old.yaml" "$LAB/old.yaml"
# A policy that is not valid has the exit status of a difference, and no document.
echo 'version: [' >"$LAB/broken.yaml"
for pair in "broken old" "old broken"; do
  read -r old new <<<"$pair"
  verdict "a diff from $old to $new prints no document" "2 0" \
    "$("$WGFENCE" diff "$LAB/$old.yaml" "$LAB/$new.yaml" --format json 2>/dev/null >"$LAB/none"; echo $?) $(wc -c <"$LAB/none")"
done

# --- a host

site_up
container_up
serve onprem servers --tcp 22,5432,8888,9100 --udp 5005
serve internet servers --tcp 443 --udp 7
serve lan servers --tcp 80,81 --udp 53

# The kernel records when a connection began.
node onprem sh -c 'echo 1 >/proc/sys/net/netfilter/nf_conntrack_timestamp'

# in_group GROUP COMMAND…: runs it with processes in a control group below the lab's, as of a container or a unit.
in_group() {
  local group=$1 hierarchy
  shift
  enter_group "$LAB_CGROUP/$group"
  "$@"
  enter_group "$LAB_CGROUP"
}
enter_group() {
  local hierarchy
  for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
    [ -e "$hierarchy/cgroup.procs" ] || continue
    mkdir -p "$hierarchy/$1" && echo $$ >"$hierarchy/$1/cgroup.procs"
  done
}
id=$(printf '0123456789abcdef%.0s' 1 2 3 4)
in_group "docker/$id" serve onprem in-a-container --tcp 7070
in_group system.slice/demo.service serve onprem in-a-unit --tcp 7071
task onprem on-an-interface "$PYTHON" -c 'import socket, time
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"enp5s0")
server.bind(("", 7072))
server.listen()
time.sleep(600)'
task onprem engine "$PYTHON" "$here/documents.py" engine "$LAB/engine.sock" "$id"
until_true 10 test -S "$LAB/engine.sock"
export DOCKER_HOST=unix://$LAB/engine.sock

# What wgfence cannot know: where chance sends a packet, and what a program that gets packets says of them.
node onprem nft -f - <<'NFT'
table ip balanced {
	chain prerouting {
		type nat hook prerouting priority dstnat - 1; policy accept;
		tcp dport 8089 dnat to numgen random mod 2 map { 0 : 172.17.0.2, 1 : 172.17.0.3 }
		tcp dport 8100-8102 dnat to 172.17.0.2
	}
}
table inet foreign {
	chain input {
		type filter hook input priority 10; policy accept;
		tcp dport 9100 tcp option timestamp missing drop
		tcp dport 7070 limit rate 6/minute accept comment "slowly"
		tcp dport 9999 drop
	}
	chain forward {
		type filter hook forward priority 10; policy accept;
		ip protocol icmp log prefix "x"
	}
	chain output {
		type filter hook output priority 10; policy accept;
		ip daddr 192.0.2.1 drop
	}
}
NFT
policy open <<'YAML'
allow:
  - { to: onprem, services: [5432/tcp, 8888/tcp, 8089/tcp, ping], from: [laptop-eric, internet], because: for all }
  - { to: onprem, services: [9100/tcp], from: [laptop-ryan, laptop-eric], limit: 20/minute }
failsafe:
  - { to: onprem, services: [ssh], from: laptop-eric }
YAML
policy narrow <<'YAML'
allow:
  - { to: onprem, services: [8888/tcp], from: laptop-eric }
  - { to: onprem, services: [8081/tcp], from: laptop-eric }
  - { to: internet, services: [dns, ntp], from: onprem }
  - { to: onprem.lan, services: [http], from: laptop-ryan }
confine:
  - onprem
  - { from: onprem.containers, to: 169.254.169.254 }
encrypt:
  - { between: [ec2, onprem], tunnel: wg0 }
failsafe:
  - { to: onprem, services: [ssh], from: laptop-eric }
tests:
  - { from: laptop-eric, to: onprem, allow: [8888/tcp, ssh] }
YAML
# The container could not reach the internet any more, which apply refuses.
policy cutting <<'YAML'
allow:
  - { to: onprem, services: [8888/tcp], from: laptop-eric }
confine: [onprem.containers]
failsafe:
  - { to: onprem, services: [ssh], from: laptop-eric }
YAML
policy translated <<'YAML'
translate:
  - { at: onprem, forward: [8089/tcp], over: internet, to: laptop-eric }
allow:
  - { to: onprem, services: [8089/tcp], from: internet, because: forwarded }
  - { to: laptop-eric, services: [8089/tcp], from: onprem.internet }
failsafe:
  - { to: onprem, services: [ssh], from: laptop-eric }
YAML

session wide internet 198.51.100.7 8888
session ping laptop-eric 10.13.13.2 9100
in_group "docker/$id" session outward onprem 198.51.100.66 443
in_group system.slice/demo.service session update onprem 198.51.100.66 443
session lost laptop-ryan 198.51.100.7 8888
for name in wide ping outward update lost; do ask $name; done
PROBE_TIMEOUT=2 udp internet 198.51.100.7 5005 >/dev/null

output audit 2 onprem audit
output init 0 onprem init --machine onprem
output init 0 onprem init --machine onprem --output "$LAB/first/policy.yaml"
silent 1 onprem init --machine onprem --output "$LAB/first/policy.yaml"
# A host on which nothing tracks connections, and one with a filter of its own.
serve ec2 servers --udp 5005 --tcp 22
session early laptop-eric 10.13.13.1 22
ask early
output plan 2 ec2 plan "$LAB/open.yaml" --machine ec2
output boot 0 ec2 boot
output apply 0 ec2 apply "$LAB/open.yaml" --machine ec2 --force
node ec2 nft delete table inet wgfence
output boot 0 ec2 boot
silent 1 ec2 confirm --console
output plan 2 visitor plan "$LAB/narrow.yaml" --machine laptop-ryan
node lan nft -f - <<'NFT'
table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		iifname "lo" accept
		tcp dport 80 accept
		udp dport 53 limit rate 6/minute accept
		tcp sport 4000 tcp dport 81 accept
	}
}
table ip others {
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		tcp dport 8080 dnat to 192.168.1.21
	}
}
NFT
# A tunnel's address is reached from outside by these rules, and by no policy.
serve visitor servers --tcp 22
node visitor nft -f - <<'NFT'
table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
		tcp dport 22 accept
	}
}
NFT
output import 0 visitor import nft --machine visitor
node visitor nft flush ruleset
output import 0 lan import nft --machine lan --output "$LAB/imported.yaml"
output audit 2 onprem audit "$LAB/open.yaml" --machine onprem
silent 1 onprem import ufw --machine onprem
output doctor 0 onprem doctor
output doctor 0 onprem doctor "$LAB/open.yaml" --machine onprem
output doctor 2 onprem doctor "$LAB/cutting.yaml" --machine onprem
output doctor 2 onprem doctor "$LAB/narrow.yaml" --machine onprem
output plan 2 onprem plan "$LAB/open.yaml" --machine onprem
output plan 2 onprem plan "$LAB/cutting.yaml" --machine onprem
output plan 2 onprem plan "$LAB/translated.yaml" --machine onprem
silent 2 onprem apply "$LAB/cutting.yaml" --machine onprem
output apply 0 onprem apply "$LAB/open.yaml" --machine onprem
output plan 0 onprem plan "$LAB/open.yaml" --machine onprem
sed '1s/^/# A comment moves each line.\n/' "$LAB/open.yaml" >"$LAB/moved.yaml"
output plan 0 onprem plan "$LAB/moved.yaml" --machine onprem
# Without a route to its client, nobody knows from where a session comes.
ip -n onprem route add unreachable 100.64.7.11
output plan 2 onprem plan "$LAB/narrow.yaml" --machine onprem
output audit 0 onprem audit "$LAB/open.yaml" --machine onprem
output audit 2 onprem audit "$LAB/narrow.yaml" --machine onprem
output audit 0 onprem audit "$LAB/narrow.yaml" --machine onprem --baseline "$outputs/audit/$(printf %03d $number)"
output diff 2 onprem diff --live "$LAB/narrow.yaml" --machine onprem
output explain 0 onprem explain "$LAB/open.yaml" --machine onprem --live --from internet --to 8089/tcp
output explain 2 onprem explain "$LAB/open.yaml" --machine onprem --live --from laptop-ryan --to 9100/tcp
output explain 2 onprem explain "$LAB/open.yaml" --machine onprem --live --from internet --to 9999/tcp
output apply 0 onprem apply "$LAB/narrow.yaml" --machine onprem --force
ip -n onprem route del unreachable 100.64.7.11

# --- a daemon

live=$LAB/onprem/live.yaml
answers() { wgfence_in "$1" status >/dev/null 2>&1 || [ $? = 2 ]; }
# begin NODE POLICY OPTION…
begin() {
  local n=$1
  shift
  task "$n" daemon env WGFENCE_STATE_DIR="$LAB/$n/state" WGFENCE_SOCKET="$LAB/$n/control.sock" \
    WGFENCE_FLEET_TRUST="$LAB/$n/trust" "$WGFENCE" daemon "$@"
  until_true 10 answers "$n" || die "the daemon of $n did not start: $(cat "$LAB/$n/daemon.log")"
}
cp "$LAB/narrow.yaml" "$live"
begin onprem "$live" --machine onprem --metrics "unix:$LAB/onprem/metrics.sock" --metrics-file "$LAB/onprem/metrics.prom"
begin visitor "$LAB/missing.yaml" --machine nobody
output status 0 onprem status
output status 2 visitor status
output boot 0 onprem boot
output open 0 onprem open --list
output open-grant 0 onprem open 9200/tcp --from internet --for 5m --because 'a visit'
output open-grant 0 onprem open 9200/tcp --from internet --for 1m --because 'a shorter visit'
output open-grant 0 onprem open 9201/tcp --from laptop-ryan --to onprem --for 5m --because 'over the hub'
silent 1 onprem open 9200/tcp --from nobody --for 5m --because 'no such machine'
output close 0 onprem close 9201/tcp --from laptop-ryan
output close 0 onprem open 9201/tcp --from laptop-ryan --end
output open 0 onprem open --list
output status 0 onprem status
output audit 0 onprem audit "$live" --machine onprem
output close 0 onprem close 1

# Dropped packets: of a peer, of an endpoint, of many ports, forwarded, of the host itself, of a machine that observes.
knock() { PROBE_TIMEOUT=0.1 tcp "$@" >/dev/null; }
mkdir -p "$outputs/log"
wgfence_in onprem log "$live" --machine onprem --follow --format json >"$outputs/log/followed" 2>"$LAB/complaint" &
following=$!
sleep 0.3
for _ in 1 2 3 4; do knock laptop-ryan 10.13.13.2 3000; done &
for port in {1..30}; do knock internet 198.51.100.7 $((port + 100)); done &
knock laptop-eric 198.51.100.7 8443
PROBE_TIMEOUT=0.2 echo_request internet 198.51.100.7 >/dev/null
knock container 198.51.100.66 25
knock onprem 198.51.100.66 25
wait $!
sleep 1.3
kill $following
verdict "log --follow prints lines" yes "$([ "$(wc -l <"$outputs/log/followed")" -ge 5 ] && echo yes || cat "$LAB/complaint")"
output log 0 onprem log "$live" --machine onprem --since 1h
output log-summary 0 onprem log "$live" --machine onprem --summary
output suggest 0 onprem suggest "$live" --machine onprem

metrics=$LAB/metrics
"$PYTHON" "$here/documents.py" scrape "$LAB/onprem/metrics.sock" >"$metrics"
verdict "the metrics are served" yes "$(grep -q '^wgfence_policy_accepted 1$' "$metrics" && echo yes || echo no)"

# replaced FILE: replaces the daemon's policy file, and waits until it was read.
replaced() { replace_policy onprem "$1" "$live"; }
replaced "$LAB/broken.yaml"
output status 2 onprem status
replaced "$LAB/cutting.yaml"
output status 2 onprem status
silent 1 onprem accept ffff
output accept 0 onprem accept
wgfence_in onprem apply "$LAB/narrow.yaml" --machine onprem --force >/dev/null 2>&1
replaced "$LAB/narrow.yaml"
replaced "$LAB/cutting.yaml"
output accept 0 onprem accept "$(wgfence_in onprem status --format json | sed -n 's/.*"held_digest": "\([^"]*\)".*/\1/p')"
wgfence_in onprem apply "$LAB/narrow.yaml" --machine onprem --force >/dev/null 2>&1
replaced "$LAB/narrow.yaml"
# edited SCRIPT OPTION…: an edit of the daemon's file with a shell script as the editor.
edited() {
  printf '#!/bin/sh\n%s\n' "$1" >"$LAB/editor"
  chmod +x "$LAB/editor"
  shift
  EDITOR=$LAB/editor VISUAL="" output edit "$@" --machine onprem
}
# Confirms the trial that will begin.
consent() { until_true 20 wgfence_in onprem confirm --console >/dev/null 2>&1; }
edited 'exit 0' 0 onprem edit "$live"
edited 'sed -i "s/8081/8082/; s/services: .http., from: laptop-ryan/services: [https], from: laptop-ryan/" "$1"' 2 onprem edit "$live" --confirm 5s
consent &
edited 'exit 0' 0 onprem edit "$live" --confirm 60s
wait $!
output apply 0 onprem apply "$LAB/open.yaml" --machine onprem --confirm 60s
output confirm 0 onprem confirm --console
wgfence_in onprem apply "$live" --machine onprem --force >/dev/null 2>&1
output apply 0 onprem apply "$LAB/open.yaml" --machine onprem --confirm 60s
output status 2 onprem status
# Its policies are in a git repository; then one of the stored rulesets is damaged.
git -C "$LAB" init -q && git -C "$LAB" add narrow.yaml open.yaml &&
  git -C "$LAB" -c user.name=test -c user.email=test@localhost commit -q -m policies
output rollback-list 0 onprem rollback --list
cp -r "$LAB/onprem/state" "$LAB/damaged"
for file in "$LAB"/damaged/rulesets/*; do echo damaged >"$file"; break; done
output rollback-list 0 onprem rollback --list --state-dir "$LAB/damaged"
output rollback 0 onprem rollback
output status 0 onprem status
oldest=$(wgfence_in onprem rollback --list --format json | sed -n 's/.*"number": \([0-9]*\).*/\1/p' | tail -n 1)
output rollback 0 onprem rollback --to "$oldest" --force
silent 1 onprem rollback --to 999
output panic 0 onprem panic --yes
output status 2 onprem status
output panic 0 onprem panic --end --yes
output apply 0 onprem apply "$LAB/narrow.yaml" --machine onprem --observe
output status 2 onprem status
knock laptop-ryan 10.13.13.2 3001
sleep 1.3
output log 0 onprem log "$live" --machine onprem --since 1h
output log-summary 0 onprem log "$live" --machine onprem --summary
output suggest 0 onprem suggest "$live" --machine onprem
output enforce 0 onprem enforce --force
silent 1 onprem enforce
output unload 0 onprem unload --yes

# --- a fleet: releases with everything that one can have, and a machine that takes them, drifts and loses its ratchet

for name in anna root; do ssh-keygen -q -t ed25519 -N '' -C $name -f "$LAB/$name"; done
channel=$LAB/channel
release=$channel/release.wgfence
mkdir -p "$LAB/site/lists"
cp policies/starter.yaml "$LAB/site/starter.yaml"
printf '\nlists:\n  bad: { file: lists/bad.txt }\nblock: [bad]\n' >>"$LAB/site/starter.yaml"
echo 192.0.2.0/24 >"$LAB/site/lists/bad.txt"
git -C "$LAB/site" init -q && git -C "$LAB/site" add . &&
  git -C "$LAB/site" -c user.name=test -c user.email=test@localhost commit -q -m policies
output fleet-change 0 here fleet init office --publish-key "$LAB/anna.pub" --root-key "$LAB/root.pub" --to "$channel"
output fleet-publish 0 here fleet publish "$LAB/site/starter.yaml" --to "$channel"
output fleet-verify 2 here fleet verify "$release" --trust "$channel/trust"
output fleet-publish 0 here fleet publish "$LAB/site/starter.yaml" --to "$channel" --key "$LAB/anna" --key "$LAB/root" \
  --because 'the first release' --wave canary:0m:server --wave 'rest:1h:*' --falls-back 1:1h
output fleet-verify 0 here fleet verify "$release" --trust "$channel/trust"
output fleet-trust 0 here fleet trust show "$channel/trust"
of_fleet=(--fleet-trust "$LAB/laptop-ryan/trust")
output fleet-change 0 laptop-ryan fleet join "$channel/trust" --trusted --from 2 "${of_fleet[@]}"
output fleet-trust 0 laptop-ryan fleet trust show "${of_fleet[@]}"
begin laptop-ryan "$LAB/site/starter.yaml" --machine server
output status 2 laptop-ryan status
output fleet-change 0 laptop-ryan fleet accept "$release" "${of_fleet[@]}"
output status 0 laptop-ryan status
output fleet-trust 0 laptop-ryan fleet trust show "${of_fleet[@]}"
output fleet-verify 0 laptop-ryan fleet verify "$release" "${of_fleet[@]}"
output fleet-change 0 here fleet trust rotate --to "$channel" --root-key "$LAB/anna.pub"
output fleet-trust 2 here fleet trust show "$channel/trust-changes"
output fleet-change 0 here fleet sign "$channel/trust-changes" --key "$LAB/root"
echo damaged >"$LAB/laptop-ryan/state/fleet/ratchet"
output status 2 laptop-ryan status
silent 1 laptop-ryan fleet trust show "${of_fleet[@]}"

# --- the comparison

# words FILE: the counts of a report of documents.py, whose last line is `counted PASSED FAILED`.
words() {
  grep -v '^counted ' "$1"
  passed=$((passed + $(awk '/^counted /{ print $2 }' "$1")))
  failed=$((failed + $(awk '/^counted /{ print $3 }' "$1")))
}
compare() {
  if ! "$PYTHON" "$here/documents.py" "$@" >"$LAB/compared" 2>&1; then verdict "documents.py $1 runs" yes "$(tail -n 5 "$LAB/compared")"; fi
  words "$LAB/compared"
}
compare outputs docs/schemas "$outputs"
compare metrics "$metrics" packaging/prometheus/wgfence.rules.yml docs/grafana-board.json docs/metrics.md
if command -v promtool >/dev/null; then
  verdict "promtool accepts the alert rules, and they fire as their tests say" 0 \
    "$(cd packaging/prometheus && promtool check rules wgfence.rules.yml >"$LAB/promtool" 2>&1 &&
      promtool test rules wgfence.rules.test.yml >>"$LAB/promtool" 2>&1; echo $?)"
else
  echo "    promtool is not installed: the alert rules are not parsed, and packaging/prometheus/wgfence.rules.test.yml is not run"
fi
compare policies
if [ -n "${JSON_KEEP:-}" ]; then cp -r "$outputs" "$metrics" "$JSON_KEEP/"; fi
conclude
