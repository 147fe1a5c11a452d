# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Whether explain, explain --across, diff and check --prove agree with real packets. Everything that does not read a kernel
# runs as the user nobody, without privileges.

policy questions <<'YAML'
services:
  gossip: 5005/udp
allow:
  - { to: onprem, services: [postgres, 8888/tcp, gossip], from: laptop-eric }
  - { to: onprem, services: [9090/tcp], from: internet }
  - { to: onprem, services: [2049/tcp], from: lan }
  - { to: onprem, services: [9000/tcp], from: ec2 }
  - { to: onprem.lan, services: [9100/tcp], from: laptop-eric }
  - { to: ec2, services: [web], from: internet }
  - { to: ec2, services: [9443/tcp], from: [laptop-ryan, onprem] }
encrypt:
  - { between: [ec2, onprem], tunnel: wg0 }
YAML
sed -e 's/8888.tcp, gossip/8888\/tcp, 9100\/tcp/' -e 's/services: .9090.tcp./services: [9090\/tcp, 3000\/tcp]/' \
  -e '/services: .2049/d' -e 's/laptop-ryan, onprem/laptop-eric, onprem/' "$LAB/questions.yaml" >"$LAB/edited.yaml"
sed -e 's/8888.tcp, gossip/gossip, 8888\/tcp/' "$LAB/questions.yaml" >"$LAB/rewritten.yaml"
cp "$WGFENCE" "$LAB/wgfence"

# as_nobody VERB…: the program without any privilege, in no machine's network.
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs env -C / "$LAB/wgfence" "$@"; }

# status_of COMMAND…: its exit status; what it said is in $LAB/said and $LAB/said.err.
status_of() {
  "$@" >"$LAB/said" 2>"$LAB/said.err" </dev/null
  echo $?
}

# said EXPRESSION: of the JSON object d that was said last.
said() { "$PYTHON" -c 'import json, sys; print(eval(sys.argv[2], {"d": json.load(open(sys.argv[1]))}))' "$LAB/said" "$1" 2>&1 | tail -1; }

# answers FAMILY KEY ARGUMENT…: the result of explain, run as the user nobody.
answers() {
  local family=$1 key=$2 report=$LAB/answers.$BASHPID
  shift 2
  as_nobody explain "$LAB/questions.yaml" --format json "$@" >"$report" 2>/dev/null
  reported "$report" "$family" "$key"
  rm -f "$report"
}

# thrice FAMILY PROBE NODE ADDRESS PORT ARGUMENT…: the results of a packet, of explain, and of explain --across.
thrice() {
  local family=$1 probe=$2 n=$3 address=$4 port=$5
  shift 5
  echo "$("$probe" "$n" "$address" "$port") $(answers "$family" verdict "$@") $(answers "$family" verdict "$@" --across)"
}

# question NAME EXPECTED MACHINE FROM TO NODE PORT [--over ZONE]…: asked of packets and of explain, by both families.
question() {
  local name=$1 expected=$2 machine=$3 from=$4 to=$5 n=$6 port=$7 four six probe=tcp
  shift 7
  case $expected in
  open | answered) expected="$expected accept accept" ;;
  silent) expected="silent drop drop" ;;
  esac
  case $to in */udp | gossip) probe=udp ;; esac
  case "$machine $n $*" in
  "onprem lan "*) four=192.168.1.1 six=fd68:1::1 ;;
  *--destination\ lan*) four=192.168.1.20 six=fd68:1::20 ;;
  *" internet "* | *"--over internet"*) four=${WAN[$machine]} six=${WAN6[$machine]} ;;
  *) four=${TUN[$machine]} six=${TUN6[$machine]} ;;
  esac
  set -- --machine "$machine" --from "$from" --to "$to" "$@"
  try "$name (IPv4)" "$expected" thrice 4 $probe "$n" "$four" "$port" "$@"
  try "$name (IPv6)" "$expected" thrice 6 $probe "$n" "$six" "$port" "$@"
}

