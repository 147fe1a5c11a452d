# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The program beside other people's tables: what its verbs report, and that they change nothing that is not their own.

policy program <<'YAML'
allow:
  - { to: onprem, services: [postgres, 9000/tcp], from: laptop-eric }
  - { to: ec2, services: [web], from: internet }
encrypt:
  - { between: [ec2, onprem], tunnel: wg0 }
YAML
program="$LAB/program.yaml"

# Every other table, stateless: counters and sets with timeouts move by themselves.
foreign() { node onprem nft -s list ruleset | awk '/^table inet wgfence / { ours = 1 } !ours { print } /^}/ { ours = 0 }'; }
# status_of VERB…: the exit status of the program on onprem
status_of() {
  wgfence_in onprem "$@" >"$LAB/program.out" 2>"$LAB/program.err" </dev/null
  echo $?
}
json() { "$PYTHON" -c 'import json, sys; print(eval(sys.argv[2], {"d": json.load(open(sys.argv[1]))}))' "$LAB/program.out" "$1" 2>&1 | tail -1; }

if [ -n "${WGFENCE_LAB_APPLY:-}" ]; then
  skip "the program's verbs" "WGFENCE_LAB_APPLY replaces the program"
else
  # Things that a careless program would lose: comments, quotas, maps, dormant tables, other families, owners' names.
  node onprem nft -f - <<'NFT'
table ip filter {
	comment "someone else's"
	chain INPUT {
		type filter hook input priority filter; policy accept;
		ip protocol tcp counter accept comment "keep me"
	}
	chain DOCKER-USER {
	}
}
table ip6 other {
	flags dormant
	set peers {
		type ipv6_addr
		flags interval
		elements = { fd00::/8 }
	}
}
table bridge l2 {
	chain forward {
		type filter hook forward priority filter; policy accept;
	}
}
table inet wgfence2 {
	map verdicts {
		type inet_service : verdict
		elements = { 22 : accept, 80 : accept }
	}
}
NFT
  before=$(foreign)
  verdict "audit without a policy in force is a finding" 2 "$(status_of audit "$program" --machine onprem --format json)"
  verdict "and says so in JSON" True "$(json 'not d["enforced"]')"
  verdict "plan before the first apply is not empty" 2 "$(status_of plan "$program" --machine onprem --format json)"
  verdict "and counts operations" True "$(json 'd["operations"] > 0')"
  verdict "show prints the ruleset" 0 "$(status_of show "$program" --machine onprem)"
  cp "$LAB/program.out" "$LAB/program.nft"
  verdict "plan and show load nothing" nothing "$(node onprem nft list table inet wgfence >/dev/null 2>&1 && echo table || echo nothing)"
  verdict "what show prints is nft's own language" 0 \
    "$(unshare -n nft -c -f "$LAB/program.nft" >"$LAB/nft.err" 2>&1; echo $?)"
  verdict "apply loads it" 0 "$(status_of apply "$program" --machine onprem)"
  verdict "check finds no error" 0 "$(status_of check "$program")"
  verdict "check, plan, show, audit and apply leave other tables as they are" same \
    "$([ "$(foreign)" = "$before" ] && echo same || echo changed)"
  verdict "plan after apply is empty" 0 "$(status_of plan "$program" --machine onprem --format json)"
  verdict "and has no operations" 0 "$(json 'd["operations"]')"
  listing=$(node onprem nft list table inet wgfence)
  verdict "apply again changes nothing" 0 "$(status_of apply "$program" --machine onprem)"
  verdict "not even a handle or a counter" same \
    "$([ "$(node onprem nft list table inet wgfence)" = "$listing" ] && echo same || echo changed)"
  verdict "audit finds nothing exposed" 0 "$(status_of audit "$program" --machine onprem --format json)"
  verdict "and says that the policy is enforced" True "$(json 'd["summary"]["exposed"] == 0 and d["enforced"]')"
  verdict "audit knows who reaches PostgreSQL" "['laptop-eric']" \
    "$(json 'sorted({m for l in d["listeners"] if l["port"] == 5432 and l["namespace"] == "host" for r in l["reachable"] if r["verdict"] == "accept" for m in r["from"]})')"
  verdict "audit knows PostgreSQL's process" True \
    "$(json 'any(l["port"] == 5432 and l["process"] == "postgres" and l["pid"] > 0 for l in d["listeners"])')"

  # The plan names the sessions that it would cut, and apply does cut them, and no other.
  policy program-more <<'YAML'
