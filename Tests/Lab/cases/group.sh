# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The report service: a member of the group wgfence gets the reports that root gets, and nothing else.

service=$LAB/onprem/report.sock
policy group <<'END'
allow:
  - { to: onprem, services: [postgres, ssh], from: laptop-eric }
END
policy group-more <<'END'
allow:
  - { to: onprem, services: [postgres, ssh, grafana], from: laptop-eric }
END
wgfence_in onprem apply "$LAB/group.yaml" --force >/dev/null 2>&1 || die "the policy was not applied"
install -m 600 "$LAB/group-more.yaml" "$LAB/onprem/secret.yaml"
install -m 644 "$LAB/group-more.yaml" "$LAB/onprem/readable.yaml"
chmod 755 "$LAB/onprem"

# The group is one of the node alone.
{ sed '/^wgfence:/d' /etc/group; echo 'wgfence:x:64711:'; } >"$LAB/onprem/group"
node onprem mount --bind "$LAB/onprem/group" /etc/group

# A process for each connection, with the connection as its standard input, as systemd starts it.
task onprem reports "$PYTHON" -c '
import os, socket, subprocess, sys
path, program, state = sys.argv[1:]
os.environ["WGFENCE_STATE_DIR"] = state
server = socket.socket(socket.AF_UNIX)
server.bind(path)
os.chown(path, 0, 64711)
os.chmod(path, 0o660)
server.listen()
while True:
    client, _ = server.accept()
    subprocess.Popen([program, "answer-report"], stdin=client, stdout=subprocess.DEVNULL)
    client.close()
' "$service" "$WGFENCE" "$LAB/onprem/state"
until_true 5 test -S "$service" || die "the report service did not start"

# as USER COMMAND…: on onprem as root, as a member of the group, or as another user.
as() {
  local who=$1
  shift
  case $who in
  root) node onprem env WGFENCE_STATE_DIR="$LAB/onprem/state" WGFENCE_REPORT_SOCKET="$service" "$@" ;;
  member) node onprem setpriv --reuid=65534 --regid=65534 --groups=64711 env WGFENCE_REPORT_SOCKET="$service" "$@" ;;
  other) node onprem setpriv --reuid=65534 --regid=65534 --clear-groups env WGFENCE_REPORT_SOCKET="$service" "$@" ;;
  esac
}

# alike NAME VERB…: whether root and a member get the same report and the same status. Counters and times differ between two
# readings of a host on which packets flow.
alike() {
  local name=$1 who
  shift
  for who in root member; do
    { as $who "$WGFENCE" "$@" 2>&1; echo "status $?"; } |
      sed -E 's/"(packets|bytes|expires|seconds|time)": [0-9]+/"\1": N/; s/[0-9]{4}-[0-9-]+T[0-9:]+Z/TIME/g' >"$LAB/onprem/$who.txt"
  done
  verdict "a member gets root's report: $name" "" "$(diff "$LAB/onprem/root.txt" "$LAB/onprem/member.txt" | head -5)"
  verdict "the report is not empty: $name" yes "$([ "$(wc -l <"$LAB/onprem/member.txt")" -gt 1 ] && echo yes || echo no)"
}
plan() { as "$1" "$WGFENCE" plan "$2" --machine onprem 2>&1; }

alike plan plan "$LAB/onprem/readable.yaml" --machine onprem
alike "plan as JSON" plan "$LAB/onprem/readable.yaml" --machine onprem --format json
alike "audit" audit "$LAB/onprem/readable.yaml" --machine onprem
alike "audit as JSON" audit "$LAB/onprem/readable.yaml" --machine onprem --format json
alike "audit with colours" audit "$LAB/onprem/readable.yaml" --machine onprem --color always
alike "audit without a policy" audit
alike "doctor" doctor "$LAB/onprem/readable.yaml" --machine onprem
alike "a policy that is not valid" plan /etc/hostname --machine onprem
alike "a machine that is not in the policy" audit "$LAB/onprem/readable.yaml" --machine nobody

as root "$WGFENCE" audit "$LAB/onprem/readable.yaml" --machine onprem --format json >"$LAB/onprem/baseline.json" 2>/dev/null
alike "audit without the findings of an earlier one" audit "$LAB/onprem/readable.yaml" --machine onprem \
  --baseline "$LAB/onprem/baseline.json"
alike "an earlier report that is none" audit --baseline /etc/hostname

verdict "the plan names the new grant" "grafana 3000/tcp" \
  "$(plan member "$LAB/onprem/readable.yaml" | grep -o 'grafana 3000/tcp')"
verdict "a file that the member cannot read is not opened for him" "Permission denied" \
  "$(plan member "$LAB/onprem/secret.yaml" | grep -o 'Permission denied')"
verdict "a user outside the group gets no plan" "this needs root, or CAP_NET_ADMIN" \
  "$(plan other "$LAB/onprem/readable.yaml" | grep -o 'this needs root, or CAP_NET_ADMIN')"
verdict "and reads nothing of other users' sockets" no \
  "$(as other "$WGFENCE" audit 2>&1 | matches 'postgres (' && echo yes || echo no)"