# refuses MACHINE FROM TO ARGUMENT…: the last hop of the first packet, with its role and verdict.
refuses() {
  local machine=$1 from=$2 to=$3
  shift 3
  as_nobody explain "$LAB/questions.yaml" --machine "$machine" --from "$from" --to "$to" --across --format json "$@" \
    >"$LAB/said" 2>/dev/null
  said '"{role} {machine} {verdict}".format(**d["packets"][0]["stops"][-1])'
}

# --- explain ---

enforce questions onprem ec2
for service in postgres:5432 8888/tcp:8888 9999/tcp:9999 9443/tcp:9443 9090/tcp:9090; do
  for from in laptop-eric laptop-ryan; do
    case $from.$service in laptop-eric.postgres* | laptop-eric.8888*) expected=open ;; *) expected=silent ;; esac
    question "$from asks onprem for ${service%:*}" $expected onprem $from "${service%:*}" $from "${service#*:}"
  done
done
question "laptop-eric's UDP" answered onprem laptop-eric gossip laptop-eric 5005
question "laptop-ryan's UDP" silent onprem laptop-ryan gossip laptop-ryan 5005
question "a published port that is granted" open onprem ec2 9000/tcp ec2 9000
question "a published port to others" silent onprem laptop-eric 9000/tcp laptop-eric 9000
question "a published port without a grant" silent onprem ec2 15432/tcp ec2 15432
question "the hub itself" open ec2 laptop-ryan 9443/tcp laptop-ryan 9443
question "the hub itself, ungranted" silent ec2 laptop-eric 9443/tcp laptop-eric 9443
question "the hub by one who is its peer" open ec2 onprem 9443/tcp onprem 9443
question "a web server from the internet" open ec2 internet http internet 80
question "another port from the internet" silent ec2 internet 9443/tcp internet 9443
question "onprem from the internet" silent onprem internet postgres internet 5432
question "onprem from the internet, granted" open onprem internet 9090/tcp internet 9090
question "onprem from its LAN" open onprem lan 2049/tcp lan 2049
question "onprem from its LAN, ungranted" silent onprem lan postgres lan 5432
question "into the LAN behind onprem" open onprem laptop-eric 9100/tcp laptop-eric 9100 --destination lan
question "into the LAN behind onprem, ungranted" silent onprem laptop-ryan 9100/tcp laptop-ryan 9100 --destination lan
question "a packet that encrypt rejects" "refused drop reject" onprem ec2 9090/tcp ec2 9090 --over internet
question "and in the other direction" "refused drop reject" ec2 onprem http onprem 80 --over internet
settle

verdict "the last hop of an accepted packet is the receiver" "receiver onprem accept" "$(refuses onprem laptop-eric postgres)"
verdict "the hub drops what the receiver would drop" "hub ec2 drop" "$(refuses onprem laptop-ryan postgres)"
verdict "the sender rejects what encrypt forbids" "sender ec2 reject" "$(refuses onprem ec2 9090/tcp --over internet)"
verdict "by the line of encrypt" "questions.yaml:27" "$(said 'd["because"].split("/")[-1]')"
verdict "a hub that is the destination drops as receiver" "receiver ec2 drop" "$(refuses ec2 laptop-eric 9443/tcp)"
# Each machine alone: the others have no rules.
unload onprem
try46 "the hub drops the real packet" silent tcp laptop-ryan 10.13.13.2 fd13:13::2 5432
try46 "and the sender" refused tcp ec2 198.51.100.7 2001:db8:198::7 9090
settle

# --- diff ---