allow:
  - { to: onprem, services: [postgres, 8888/tcp, 9090/tcp], from: laptop-eric }
YAML
  policy program-less <<'YAML'
allow:
  - { to: onprem, services: [9090/tcp], from: laptop-eric }
YAML
  # heard SESSION: whether a session still gets an answer.
  heard() { ask "$1" say; answer_of "$1"; }
  verdict "a policy with three services" 0 "$(status_of apply "$LAB/program-more.yaml" --machine onprem)"
  session postgres4 laptop-eric 10.13.13.2 5432
  session postgres6 laptop-eric fd13:13::2 5432
  session cut laptop-eric 10.13.13.2 8888
  session lasting laptop-eric 10.13.13.2 9090
  verdict "a plan without changes cuts nothing" "[]" \
    "$(status_of plan "$LAB/program-more.yaml" --machine onprem --format json >/dev/null; json 'd["cut"]')"
  verdict "a plan that takes grants away is not empty" 2 "$(status_of plan "$LAB/program-less.yaml" --machine onprem --format json)"
  verdict "it names the sessions that it cuts, by machine and service, and no other" \
    "[('laptop-eric', '10.13.13.10', 'jupyter', 8888), ('laptop-eric', '10.13.13.10', 'postgres', 5432), ('laptop-eric', 'fd13:13::10', 'postgres', 5432)]" \
    "$(json 'sorted((c["machine"], c["source"], c["service"], c["port"]) for c in d["cut"])')"
  verdict "with the line that allowed them" True "$(json 'all("program-more.yaml:" in c["allowed_by"] for c in d["cut"])')"
  verdict "and leaves nothing open" "[]" "$(json 'd["undetermined"]')"
  verdict "it says so to people" 2 "$(status_of plan "$LAB/program-less.yaml" --machine onprem)"
  verdict "line by line" 2 "$(grep -cE '^  laptop-eric .*  postgres 5432/tcp ' "$LAB/program.out")"
  verdict "and cuts nothing yet" alive "$(heard cut)"
  verdict "apply names them too" 0 "$(status_of apply "$LAB/program-less.yaml" --machine onprem --format json)"
  verdict "all three" 3 "$(json 'len(d["cut"])')"
  verdict "the named session is dead" dead "$(heard cut)"
  verdict "the other session is alive" alive "$(heard lasting)"
  hang_up postgres4; hang_up postgres6; hang_up cut; hang_up lasting

  verdict "other tables are still as they were" same "$([ "$(foreign)" = "$before" ] && echo same || echo changed)"
  node onprem nft 'delete table ip filter; delete table ip6 other; delete table bridge l2; delete table inet wgfence2'
fi

"$WGFENCE" aply >"$LAB/said" 2>&1
verdict "a mistyped verb is a usage error" 64 $?
verdict "which names the nearest one" yes "$(grep -qF "there is no verb 'aply': did you mean 'apply'?" "$LAB/said" && echo yes || cat "$LAB/said")"
"$WGFENCE" apply --no-such-option >"$LAB/said" 2>&1
verdict "an error of the options names the whole command" yes "$(grep -qF "See 'wgfence apply --help'" "$LAB/said" && echo yes || cat "$LAB/said")"
echo 'version: [' >"$LAB/broken.yaml"
coloured() { env "${@:2}" "$WGFENCE" check --color "$1" "$LAB/broken.yaml" 2>&1 | grep -c $'\e\[' | sed 's/^[1-9].*/yes/; s/^0/no/'; }
verdict "colours are written with --color always, to a pipe and with NO_COLOR too" "yes yes" "$(coloured always) $(coloured always NO_COLOR=1)"
verdict "and not with auto to a pipe, nor with never" "no no" "$(coloured auto) $(coloured never CLICOLOR_FORCE=1)"

# 20 means an exposure of 2.0.
if command -v systemd-analyze >/dev/null; then
  for unit in wgfence-boot wgfence; do
    systemd-analyze security --offline=true --threshold=20 "$LAB_HERE/../../systemd/$unit.service" >"$LAB/exposure" 2>&1
    verdict "$unit.service does not exceed its exposure limit" 0 $?
  done
else
  skip "the units' exposure" "systemd-analyze is not there"
fi
