# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Hostile text wherever the program takes text: no verb writes a control or bidirectional character from it, a line that
# begins with it, or a journal entry whose severity comes from it.

hostile=$'x\e[2J\r\n<0>forged\x7f\xc2\x85\xc2\x9b31m\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8f\xd8\x9c\xe2\x80\xa8\xef\xbb\xbf'
short=$'x\e[2J\r\n<0>f'
journal=$LAB/onprem/daemon.log
out=$LAB/onprem/out
folder=$LAB/onprem/$hostile
mkdir -p "$folder"
path=$folder/$hostile.yaml

policy hostile <<'YAML'
services:
  web2: [8081/tcp]
allow:
  - { to: onprem, services: [postgres, 8888/tcp, web2], from: laptop-eric, because: "\u200f\u061c\u200b\ufe0f why" }
failsafe:
  - { to: onprem, services: [ssh], from: [internet, laptop-eric] }
tests:
  - { from: laptop-eric, to: onprem, allow: [postgres] }
YAML
cp "$LAB/hostile.yaml" "$path"
sed 's/, web2\]/]/' "$LAB/hostile.yaml" >"$path.less"
sed 's/allow: \[postgres\]/deny: [postgres]/' "$LAB/hostile.yaml" >"$path.failing"
printf 'version: 1\nmachines:\n  hub: { nonsense: "\\e[2J" }\n' >"$path.bad"

# unsafe FILE: the first forbidden character of a file, or `forged` for a line that begins with a value; else `clean`.
# Colours are not expected: nothing here is a terminal. nft indents with tabs.
cat >"$LAB/unsafe.py" <<'PYTHON'
import sys, unicodedata
text = open(sys.argv[1], encoding="utf-8", newline="").read()
for character in "\n".join(line.lstrip("\t") for line in text.split("\n")):
    if character == "\n": continue
    if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") or ord(character) & 0xfffe == 0xfffe:
        sys.exit(print(f"U+{ord(character):04X}"))
for line in text.split("\n"):
    if line.startswith(("forged", "<0>")): sys.exit(print("forged"))
print("clean" if sys.argv[2:] == [] or sys.argv[2] in text else "it is not there at all")
PYTHON
unsafe() { "$PYTHON" "$LAB/unsafe.py" "$@" 2>&1 | tail -1; }

# safe NAME VERB…: checks the output of a verb, with any exit status.
safe() {
  local name=$1
  shift
  wgfence_in onprem "$@" </dev/null >"$out" 2>&1
  verdict "$name is clean" clean "$(unsafe "$out")"
}
# shows NAME VERB…: the same, and the output has the hostile text, escaped.
shows() {
  local name=$1
  shift
  wgfence_in onprem "$@" </dev/null >"$out" 2>&1
  verdict "$name shows it" clean "$(unsafe "$out" "${SHOWN:-forged}")"
}

# --- verbs that need no kernel -------------------------------------------------------------------------------------------

shows "check" check "$path"
shows "check as JSON" check "$path" --format json
shows "check of an invalid policy" check "$path.bad"
SHOWN=U+001B shows "and its reason" check "$path.bad"
shows "check of a failed test" check "$path.failing"
shows "check that proves" check "$path" --prove
shows "check of a missing file" check "$folder/none$hostile"
shows "show" show "$path" --machine onprem
shows "show as JSON" show "$path" --machine onprem --format json
shows "show of expressions" show "$path" --machine onprem --format expressions
shows "explain" explain "$path" --machine onprem --from laptop-eric --to 8081/tcp
shows "explain as JSON" explain "$path" --machine onprem --from laptop-eric --to 8081/tcp --format json
for format in text json markdown; do shows "diff as $format" diff "$path" "$path.less" --format "$format"; done
shows "diff of an unknown revision" diff "$hostile:x" "$path"
shows "an unknown option" check "--$hostile"
shows "an unknown verb" "$hostile"
shows "a value that does not parse" check "$path" --format "$hostile"
shows "an unknown machine" show "$path" --machine "$hostile"
shows "an unknown source" explain "$path" --machine onprem --from "$hostile" --to 8081/tcp
shows "an unknown service" explain "$path" --machine onprem --from laptop-eric --to "$hostile"
shows "an output that cannot be written" init --machine onprem --output "$folder/none/$hostile"
SHOWN='x\u{1b}[2J' shows "a daemon that is not running" status --socket "$LAB/onprem/$short"
safe "an invalid state directory" rollback --list --state-dir "/dev/null/$hostile"
safe "init" init --machine onprem
"$WGFENCE" show "$path" --machine onprem >"$LAB/hostile.nft" 2>/dev/null
verdict "nft still accepts what show prints" 0 \
  "$(unshare -n nft -c -f "$LAB/hostile.nft" >"$LAB/nft.err" 2>&1; echo $?)"

