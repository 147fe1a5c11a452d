#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# One signed policy on a publisher and a machine, each in a network namespace of its own: the machine gets releases by git,
# rsync and HTTPS, and a daemon there takes them. Then the channel is in somebody else's hands: older, exchanged, truncated, huge
# and forged bundles, links and pipes. Then the daemon is killed while it takes releases. And an accept without a daemon.
#
# Prints `ok fleet: NAME` or `not ok fleet: NAME: expected …, saw …` for each claim, and last `fleet: N passed, N failed, N
# skipped`. Ends with status 1 if one failed. Root; it runs in namespaces of its own and touches nothing of this host. KILLS is
# the number of kills (20).

set -uo pipefail
ROOT=$(realpath "$(dirname "$0")/../..")
WGFENCE=$(realpath -m "${WGFENCE:-$ROOT/.build/release/wgfence}")
export WGFENCE
if [ -z "${FLEET_INSIDE:-}" ]; then
  if [ "$(id -u)" != 0 ] || [ ! -x "$WGFENCE" ] || ! command -v ssh-keygen git curl openssl jq >/dev/null; then
    echo "skip fleet: it needs root, the program, ssh-keygen, git, curl, openssl and jq"
    echo "fleet: 0 passed, 0 failed, 1 skipped"
    exit 0
  fi
  FLEET_INSIDE=$(readlink /proc/self/ns/net) exec unshare -n -m -p --fork --kill-child --mount-proc bash "$0" "$@"
fi
[ "$FLEET_INSIDE" != "$(readlink /proc/self/ns/net)" ] || { echo "fleet: still in the host's namespace" >&2; exit 1; }
suite=fleet
# shellcheck source=Tests/Review/claims.sh
. "$ROOT/Tests/Review/claims.sh"

# --- the publisher is here; the machine is in the namespace `machine`

mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns
W=$(mktemp -d /run/fleet.XXXXXX)
cd "$W" || exit 1
ip link set lo up
ip netns add machine
ip link add up0 type veth peer name eth0 netns machine
ip address add 10.99.0.1/24 dev up0
ip link set up0 up
ip -n machine address add 10.99.0.2/24 dev eth0
ip -n machine link set eth0 up
ip -n machine link set lo up
# The machine's name server is the publisher: it must keep working.
echo "nameserver 10.99.0.1" >resolv.conf
mount --bind resolv.conf /etc/resolv.conf
machine() { ip netns exec machine env HOME="$W/home" "$@"; }
export WGFENCE_FLEET_TRUST=$W/etc/fleet/trust WGFENCE_STATE_DIR=$W/state WGFENCE_SOCKET=$W/socket HOME=$W/home
mkdir -p "$W/home" "$W/etc" lists channel
git config --global user.name publisher
git config --global user.email publisher@example.org
git config --global init.defaultBranch main
git config --global safe.directory '*'

policy() { # policy PORT: one that opens this port
  cat >policy.yaml <<YAML
version: 1
tunnels:
  wg0: { prefixes: [10.80.0.0/24], listen: 51820 }
machines:
  server: { addresses: { wg0: 10.80.0.1 }, endpoint: 10.99.0.2 }
  laptop: { addresses: { wg0: 10.80.0.2 } }
lists:
  bad: { file: lists/bad.txt }
block: [bad]
allow:
  - { from: laptop, to: server, services: [$1/tcp], because: the service of this release }
tests:
  - { from: laptop, to: server, allow: [$1/tcp], deny: [80/tcp] }
YAML
  echo 192.0.2.0/24 >lists/bad.txt
}
wgfence() { "$WGFENCE" "$@" >said 2>complaint; }
# ends STATUS VERB…: the verb ends with this status.
ends() {
  local expected=$1 status
  shift
  wgfence "$@"
  status=$?
  verdict "wgfence ${*//$W\//} ends with" "$expected" "$status$([ $status = "$expected" ] || echo ": $(head -n 2 complaint | paste -sd ' ')")"
}
publish() { # publish PORT [OPTION…]: a release, signed by anna
  local port=$1
  shift
  policy "$port"
  wgfence fleet publish policy.yaml --to channel --key anna "$@" || { cat complaint >&2; return 1; }
}
# taken STATUS BUNDLE: the machine's answer to a bundle.
taken() {
  machine "$WGFENCE" fleet accept "$1" >said 2>complaint
  echo $?
}
serial() { jq -r '.ratchet.serial' <<<"$("$WGFENCE" fleet trust show --format json)"; }
status() { machine "$WGFENCE" status --format json | jq -r "$1"; }
# The port that the kernel's rules open.
port_in_kernel() { machine nft list table inet wgfence 2>/dev/null | grep -oE '\b400[0-9]{2}\b' | sort -u | paste -sd ' '; }
daemon=
begin() {
  # Not by the function: its process becomes the daemon itself.
  ip netns exec machine "$WGFENCE" daemon "$W/etc/policy.yaml" --machine server --full-read 5 >>daemon.log 2>&1 &
  daemon=$!
  for _ in $(seq 100); do
    machine "$WGFENCE" status >/dev/null 2>&1
    [ $? = 1 ] || return 0
    sleep 0.05
  done
  echo "fleet: the daemon does not answer" >&2
  cat daemon.log >&2
  exit 1
}
end() {
  kill "$daemon"
  wait "$daemon" 2>/dev/null
}

