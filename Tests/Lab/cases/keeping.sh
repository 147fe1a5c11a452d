# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The messages about a change must be true: with a full disk, a stopped daemon, and a boot beside a running daemon.
# Each step depends on the one before, so they run one after another.

live=$LAB/onprem/daemon.yaml
journal=$LAB/onprem/daemon.log
state=$LAB/onprem/state
out=$LAB/onprem/out
err=$LAB/onprem/err

policy keeping <<'YAML'
allow:
  - { to: onprem, services: [postgres, 8888/tcp], from: laptop-eric }
failsafe:
  - { to: onprem, services: [ssh], from: [internet, laptop-eric] }
YAML
policy keeping-less <<'YAML'
allow:
  - { to: onprem, services: [postgres], from: laptop-eric }
failsafe:
  - { to: onprem, services: [ssh], from: [internet, laptop-eric] }
YAML
cp "$LAB/keeping.yaml" "$live"

# A small file system of its own, which full and roomy fill and empty.
mkdir -p "$state"
node onprem mount -t tmpfs -o size=4m,mode=700 tmpfs "$state"
full() { node onprem sh -c 'cat /dev/zero >"$1/fill"' _ "$state" 2>/dev/null; }
roomy() { node onprem rm -f "$state/fill"; }

# ends NAME STATUS VERB…: the exit status of a verb on onprem.
ends() {
  local name=$1 expected=$2
  shift 2
  wgfence_in onprem "$@" </dev/null >"$out" 2>"$err"
  verdict "$name" "$expected" $?
}
has() { grep -c -- "$2" "$1" | sed 's/^[1-9].*/yes/; s/^0/no/'; }
seen() {
  local name=$1 expected=$2
  shift 2
  verdict "$name" "$expected" "$("$@" 2>&1 | tail -1)"
}
to_onprem() { PROBE_TIMEOUT=1.3 tcp laptop-eric 10.13.13.2 "$1"; }
answers() { wgfence_in onprem status >/dev/null 2>&1 || [ $? = 2 ]; }
stored() { [ "$(wgfence_in onprem status --format json | grep -c '"kept": true')" = 1 ]; }
begin() {
  task onprem daemon env WGFENCE_STATE_DIR="$state" WGFENCE_SOCKET="$LAB/onprem/control.sock" \
    "$WGFENCE" daemon "$live" --machine onprem
  until_true 10 answers || die "the daemon did not start: $(cat "$journal")"
}
# kind SLOT: the kind of ruleset that a file of the state directory holds.
kind() { node onprem sed -n 's/^kind=//p' "$state/$1" | head -1; }

# --- without a daemon -----------------------------------------------------------------------------------------------

ends "apply with free space" 0 apply "$live" --machine onprem --force
full
ends "panic on a full disk, without a daemon" 1 panic
seen "is in force" silent to_onprem 5432
verdict "does not say that it survives a restart" no "$(has "$out" 'stays in force after a restart')"
verdict "says that it does not" yes "$(has "$err" 'in force now, but does not survive a restart')"
verdict "and why" yes "$(has "$err" 'No space left on device')"
verdict "and boot has the policy" policy "$(kind boot)"
roomy
ends "the same command again, with free space" 0 panic
verdict "says that it survives a restart" yes "$(has "$out" 'stays in force after a restart')"
verdict "and boot has the panic" panic "$(kind boot)"
full
ends "the end of a panic on a full disk" 1 panic --end
seen "is in force" open to_onprem 5432
verdict "and a message says that a restart undoes it" yes "$(has "$err" 'may be in force again after a restart')"
roomy
ends "the same command again ends it" 0 panic --end
full
ends "apply on a full disk" 1 apply "$LAB/keeping-less.yaml" --machine onprem --force --format json
seen "is in force" silent to_onprem 8888
verdict "and says in JSON that it is not stored" yes "$(has "$out" '"stored": false')"
verdict "and to people why" yes "$(has "$err" 'does not survive a restart.*No space\|No space.*does not survive a restart')"
roomy
ends "apply again, with free space" 0 apply "$LAB/keeping-less.yaml" --machine onprem --force
full
ends "rollback on a full disk" 1 rollback
verdict "says that a restart undoes it" yes "$(has "$err" 'does not survive a restart')"
roomy
ends "apply of the policy" 0 apply "$live" --machine onprem --force

# --- with a daemon --------------------------------------------------------------------------------------------------