# Everything that could change, and more: MACHINE FROM PORT NODE ADDRESS.
probes() {
  local from port
  for port in 5432 8888 9100 3000 9999; do
    for from in laptop-eric laptop-ryan; do
      echo "onprem $from $port $from 10.13.13.2"
      echo "onprem $from $port $from fd13:13::2"
    done
  done
  for port in 9090 3000 5432; do
    echo "onprem internet $port internet 198.51.100.7"
    echo "onprem internet $port internet 2001:db8:198::7"
  done
  for port in 2049 9090; do
    echo "onprem lan $port lan 192.168.1.1"
    echo "onprem lan $port lan fd68:1::1"
  done
  for from in laptop-eric laptop-ryan onprem; do
    echo "ec2 $from 9443 $from 10.13.13.1"
    echo "ec2 $from 9443 $from fd13:13::1"
  done
}

# reality NAME: what each of the probes meets, one a line.
reality() {
  local machine from port n address line=0
  local -a waiting=()
  while read -r machine from port n address; do
    (echo "$machine $from $port $address $(PROBE_TIMEOUT=1.3 tcp "$n" "$address" "$port")" >"$LAB/$1.$line") &
    waiting+=($!)
    line=$((line + 1))
  done < <(probes)
  wait "${waiting[@]}"
  cat "$LAB/$1".*
  rm -f "$LAB/$1".*
}

# changed OLD NEW: the probes whose result differs in NEW, with that result.
changed() { comm -13 <(sort <<<"$1") <(sort <<<"$2"); }

# predicted: the same of the difference that was said last.
predicted() {
  probes | "$PYTHON" -c 'import json, sys
d = json.load(open(sys.argv[1]))
for line in sys.stdin:
    machine, source, port, _, address = line.split()
    for word, reaches in ("open", d["gained"]), ("silent", d["lost"]):
        if any(r["machine"] == machine and r["from"] == source and r["protocol"] == "tcp" and r["to"] is None and
               (r["port"] is None or r["port"] <= int(port) <= (r["last_port"] or r["port"])) for r in reaches):
            print(machine, source, port, address, word)' "$LAB/said" | sort
}

enforce questions onprem ec2
old=$(reality probed)
enforce edited onprem ec2
new=$(reality probed)
verdict "diff finds the edit" 2 "$(status_of as_nobody diff "$LAB/questions.yaml" "$LAB/edited.yaml" --format json)"
verdict "of $(wc -l <<<"$old") probes, those change that diff says, and no others" "$(predicted)" "$(changed "$old" "$new")"
verdict "and some open, and some close" "open silent" "$(predicted | awk '{ print $5 }' | sort -u | paste -sd ' ')"
verdict "what the internet gains is marked" "[3000]" "$(said 'sorted({g["port"] for g in d["gained"] if g["outside"]})')"
verdict "a UDP service that was lost is reported" True \
  "$(said 'any(l["machine"] == "onprem" and l["port"] == 5005 and l["protocol"] == "udp" and l["from"] == "laptop-eric" and l["over"] == "wg0" for l in d["lost"])')"
verdict "diff finds the reverse edit" 2 "$(status_of as_nobody diff "$LAB/edited.yaml" "$LAB/questions.yaml" --format json)"
enforce questions onprem ec2
verdict "and packets agree" "$(predicted)" "$(changed "$new" "$(reality probed)")"
verdict "a reordered policy is no difference" 0 "$(status_of as_nobody diff "$LAB/questions.yaml" "$LAB/rewritten.yaml" --format json)"
verdict "and nothing is gained or lost" True "$(said 'd["gained"] == [] and d["lost"] == [] and d["schema"] == "wgfence/diff/1"')"
verdict "diff of one file is usage" 64 "$(status_of as_nobody diff "$LAB/questions.yaml")"
verdict "diff of a file that is not there cannot be done" 1 "$(status_of as_nobody diff "$LAB/questions.yaml" "$LAB/not-there.yaml")"

# --- diff --live ---