for name in anna ben root1 root2 root3 stranger; do ssh-keygen -q -t ed25519 -N '' -C $name -f $name; done
ends 0 fleet init office --publish-key anna.pub --publish-key ben.pub --root-key root1.pub --root-key root2.pub \
  --root-key root3.pub --to channel
fingerprint=$(sha256sum <channel/trust | cut -d' ' -f1)

# --- a policy that may not be published

policy 40001
sed -i 's/deny: \[80/deny: [40001/' policy.yaml
ends 2 fleet publish policy.yaml --to channel --key anna
policy 40001
sed -i '/^tests/,$d' policy.yaml
ends 2 fleet publish policy.yaml --to channel --key anna
verdict "nothing was published" no "$([ -e channel/release.wgfence ] && echo yes || echo no)"

# --- a machine joins, and takes releases by each channel

ends 1 fleet join channel/trust --fingerprint "${fingerprint//[0-7]/0}" --from 1
ends 0 fleet join channel/trust --fingerprint "$fingerprint" --from 1
ends 1 fleet join channel/trust --trusted
begin
verdict "a member without a release reports that" "2 null" "$(machine "$WGFENCE" status >/dev/null; echo $?) $(status .fleet.serial)"

publish 40001 --because "by git"
(cd channel && git init -q && git add -A && git commit -qm first)
git daemon --reuseaddr --base-path="$W" --export-all --listen=10.99.0.1 "$W/channel" 2>/dev/null &
sleep 1
machine git clone -q git://10.99.0.1/channel "$W/clone"
verdict "git clone, then accept" 0 "$(taken clone/release.wgfence)"
verdict "the release by git is in force" "true 40001" "$(status .fleet.in_force) $(port_in_kernel)"
verdict "nothing needs attention about the fleet" "false false absent" "$(status '"\(.fleet.drifted) \(.fleet.stale) \(.fleet.local_file)"')"
publish 40002 --because "by git pull"
(cd channel && git add -A && git commit -qm second)
machine git -C "$W/clone" pull -q
verdict "git pull, then accept" "0 40002" "$(taken clone/release.wgfence) $(port_in_kernel)"
verdict "the same again changes nothing" "0 2" "$(taken clone/release.wgfence) $(serial)"

publish 40003 --because "by rsync"
if command -v rsync >/dev/null; then
  printf 'use chroot = no\n[channel]\npath = %s\n' "$W/channel" >rsyncd.conf
  rsync --daemon --no-detach --config=rsyncd.conf --address=10.99.0.1 --port=8873 2>/dev/null &
  sleep 0.5
  machine rsync -q rsync://10.99.0.1:8873/channel/release.wgfence "$W/by-rsync"
  verdict "rsync, then accept" "0 40003" "$(taken by-rsync) $(port_in_kernel)"
else
  skip "rsync is not installed"
fi

publish 40004 --because "by HTTPS"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout tls.key -out tls.crt -days 2 -subj /CN=channel \
  -addext subjectAltName=IP:10.99.0.1 2>/dev/null