# The log of dropped packets is the daemon's, which root alone can read.
cp "$LAB/group.yaml" "$LAB/onprem/live.yaml"
task onprem daemon env WGFENCE_STATE_DIR="$LAB/onprem/state" WGFENCE_SOCKET="$LAB/onprem/control.sock" \
  "$WGFENCE" daemon "$LAB/onprem/live.yaml" --machine onprem
answers() { wgfence_in onprem status >/dev/null 2>&1 || [ $? = 2 ]; }
until_true 10 answers || die "the daemon did not start: $(cat "$LAB/onprem/daemon.log")"
PROBE_TIMEOUT=1 tcp internet 198.51.100.7 8888 >/dev/null
logged() { as root "$WGFENCE" log "$LAB/onprem/readable.yaml" --machine onprem 2>/dev/null | matches 8888; }
verdict "a dropped packet is in the log" yes "$(until_true 10 logged && echo yes || echo no)"
end_task onprem daemon
alike "log" log "$LAB/onprem/readable.yaml" --machine onprem
alike "log as JSON" log "$LAB/onprem/readable.yaml" --machine onprem --format json --since 2h
alike "a summary of the log" log "$LAB/onprem/readable.yaml" --machine onprem --summary
alike "suggest" suggest "$LAB/onprem/readable.yaml" --machine onprem
verdict "the member's log has the packet" 8888 \
  "$(as member "$WGFENCE" log "$LAB/onprem/readable.yaml" --machine onprem 2>/dev/null | grep -o 8888 | head -n 1)"
verdict "another user gets no log" 1 "$(as other "$WGFENCE" log >/dev/null 2>&1; echo $?)"

# What a hostile member sends: each gets a reason and status 1, and the service answers the next one.
as member "$PYTHON" - "$service" >"$LAB/onprem/hostile.txt" 2>&1 <<'PYTHON'
import array, os, socket, struct, sys

HEAD = b"version=1\nverb=plan\nformat=text\ndetail=usual\n"


def ask(payload, kind=b"Q", files=(), length=None):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(15)
    client.connect(sys.argv[1])
    frame = struct.pack(">I", len(payload) if length is None else length) + kind + payload
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
    client.sendmsg([frame], ancillary)
    if length is None:
        client.shutdown(socket.SHUT_WR)
    answer = b""
    while part := client.recv(65536):
        answer += part
    # The last frame is the exit status.
    return answer[-6:-5] == b"\0" and answer[-2:-1] == b"X" and answer[-1] or answer[-1:], answer


def memory(content, sealed=True):
    file = os.memfd_create("x", os.MFD_ALLOW_SEALING)
    os.write(file, content)
    if sealed:
        import fcntl

        fcntl.fcntl(file, 1033, 15)
    return file


secret = os.open("/etc/hostname", os.O_RDONLY)
cases = {
    "path without a file": (HEAD + b"path=/etc/shadow\nlengths=10\n",),
    "a file of a disk": (HEAD + b"path=x\nlengths=10\n", b"Q", [secret]),
    "memory that can change": (HEAD + b"path=x\nlengths=3\n", b"Q", [memory(b"abc", False)]),
    "wrong lengths": (HEAD + b"path=x\nlengths=99\n", b"Q", [memory(b"abc")]),
    "negative lengths": (HEAD + b"path=x\nlengths=-3\n", b"Q", [memory(b"abc")]),
    "huge lengths": (HEAD + b"path=x\nlists=a\\nb\nlengths=1 9223372036854775807 9223372036854775807\n", b"Q", [memory(b"abc")]),
    "a list by its path": (
        HEAD + b"path=/x/p.yaml\nlengths=60\n", b"Q",
        [memory(b"lists: { shadow: { file: /etc/shadow } }\n".ljust(60, b" "))]),
    "another verb": (b"version=1\nverb=panic\n",),
    "another version": (b"version=0\nverb=plan\n",),
    "a key that is not known": (HEAD + b"state-dir=/\n",),
    "no request": (b"x", b"X"),
    "two descriptors": (HEAD, b"Q", [secret, secret]),
    "a frame that is too long": (b"", b"Q", [], 1 << 30),
    "text that is not UTF-8": (b"\xff\xfe",),
}
for name, arguments in cases.items():
    _, answer = ask(*arguments)
    shown = answer.decode(errors="replace")
    leaked = "root:" in shown
    print(f"{name}: status {answer[-1] if answer else 'none'}, {'reason' if 'error' in shown else 'no reason'}, {'leaked' if leaked else 'nothing leaked'}")
PYTHON
while IFS=: read -r name rest; do
  case $name in
  "a list by its path") verdict "hostile request, $name" " status 2, reason, nothing leaked" "$rest" ;;
  *) verdict "hostile request, $name" " status 1, reason, nothing leaked" "$rest" ;;
  esac
done <"$LAB/onprem/hostile.txt"
verdict "all hostile requests were answered" 14 "$(wc -l <"$LAB/onprem/hostile.txt")"
alike "after them" plan "$LAB/onprem/readable.yaml" --machine onprem