live_difference() { status_of wgfence_in onprem diff --live "$LAB/questions.yaml" --machine onprem --format json; }
verdict "the enforced ruleset equals the policy" 0 "$(live_difference)"
# Two chains must accept the packet; only one of them is changed here.
node onprem nft add element inet wgfence local-internet/ports '{ tcp . 5432 : accept }'
try46 "a port is opened by hand in one of the two chains" silent tcp internet 198.51.100.7 2001:db8:198::7 5432
settle
verdict "diff --live shows no difference" 0 "$(live_difference)"
verdict "but plan shows one" 2 "$(status_of wgfence_in onprem plan "$LAB/questions.yaml" --machine onprem)"
node onprem nft add element inet wgfence open-internet '{ tcp . 5432 }'
try46 "a port is opened by hand" open tcp internet 198.51.100.7 2001:db8:198::7 5432
settle
verdict "diff --live finds it" 2 "$(live_difference)"
verdict "and says what the policy would close" "[('onprem', 5432, 'tcp', 'internet', 'internet', True)]" \
  "$(said '[(l["machine"], l["port"], l["protocol"], l["from"], l["over"], l["outside"]) for l in d["lost"]]')"
verdict "and that it would open nothing" "[]" "$(said 'd["gained"]')"
verdict "explain --live lets it in" accept "$(explained onprem 4 verdict "$LAB/questions.yaml" --live --from internet --to postgres)"
verdict "where explain without it does not" drop "$(answers 4 verdict --machine onprem --from internet --to postgres)"
enforce questions onprem
node onprem nft insert rule inet wgfence ingress tcp dport 8888 drop
try46 "a port is closed by hand" silent tcp laptop-eric 10.13.13.2 fd13:13::2 8888
settle
verdict "diff --live finds that too" 2 "$(live_difference)"
verdict "and says what the policy would open" "[('onprem', 8888, 'laptop-eric')]" \
  "$(said '[(g["machine"], g["port"], g["from"]) for g in d["gained"]]')"
node onprem nft delete table inet wgfence
verdict "without a ruleset everything is open" 2 "$(live_difference)"
verdict "and the policy would open nothing" "[]" "$(said 'd["gained"]')"
enforce questions onprem
verdict "the user nobody cannot read the kernel" 1 \
  "$(status_of node onprem setpriv --reuid=65534 --regid=65534 --clear-groups "$LAB/wgfence" diff --live "$LAB/questions.yaml" --machine onprem)"

# --- the exit statuses of explain, and its report ---

ask_explain() { status_of as_nobody explain "$LAB/questions.yaml" --format json "$@"; }
verdict "explain ends with 2 for what is dropped" 2 "$(ask_explain --machine onprem --from laptop-ryan --to postgres)"
verdict "with 0 for what is let in" 0 "$(ask_explain --machine onprem --from laptop-eric --to postgres)"
verdict "and its report has the keys that scripts rely on" True \
  "$(said 'd["schema"] == "wgfence/explain/1" and d["verdict"] == "accept" and d["because"].endswith("questions.yaml:19") and len(d["steps"]) > 0 and len(d["packets"]) == 2')"
verdict "with 1 for an unknown machine" 1 "$(ask_explain --machine nobody --from laptop-eric --to postgres)"
verdict "with 1 for an unknown source" 1 "$(ask_explain --machine onprem --from laptop-erik --to postgres)"
verdict "and says which was meant" yes "$(grep -q "did you mean 'laptop-eric'" "$LAB/said.err" && echo yes)"
verdict "with 1 for an unknown service" 1 "$(ask_explain --machine onprem --from laptop-eric --to postgress)"
verdict "with 64 for missing options" 64 "$(ask_explain --machine onprem --from laptop-eric)"
verdict "with 64 for --live and --across" 64 "$(ask_explain --machine onprem --from laptop-eric --to postgres --live --across)"

# --- check --prove ---

verdict "the policy that packets agree with is proved for all packets" 0 "$(status_of as_nobody check --prove "$LAB/questions.yaml" --format json)"
verdict "for every machine" True "$(said 'd["valid"] and all(p["holds"] and p["machines"] == 4 and p["classes"] > 0 and p["counter_examples"] == [] for p in d["proofs"]) and len(d["proofs"]) == 1')"