python3 - "$W/channel" <<'PYTHON' 2>/dev/null &
import functools, http.server, ssl, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("10.99.0.1", 8443), handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("tls.crt", "tls.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
PYTHON
for _ in $(seq 50); do machine curl -sf --cacert "$W/tls.crt" https://10.99.0.1:8443/release.wgfence -o "$W/by-https" && break; sleep 0.1; done
verdict "HTTPS, then accept" "0 40004" "$(taken by-https) $(port_in_kernel)"

# --- a release that would end what works

policy 40014
echo 10.99.0.1 >lists/bad.txt
ends 0 fleet publish policy.yaml --to channel --key anna --because "blocks the name server"
verdict "a release that would end the name server is taken and held back" "2 5 40004" "$(taken channel/release.wgfence) $(serial) $(port_in_kernel)"
verdict "and is not drift" "false false dns" "$(status '"\(.fleet.in_force) \(.fleet.drifted) \(.policy.held | capture("(?<a>dns)").a)"')"
end
begin
verdict "so it is after a restart of the daemon" "false 40004" "$(status .fleet.in_force) $(port_in_kernel)"
verdict "it is in force when a person accepts it" "0 true 40014" "$(machine "$WGFENCE" accept >said 2>complaint; echo $?) $(status .fleet.in_force) $(port_in_kernel)"
publish 40004
verdict "the next one is in force at once" "0 40004" "$(taken channel/release.wgfence) $(port_in_kernel)"

# --- two people, keys that are revoked, waves

ends 0 fleet verify channel/release.wgfence
ends 0 fleet trust rotate --to channel --publish-key ben.pub --publish-key stranger.pub --publish-threshold 2 --key root1
ends 2 fleet trust show channel/trust-changes
ends 0 fleet sign channel/trust-changes --key root3
ends 0 fleet trust show channel/trust-changes
cp channel/release.wgfence epoch1
publish 40005
verdict "a release by a revoked key is refused" 1 "$(taken channel/release.wgfence)"
ends 0 fleet sign channel/release.wgfence --key ben
verdict "so is one with 1 of 2 signatures" 1 "$(taken channel/release.wgfence)"
verdict "and the release before it stays" "6 40004" "$(serial) $(port_in_kernel)"
ends 1 fleet sign channel/release.wgfence --key ben
ends 0 fleet sign channel/release.wgfence --key stranger
verdict "with both it is taken, with the new keys" "0 40005" "$(taken channel/release.wgfence) $(port_in_kernel)"
verdict "an older epoch is refused" 1 "$(taken epoch1)"
policy 40006
ends 0 fleet publish policy.yaml --to channel --key ben --key stranger --wave canary:0m:laptop --wave "rest:60m:*"
verdict "before the floor of its wave a machine does not take it" "1 40005" "$(taken channel/release.wgfence) $(port_in_kernel)"
policy 40007
ends 0 fleet publish policy.yaml --to channel --key ben --key stranger --wave canary:0m:server --wave "rest:60m:*"
verdict "in the first wave it does" "0 40007" "$(taken channel/release.wgfence) $(port_in_kernel)"
policy 40008
ends 0 fleet publish policy.yaml --to channel --key ben --key stranger --requires 99.0.0
verdict "a release for a later version is refused" "1 40007" "$(taken channel/release.wgfence) $(port_in_kernel)"
policy 40009
ends 0 fleet publish policy.yaml --to channel --key ben --key stranger --fresh-for 1s
verdict "a release that becomes stale is taken" "0 40009" "$(taken channel/release.wgfence) $(port_in_kernel)"
sleep 1.5
verdict "a stale release is a finding, and changes no rule" "true 40009" "$(status .fleet.stale) $(port_in_kernel)"

# --- a channel in somebody else's hands

good=channel/release.wgfence
policy 40010
ends 0 fleet publish policy.yaml --to channel --key ben --key stranger
hostile() { # hostile NAME: the bundle `hostile` is refused at once, and changes nothing
  local before after status=$SECONDS
  before="$(sha256sum <"$W/state/fleet/ratchet") $(port_in_kernel)"
  verdict "$1 is refused" 1 "$(timeout 20 ip netns exec machine "$WGFENCE" fleet accept hostile >said 2>complaint; echo $?)"
  after="$(sha256sum <"$W/state/fleet/ratchet") $(port_in_kernel)"
  verdict "$1 changes nothing" "$before" "$after"
  [ $((SECONDS - status)) -lt 15 ] || verdict "$1 is refused soon" yes no
  rm -rf hostile
}
for length in 0 1 17 100 500; do head -c $length $good >hostile; hostile "a bundle of $length bytes"; done
head -c -1 $good >hostile; hostile "a bundle without its last byte"
{ cat $good; echo; } >hostile; hostile "a bundle with a byte more"
sed 's/40010/40011/' $good >hostile; hostile "another policy"
cp by-https hostile; hostile "an older release"
python3 - $good epoch1 >hostile <<'PYTHON'
import sys
def parts(path):
    head, _, body = open(path, "rb").read().partition(b"\n\n")
    at, found = 0, []
    for line in head.split(b"\n")[1:]:
        key, length = line.split(b" ")
        found.append((key, body[at:at + int(length)]))
        at += int(length)
    return found
new, old = parts(sys.argv[1]), parts(sys.argv[2])
mixed = [part for part in new if part[0] != b"policy"]
mixed.insert(next(i for i, part in enumerate(mixed) if part[0] == b"list"), next(part for part in old if part[0] == b"policy"))
sys.stdout.buffer.write(b"wgfence bundle 1\n" + b"".join(b"%s %d\n" % (k, len(v)) for k, v in mixed) + b"\n" + b"".join(v for _, v in mixed))
PYTHON
hostile "a new statement with an old policy"
ssh-keygen -q -Y sign -f ben -n file - <$good >hostile 2>/dev/null; hostile "a signature without a release"
sed 's/^serial .*/&\n&/' $good >hostile; hostile "a statement with a field twice"
printf 'wgfence bundle 1\nstatement 9999999\npolicy 1\n\n' >hostile; hostile "a length that is too large"
printf 'wgfence bundle 1\nstatement \033[2J\n\n' >hostile; hostile "control characters"
verdict "no control character reaches the terminal" 0 "$(grep -c $'\033' complaint)"
truncate -s 200M hostile; hostile "a file of 200 MB"
{ printf 'wgfence bundle 1\n'; yes 'signature 0' | head -c 20000000; } >hostile; hostile "a header of 20 MB"
ln -s "$W/$good" hostile; hostile "a symbolic link"
mkfifo hostile; hostile "a named pipe"
mkdir hostile; hostile "a folder"
head -c 100000 /dev/urandom >hostile; hostile "noise"
verdict "the release itself is still taken" "0 40010" "$(taken $good) $(port_in_kernel)"

# --- root may do otherwise, and status says so

policy 40012
machine "$WGFENCE" apply policy.yaml --machine server --force >said 2>complaint
verdict "a local apply is possible, and is drift" "true 40012" "$(status .fleet.drifted) $(port_in_kernel)"
verdict "accepting the release again ends that" "0 false 40010" "$(taken $good) $(status .fleet.drifted) $(port_in_kernel)"
policy 40013
cp -r policy.yaml lists etc/
sleep 0.5
verdict "a policy file has no effect on a member, and is drift" "differs 40010" "$(status .fleet.local_file) $(port_in_kernel)"

# --- a release on trial

# trial STATUS PORT SERIAL: a release that may go back to this serial for an hour is accepted on trial.
trial() {
  policy "$2"
  wgfence fleet publish policy.yaml --to channel --key ben --key stranger --falls-back "$3" || cat complaint
  verdict "on trial, release $2 ends with" "$1" "$(machine "$WGFENCE" fleet accept $good --confirm 5s >said 2>complaint; echo $?)"
}
old=$(serial)
policy 40015
wgfence fleet publish policy.yaml --to channel --key ben --key stranger
verdict "a release that permits no way back cannot be on trial" "1 $old 40010" \
  "$(machine "$WGFENCE" fleet accept $good --confirm 5s >said 2>complaint; echo $?) $(serial) $(port_in_kernel)"
verdict "and it says why" 1 "$(grep -c 'cannot be on trial' complaint)"
trial 1 40016 $((old - 1)):1h
verdict "nor can one that would go back to another release" "$old 40010 1" "$(serial) $(port_in_kernel) $(grep -c "to release $((old - 1)) only" complaint)"
trial 1 40016 "$old:1s"
verdict "nor one whose trial would end too late" "$old 40010 1" "$(serial) $(port_in_kernel) $(grep -c 'use a shorter --confirm' complaint)"
verdict "a time that is none is refused" 64 "$(machine "$WGFENCE" fleet accept $good --confirm 1s >said 2>complaint; echo $?)"
trial 0 40016 "$old:1h"
verdict "a release on trial is taken and in force" "$((old + 4)) true 40016" "$(serial) $(status .fleet.in_force) $(port_in_kernel)"
verdict "the answer says what happens" 1 "$(grep -c 'in force on trial: in 5 s the release before it is in force again, unless wgfence confirm' said)"
sleep 6
verdict "without a confirmation the release before it is in force again" "true 40010" "$(status .fleet.drifted) $(port_in_kernel)"
end
begin
verdict "also after a restart of the daemon" "true 40010" "$(status .fleet.drifted) $(port_in_kernel)"
bundle=$(echo "$W"/state/fleet/release-*)
mv "$bundle" aside
touch "$WGFENCE_FLEET_TRUST"
for _ in $(seq 50); do [ "$(status .fleet.error)" != null ] && [ "$(status .policy.error)" != null ] && break; sleep 0.1; done
verdict "a release that cannot be read for a while" "true 40010" "$(status '.fleet.error | test("is missing")') $(port_in_kernel)"
mv aside "$bundle"
touch "$WGFENCE_FLEET_TRUST"
for _ in $(seq 50); do [ "$(status .fleet.error)" = null ] && break; sleep 0.1; done
sleep 1
verdict "is not put in force by that" "true 40010" "$(status .fleet.drifted) $(port_in_kernel)"
verdict "it can be on trial again" "0 40016" "$(machine "$WGFENCE" fleet accept $good --confirm 5s >said 2>complaint; echo $?) $(port_in_kernel)"
verdict "and is kept if it is confirmed" 0 "$(machine "$WGFENCE" confirm --console >said 2>complaint; echo $?)"
sleep 6
verdict "then it stays" "true false 40016" "$(status '"\(.fleet.in_force) \(.fleet.drifted)"') $(port_in_kernel)"
old=$(serial)
trial 0 40017 "$old:1h"
verdict "the same release without --confirm changes nothing in a trial" "0 1 40017" \
  "$(taken $good) $(grep -c 'in force on trial' said) $(port_in_kernel)"
policy 40018
wgfence fleet publish policy.yaml --to channel --key ben --key stranger --falls-back "$((old + 1)):1h"
verdict "one more cannot be on trial in a trial" "1 40017" "$(machine "$WGFENCE" fleet accept $good --confirm 5s >said 2>complaint; echo $?) $(port_in_kernel)"
verdict "and is not taken" $((old + 1)) "$(serial)"
verdict "a release that comes in a trial waits for its end" "0 1 40017" "$(taken $good) $(grep -c 'when the trial or the panic has ended' said) $(port_in_kernel)"
sleep 6
verdict "and is in force then" "true 40018" "$(status .fleet.in_force) $(port_in_kernel)"
# kill -9 at random moments of a trial: whatever was reached, nothing that nobody confirmed lasts.
kept=0 begun=0
for ((i = 0; i < ${KILLS:-20} / 4; i++)); do
  old=$(serial)
  policy $((40060 + i))
  wgfence fleet publish policy.yaml --to channel --key ben --key stranger --falls-back "$old:1h" || cat complaint
  machine "$WGFENCE" fleet accept $good --confirm 5s >said 2>complaint &
  accept=$!
  sleep "0.$(printf %03d $((RANDOM % 150)))"
  kill -KILL "$daemon"
  wait "$daemon" 2>/dev/null
  wait $accept
  [ "$(serial)" = "$old" ] || begun=$((begun + 1))
  begin
  for _ in $(seq 80); do
    [ "$(machine "$WGFENCE" status --format json | jq -r .pending)" = null ] && [ "$(port_in_kernel)" = "${confirmed:-40018}" ] && break
    sleep 0.1
  done
  sleep 0.2
  [ "$(port_in_kernel)" = "${confirmed:-40018}" ] || { kept=$((kept + 1)); echo "expected ${confirmed:-40018}, saw $(port_in_kernel)"; }
  # The next one goes back to this one.
  [ "$(taken $good)" = 0 ] || cat complaint
  confirmed=$((40060 + i))
done
verdict "kill -9 in a trial: nothing lasts that nobody confirmed" 0 $kept
echo "# $begun of $i trials were interrupted after the release was taken"
policy 40010
wgfence fleet publish policy.yaml --to channel --key ben --key stranger
verdict "after all trials a release is in force as before" "0 40010" "$(taken $good) $(port_in_kernel)"

# --- kill -9 while releases are taken

# How long an accept takes here, in ms.
policy 40011
wgfence fleet publish policy.yaml --to channel --key ben --key stranger
begun=$(date +%s%N)
verdict "another release is taken" "0 40011" "$(taken $good) $(port_in_kernel)"
usual=$((($(date +%s%N) - begun) / 1000000))
number=40020
lost=0 behind=0 wrong=0 low=$(serial)
for ((i = 0; i < ${KILLS:-20}; i++)); do
  number=$((number + 1))
  policy $number
  wgfence fleet publish policy.yaml --to channel --key ben --key stranger || cat complaint
  before=$(serial)
  machine "$WGFENCE" fleet accept $good >said 2>complaint &
  accept=$!
  wait=$((RANDOM % usual))
  sleep "$((wait / 1000)).$(printf %03d $((wait % 1000)))"
  kill -KILL "$daemon"
  wait "$daemon" 2>/dev/null
  wait $accept
  answer=$?
  now=$(serial)
  kernel=$(port_in_kernel)
  # The kernel has the old or the new one, and the new one only if the ratchet has it too.
  if [ "$now" -lt "$before" ] || { [ $answer = 0 ] && [ "$now" = "$before" ]; }; then lost=$((lost + 1)); fi
  [ "$kernel" != $number ] || [ "$now" -gt "$before" ] || behind=$((behind + 1))
  begin
  for _ in $(seq 40); do
    [ "$(status .fleet.in_force)" = true ] && break
    sleep 0.05
  done
  expected=$([ "$now" -gt "$before" ] && echo $number || echo "${last:-40011}")
  [ "$(status .fleet.in_force) $(port_in_kernel)" = "true $expected" ] || { wrong=$((wrong + 1)); echo "expected $expected, saw $(status .fleet.in_force) $(port_in_kernel)"; }
  last=$expected
done
verdict "kill -9: the ratchet loses nothing that was answered" 0 $lost
verdict "kill -9: the kernel is never ahead of the ratchet" 0 $behind
verdict "kill -9: afterwards the release of the ratchet is in force" 0 $wrong
verdict "kill -9: some releases were taken, and the serial went up" yes "$([ "$(serial)" -gt "$low" ] && echo yes || echo no)"

# --- without a daemon

end
policy 40050
wgfence fleet publish policy.yaml --to channel --key ben --key stranger
verdict "without a daemon accept puts it in force itself" 0 "$(machine "$WGFENCE" fleet accept $good --machine server >said 2>complaint; echo $?)"
verdict "it is in the kernel" 40050 "$(port_in_kernel)"
verdict "an older one is refused there too" 1 "$(machine "$WGFENCE" fleet accept epoch1 --machine server >said 2>complaint; echo $?)"
begin
verdict "a daemon that starts then has it in force" "true 40050" "$(status .fleet.in_force) $(port_in_kernel)"

# --- the end of the membership

ends 1 fleet leave etc/policy.yaml
ends 0 fleet leave etc/policy.yaml --replace
sleep 1
verdict "a machine that has left keeps the policy as its own" "null 40050" "$(status .fleet) $(port_in_kernel)"
policy 40051
cp policy.yaml etc/
sleep 1
verdict "and its policy file has effect again" 40051 "$(port_in_kernel)"
end
conclude