# --- objects of other programs in the kernel --------------------------------------------------------------------------------

# A process with such a name that listens, in a container-like namespace's unit too; a foreign table with such comments.
task onprem listener "$PYTHON" -c 'import ctypes, socket, sys, time
ctypes.CDLL(None).prctl(15, sys.argv[1].encode()[:15], 0, 0, 0)
held = socket.socket(); held.bind(("0.0.0.0", 7123)); held.listen()
time.sleep(600)' "$short"
until_true 5 node onprem sh -c 'ss -Hltn | grep -q :7123'
printf 'table inet other {\n chain c {\n type filter hook input priority -5; policy accept;\n tcp dport 8081 counter drop comment "%s"\n }\n}\n' \
  $'x\e[2J\xc2\x9b\xe2\x80\xae forged' | node onprem nft -f -
for format in text json sarif html; do shows "audit as $format" audit "$path" --machine onprem --format "$format"; done
safe "audit without a policy" audit
shows "plan" plan "$path" --machine onprem
shows "plan as JSON" plan "$path" --machine onprem --format json
shows "apply" apply "$path" --machine onprem --force
node onprem nft list table inet wgfence >"$out"
verdict "nft's listing of the rules is clean" clean "$(unsafe "$out" forged)"
shows "explain --live" explain "$path" --live --machine onprem --from laptop-eric --to 8081/tcp
shows "explain --live as JSON" explain "$path" --live --machine onprem --from laptop-eric --to 8081/tcp --format json
shows "diff --live" diff "$path.less" --live --machine onprem
shows "doctor" doctor "$path" --machine onprem
shows "doctor as JSON" doctor "$path" --machine onprem --format json
shows "rollback --list" rollback --list
node onprem sh -c 'head -8 "$1/boot" | tr -d "\000"' _ "$LAB/onprem/state" | sed '/^$/q' >"$out"
verdict "the head of a stored ruleset is clean" clean "$(unsafe "$out" forged)"

# --- the daemon and its journal -------------------------------------------------------------------------------------

answers() { wgfence_in onprem status >/dev/null 2>&1 || [ $? = 2 ]; }
task onprem daemon env JOURNAL_STREAM=1:1 WGFENCE_STATE_DIR="$LAB/onprem/state" WGFENCE_SOCKET="$LAB/onprem/control.sock" \
  "$WGFENCE" daemon "$path" --machine onprem --ownership off
until_true 10 answers || die "the daemon did not start: $(cat "$journal")"
shows "open" open 9100/tcp --from internet --for 60s --because "$hostile"
shows "status" status
shows "status as JSON" status --format json
shows "audit with a temporary grant" audit "$path" --machine onprem
node onprem nft list table inet wgfence >"$out"
verdict "nft's listing of the temporary grant is clean" clean "$(unsafe "$out" forged)"
shows "open of an unknown service" open "$hostile" --from internet --for 60s --because why
shows "open from an unknown source" open 9100/tcp --from "$hostile" --for 60s --because why
# A process with such a name changes the table.
cp "$(command -v nft)" "$LAB/onprem/$short"
node onprem "$LAB/onprem/$short" insert rule inet wgfence ingress accept
sleep 0.5
cp "$path.bad" "$path.new" && mv "$path.new" "$path"
sleep 0.5
shows "status with a policy that is not valid" status
cp "$LAB/hostile.yaml" "$path.new" && mv "$path.new" "$path"
sleep 0.5
safe "panic" panic
shows "status in a panic" status
safe "the end of the panic" panic --end
end_task onprem daemon
sed 's/^<[3-6]>//' "$journal" >"$out"
verdict "the journal is clean" clean "$(unsafe "$out" forged)"
verdict "and every line of it has a severity of the program's" 0 "$(grep -vc '^<[3-6]>' "$journal")"
verdict "it names the process that changed the table" yes "$(grep -c 'was changed by x' "$journal" | sed 's/[1-9].*/yes/')"
end_task onprem listener
node onprem nft delete table inet other
