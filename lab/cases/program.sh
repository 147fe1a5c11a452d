# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The program beside other people's tables: its verbs tell the truth, and change nothing that is not its own.

policy program <<'YAML'
allow:
  - { to: onprem, services: [postgres, 9000/tcp], from: laptop-eric }
  - { to: ec2, services: [web], from: internet }
encrypt:
  - { between: [ec2, onprem], tunnel: wg0 }
YAML
sed 's/postgres, 9000/postgres, 9001\/tcp, 9000/' "$LAB/program.yaml" >"$LAB/program-more.yaml"
sed 's/postgres, 9000/postgress, 9000/' "$LAB/program.yaml" >"$LAB/program-broken.yaml"
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
  # Things that a clumsy neighbour would lose: comments, quotas, maps, dormant tables, other families, owners' names.
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
  verdict "check accepts a policy" 0 "$(status_of check "$program")"
  verdict "check leaves other tables as they are" same "$([ "$(foreign)" = "$before" ] && echo same || echo changed)"
  verdict "check refuses an unknown service" 2 "$(status_of check "$LAB/program-broken.yaml")"
  verdict "and names file, line and column" yes \
    "$(cat "$LAB/program.out" "$LAB/program.err" | grep -q 'program-broken.yaml:[0-9]*:[0-9]*: error' && echo yes || echo no)"
  verdict "apply refuses a broken policy" 2 "$(status_of apply "$LAB/program-broken.yaml" --machine onprem)"
  verdict "and loads nothing" nothing "$(node onprem nft list table inet wgfence >/dev/null 2>&1 && echo table || echo nothing)"
  verdict "audit without a policy in force finds exposed sockets" 2 "$(status_of audit "$program" --machine onprem --format json)"
  verdict "and says so in JSON" True "$(json 'd["summary"]["exposed"] > 0 and not d["enforced"]')"
  verdict "plan before the first apply is not empty" 2 "$(status_of plan "$program" --machine onprem --format json)"
  verdict "and counts operations" True "$(json 'd["operations"] > 0')"
  verdict "show prints the ruleset" 0 "$(status_of show "$program" --machine onprem)"
  cp "$LAB/program.out" "$LAB/program.nft"
  verdict "plan and show load nothing" nothing "$(node onprem nft list table inet wgfence >/dev/null 2>&1 && echo table || echo nothing)"
  verdict "what show prints is nft's own language" 0 \
    "$(unshare -n nft -c -f "$LAB/program.nft" >"$LAB/nft.err" 2>&1; echo $?)"
  verdict "apply loads it" 0 "$(status_of apply "$program" --machine onprem)"
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

  # Somebody meddles: the plan shows it, apply repairs it, and nothing else.
  node onprem nft insert rule inet wgfence "$(node onprem nft -a list table inet wgfence | awk '$1 == "chain" { name = $2 } /hook prerouting/ { print name; exit }')" tcp dport 9999 accept
  verdict "a rule slipped into our table is drift" 2 "$(status_of plan "$program" --machine onprem)"
  verdict "apply takes it out" 0 "$(status_of apply "$program" --machine onprem)"
  verdict "and the plan is empty again" 0 "$(status_of plan "$program" --machine onprem)"
  node onprem nft delete table inet wgfence
  verdict "a table that is gone is drift" 2 "$(status_of plan "$program" --machine onprem)"
  verdict "apply brings it back" 0 "$(status_of apply "$program" --machine onprem)"
  verdict "another policy is a plan" 2 "$(status_of plan "$LAB/program-more.yaml" --machine onprem)"

  # The plan names the sessions that it would cut, and apply does cut them.
  policy program-less <<'YAML'
allow:
  - { to: onprem, services: [9000/tcp], from: laptop-eric }
YAML
  enforce program ec2
  unload ec2
  session cut laptop-eric 10.13.13.2 5432
  status_of plan "$LAB/program-less.yaml" --machine onprem --format json >/dev/null
  verdict "a plan that takes a grant away names the session it cuts" True \
    "$(json 'any(c["machine"] == "laptop-eric" and c["port"] == 5432 for c in d["cut"])')"
  hang_up cut

  verdict "other tables are still as they were" same "$([ "$(foreign)" = "$before" ] && echo same || echo changed)"
  node onprem nft 'delete table ip filter; delete table ip6 other; delete table bridge l2; delete table inet wgfence2'
fi
