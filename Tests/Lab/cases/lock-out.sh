# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Ways to lock oneself out of onprem, which laptop-eric administers over the tunnel: each is refused, held back, or undone
# within its time. After each, a new SSH connection is open, and the session that began before all of them lives.

state=$LAB/onprem/state
said=$LAB/onprem/said
journal=$LAB/onprem/daemon.log
live=$LAB/policy.yaml
count=0

policy good <<'YAML'
allow:
  - { to: onprem, services: [postgres], from: laptop-eric }
failsafe:
  - { to: onprem, services: [ssh], from: laptop-eric }
YAML
# The policies that lock out, each by one change.
wrong="no-grant other-peer other-port no-tunnel other-tunnel-port other-network foreign-subnet blocked lan-only other-address"
sed 's|services: \[ssh\]|services: [gitea]|' "$LAB/good.yaml" >"$LAB/no-grant.yaml"
sed 's|services: \[ssh\], from: laptop-eric|services: [ssh], from: laptop-ryan|' "$LAB/good.yaml" >"$LAB/other-peer.yaml"
sed 's|services: \[ssh\]|services: [2222/tcp]|' "$LAB/good.yaml" >"$LAB/other-port.yaml"
sed -e 's|wg0|wg9|' "$LAB/good.yaml" | sed 's|wg0|wg9|g' >"$LAB/no-tunnel.yaml"
sed 's|listen: 51820|listen: 51999|' "$LAB/good.yaml" >"$LAB/other-tunnel-port.yaml"
sed -e 's|10\.13\.13\.|10.99.99.|g; s|fd13:13:|fd99:99:|g' "$LAB/good.yaml" >"$LAB/other-network.yaml"
sed 's|^  laptop-ryan: {|  laptop-ryan: { subnets: [198.51.100.0/24],|' "$LAB/good.yaml" >"$LAB/foreign-subnet.yaml"
{ cat "$LAB/good.yaml"; echo 'lists: { bad: [203.0.113.0/24, "2001:db8:203::/48"] }'; echo 'block: [bad]'; } >"$LAB/blocked.yaml"
sed 's|from: laptop-eric|from: onprem.lan|' "$LAB/good.yaml" | sed 's|from: onprem.lan|from: lan|' >"$LAB/lan-only.yaml"
sed 's|10\.13\.13\.10, "fd13:13::10"|10.13.13.77, "fd13:13::77"|' "$LAB/good.yaml" >"$LAB/other-address.yaml"

to_ssh() { PROBE_TIMEOUT=1.5 tcp laptop-eric 10.13.13.2 22; }
verb() { wgfence_in onprem "$@" </dev/null >"$said" 2>&1; }
# reachable NAME: the administrator still gets in, and is not cut off.
reachable() {
  count=$((count + 1))
  ask admin say
  verdict "$1" "open alive" "$(to_ssh) $(answer_of admin)"
}
back_to_good() { verb apply "$LAB/good.yaml" --machine onprem --force; }

session admin laptop-eric 10.13.13.2 22
for name in $wrong; do
  verdict "the policy $name is valid" yes \
    "$(if wgfence_in onprem check "$LAB/$name.yaml" >"$said" 2>&1; then echo yes; else head -3 "$said"; fi)"
done

# apply, on a host without rules: from the session, through sudo (which removes SSH_CONNECTION), and in a terminal multiplexer
# (which has that of an older connection).
for name in $wrong; do
  SSH_CONNECTION='10.13.13.10 40000 10.13.13.2 22' verb apply "$LAB/$name.yaml" --machine onprem
  reachable "apply of $name"
  verb apply "$LAB/$name.yaml" --machine onprem
  reachable "apply of $name through sudo"
done
SSH_CONNECTION='10.13.13.11 40000 10.13.13.2 22' verb apply "$LAB/other-peer.yaml" --machine onprem
reachable "apply in a terminal multiplexer"
verb apply "$LAB/no-grant.yaml" --machine onprem --force --confirm 5s
verdict "a trial by force locks out" silent "$(PROBE_TIMEOUT=1 tcp laptop-eric 10.13.13.2 22)"
sleep 6
reachable "but only for its time"

# The daemon's first start.
begin() {
  task onprem daemon env WGFENCE_STATE_DIR="$state" WGFENCE_SOCKET="$LAB/onprem/control.sock" \
    "$WGFENCE" daemon "$live" "$@"
  until_true 10 answers || die "the daemon did not start: $(cat "$journal")"
}
answers() { wgfence_in onprem status >/dev/null 2>&1 || [ $? = 2 ]; }
for name in $wrong; do
  rm -rf "$state"
  cp "$LAB/$name.yaml" "$live"
  begin --machine onprem
  reachable "the daemon's first start with $name"
  end_task onprem daemon
  unload onprem
done
rm -rf "$state" "$live"
begin --machine onprem
reachable "the daemon's first start without a policy"
end_task onprem daemon
unload onprem

# The file of a running daemon changes: saved by an editor, or by git pull; and it changes while the daemon does not run.
rm -rf "$state"
cp "$LAB/good.yaml" "$live"
begin --machine onprem
reachable "the good policy in force"
for name in $wrong; do
  replace_policy onprem "$LAB/$name.yaml" "$live"
  reachable "the file saved as $name"
done
for text in '' 'version: [' 'version: 1'; do
  echo "$text" >"$live"
  sleep 0.7
  reachable "the file saved as '$text'"
done
rm "$live"
sleep 0.7
reachable "the file deleted"
cp "$LAB/no-grant.yaml" "$live"
node onprem kill -HUP "$(cat "$LAB/onprem/daemon.pid")"
sleep 1
reachable "reload with a policy without the grant"
end_task onprem daemon
begin --machine onprem
reachable "a restart of the daemon with it"
verb apply "$LAB/no-grant.yaml" --machine onprem --observe
reachable "observed"
verb enforce
reachable "enforce"
back_to_good
end_task onprem daemon -KILL
cp "$LAB/other-peer.yaml" "$live"
begin --machine onprem
reachable "the daemon killed, and started with another file"
end_task onprem daemon

# The machine's name.
cp "$LAB/good.yaml" "$live"
node onprem hostname somewhere
begin
reachable "a host whose name is not in the policy"
end_task onprem daemon
node onprem hostname onprem

# Rollback and panic.
verb apply "$LAB/no-grant.yaml" --machine onprem --observe
verb apply "$LAB/good.yaml" --machine onprem
sed -i 's|failsafe:|failsafe: []\nmore:|; /^more:/d; s|^  - { to: onprem, services: \[ssh\], from: laptop-eric }||' "$live"
sed 's|services: \[postgres\]|services: [postgres, ssh]|; /^failsafe:/,$d' "$LAB/good.yaml" >"$LAB/no-failsafe.yaml"
verb apply "$LAB/no-failsafe.yaml" --machine onprem --force
verb panic
reachable "panic without a failsafe grant"
verb panic --end
verb apply "$LAB/other-peer.yaml" --machine onprem --force
verb apply "$LAB/good.yaml" --machine onprem --force
session late laptop-eric 10.13.13.2 22
hang_up admin
session admin laptop-eric 10.13.13.2 22
verb rollback
reachable "rollback to a ruleset without the grant"
number=$(wgfence_in onprem rollback --list 2>/dev/null | awk '/other-peer/ { print $1; exit }')
verb rollback --to "${number:-1}"
reachable "rollback --to it"
hang_up late
hang_up admin
verdict "these were at least fifty ways" yes "$([ $count -ge 50 ] && echo yes || echo $count)"
unload onprem