begin
full
ends "panic on a full disk, through the daemon" 1 panic
seen "is in force" silent to_onprem 5432
verdict "does not say that it survives a restart" no "$(has "$out" 'stays in force after a restart')"
verdict "says that it does not" yes "$(has "$err" 'in force now, but does not survive a restart')"
ends "status reports it" 2 status
verdict "as text" yes "$(has "$out" 'NOT STORED')"
verdict "and so does the journal" yes "$(has "$journal" 'not stored for the next restart')"
roomy
verdict "with free space again, the daemon stores it by itself" yes "$(until_true 15 stored && echo yes)"
verdict "as what is loaded at boot" panic "$(kind boot)"
full
ends "the end of a panic on a full disk" 1 panic --end
verdict "says that a restart undoes it" yes "$(has "$err" 'may be in force again')"
end_task onprem daemon -KILL
begin
seen "and this is true" silent to_onprem 5432
roomy
ends "it ends permanently with free space" 0 panic --end
ends "an apply on trial" 0 apply "$LAB/keeping-less.yaml" --machine onprem --force --confirm 60s
full
ends "confirmed on a full disk" 1 confirm --console
verdict "does not say that the ruleset is permanent" no "$(has "$out" 'the ruleset is permanent')"
verdict "says that a restart may roll it back" yes "$(has "$err" 'may still roll it back')"
roomy
verdict "until it is stored" yes "$(until_true 15 stored && echo yes)"

# --- a request whose client no longer waits ---------------------------------------------------------------------------

# resume_nsenter: nsenter stops itself with its child, and does not continue with it.
resume_nsenter() { kill -CONT "$(child_of "${TASK[onprem.daemon]}")"; }

# asked HOW DEADLINE: sends a request for a panic to the daemon, which is stopped, and prints what comes back once it
# runs again. DEADLINE is in seconds from now; with `gone`, the client ends before the daemon runs again.
asked() {
  node onprem "$PYTHON" - "$LAB/onprem/control.sock" "$(cat "$LAB/onprem/daemon.pid")" "$@" <<'PYTHON'
import os, signal, socket, struct, sys, time
path, pid, how, seconds = sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
os.kill(pid, signal.SIGSTOP)
try:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(5)
    client.connect(path)
    text = "version=4\nverb=panic\n"
    deadline = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + int(seconds * 1e9)
    text += "deadline=soon\n" if how == "none" else f"deadline={deadline}\n"
    client.sendall(struct.pack(">I", len(text)) + b"Q" + text.encode())
    if how == "gone":
        client.close()
    time.sleep(1)
finally:
    os.kill(pid, signal.SIGCONT)
if how != "gone":
    answer = b""
    while True:
        part = client.recv(65536)
        if not part: break
        answer += part
    print(answer.decode(errors="replace").replace("\n", " "))
time.sleep(0.5)
PYTHON
  resume_nsenter
}
ends "a policy for what follows" 0 apply "$live" --machine onprem --force
seen "a client that has disconnected" "" asked gone 30
seen "gets no panic afterwards" open to_onprem 5432
verdict "which the journal says" yes "$(has "$journal" "'panic' by root was not carried out: the client has disconnected")"
verdict "a request that is too late" yes "$(asked late 0.2 | grep -c 's ago: nothing was changed' | sed 's/1/yes/')"
seen "is not carried out either" open to_onprem 5432
verdict "nor is one with an invalid deadline" yes "$(asked none 0 | grep -c 'not a number: nothing was changed' | sed 's/1/yes/')"
seen "which changes nothing" open to_onprem 5432
node onprem kill -STOP "$(cat "$LAB/onprem/daemon.pid")"
ends "the program itself, while the daemon is stopped" 1 panic
verdict "says that it will have no effect" yes "$(has "$err" 'it will have no effect')"
node onprem kill -CONT "$(cat "$LAB/onprem/daemon.pid")"
resume_nsenter
sleep 1
seen "and this is true" open to_onprem 5432
ends "a request in time is carried out" 0 panic
seen "at once" silent to_onprem 5432
ends "and ended" 0 panic --end

# --- boot beside a running daemon -----------------------------------------------------------------------------------

held=$(wgfence_in onprem status --format json | grep -c '"owner": true')
before=$(node onprem nft list table inet wgfence | grep -vc counter)
wgfence_in onprem boot >"$out" 2>"$err"
verdict "boot beside a daemon ends with success" 0 $?
verdict "does not say that the machine is not protected" no "$(has "$err" 'NOT PROTECTED')"
if [ "$held" = 1 ]; then
  verdict "says who owns the table" yes "$(has "$err" 'a running daemon owns the table inet wgfence')"
  verdict "and that the stored ruleset is in force" yes "$(has "$err" 'the stored ruleset of .* is in force')"
else
  skip "who holds the table" "this kernel does not support table ownership"
fi
verdict "and changes nothing" "$before" "$(node onprem nft list table inet wgfence | grep -vc counter)"
end_task onprem daemon
ends "without a daemon it loads the stored ruleset" 0 boot
verdict "and says so" yes "$(has "$err" 'loaded the ruleset of')"
