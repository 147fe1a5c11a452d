# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What the verbs do to a kernel, and what they leave alone.

# status NODE ARGUMENT…: the exit status of wgfence on a node; what it said is in $LAB/said.
status() {
  local n=$1
  shift
  wgfence_in "$n" "$@" >"$LAB/said" 2>&1
  echo $?
}

# held NODE: the whole ruleset without counters' values, as one word.
held() { node "$1" nft -s list ruleset | sha256sum | cut -c1-16; }

# foreign NODE: what others than wgfence have in the ruleset, as one word.
foreign() { node "$1" sh -c 'nft list tables | grep -v "inet wgfence$" | while read -r _ f t; do nft list table "$f" "$t"; done' | sha256sum | cut -c1-16; }

SITE=$LAB_HERE/../../policies/rootski.yaml

# Tables such as Docker, ufw and fail2ban leave behind.
node onprem nft -f - <<'NFT'
table ip others-nat {
	chain PREROUTING {
		type nat hook prerouting priority -100; policy accept;
		fib daddr type local tcp dport 18080 counter dnat to 172.17.0.2:8080
	}
}
table inet others-filter {
	set banned {
		type ipv4_addr
		flags interval
		elements = { 192.0.2.0/24 }
	}
	chain input {
		type filter hook input priority 10; policy accept;
		ip saddr @banned counter drop
		limit rate 3/minute log prefix "x"
	}
}
NFT
before=$(foreign onprem)
verdict "check needs no kernel" 0 "$(status onprem check "$SITE")"
verdict "show needs no kernel" 0 "$(status onprem show "$SITE" --machine onprem)"
verdict "plan finds everything to do" 2 "$(status onprem plan "$SITE" --machine onprem)"
verdict "audit says that nothing is enforced" 2 "$(status onprem audit "$SITE" --machine onprem)"
verdict "and nothing is loaded by any of them" none "$(node onprem nft list tables | grep -c 'inet wgfence$' | sed 's/^0$/none/')"
verdict "apply applies" 0 "$(status onprem apply "$SITE" --machine onprem)"
verdict "plan then finds nothing to do" 0 "$(status onprem plan "$SITE" --machine onprem)"
verdict "audit then finds nothing exposed" 0 "$(status onprem audit "$SITE" --machine onprem)"
applied=$(held onprem)
verdict "applying again changes nothing" 0 "$(status onprem apply "$SITE" --machine onprem)"
verdict "and sends nothing" yes "$(grep -q 'nothing was sent' "$LAB/said" && echo yes)"
verdict "a machine that the policy does not have" 1 "$(status onprem apply "$SITE" --machine nobody)"
verdict "a missing policy" 1 "$(status onprem apply "$LAB/not-there.yaml" --machine onprem)"
verdict "an unknown option" 64 "$(status onprem apply --bogus)"
verdict "others' tables are as they were, byte for byte" "$before" "$(foreign onprem)"

# Changes by others are detected and repaired.
node onprem nft add rule inet wgfence ingress accept
node onprem nft add element inet wgfence local-internet/ports '{ tcp . 5432 : accept }'
verdict "plan finds an added rule" 2 "$(status onprem plan "$SITE" --machine onprem)"
verdict "audit says that the kernel differs" 2 "$(status onprem audit "$SITE" --machine onprem)"
verdict "apply removes it" 0 "$(status onprem apply "$SITE" --machine onprem)"
verdict "and the ruleset is the one that was applied" "$applied" "$(held onprem)"
node onprem nft delete chain inet wgfence input
verdict "a deleted chain is restored" 0 "$(status onprem apply "$SITE" --machine onprem)"
verdict "with its rules" 0 "$(status onprem plan "$SITE" --machine onprem)"

# Broken policies: a position and a hint each, status 2, the kernel untouched.
untouched=$(held onprem)
broken=0
refused=0
placed=0
for folder in "$LAB_HERE"/../Golden/rejected/*/; do
  broken=$((broken + 1))
  [ "$(status onprem apply "$folder/policy.yaml" --machine onprem)" = 2 ] && refused=$((refused + 1))
  grep -Eq '^[^ ]+:[0-9]+:[0-9]+: error: ' "$LAB/said" && placed=$((placed + 1))
done
verdict "at least a hundred broken policies" yes "$([ $broken -ge 100 ] && echo yes || echo "$broken")"
verdict "each ends with status 2" "$broken" "$refused"
verdict "each names a place" "$broken" "$placed"
verdict "and the kernel is untouched" "$untouched" "$(held onprem)"

# A test of the policy that fails.
policy failing <<'YAML'
allow:
  - { to: onprem, services: [postgres], from: laptop-eric }
tests:
  - { from: laptop-ryan, to: onprem, allow: [postgres] }
YAML
verdict "a policy whose own test fails is not applied" 2 "$(status onprem apply "$LAB/failing.yaml" --machine onprem)"
verdict "and the packet that shows it is named" yes "$(grep -q 'tcp 10.13.13.11 -> 10.13.13.2 port 5432' "$LAB/said" && echo yes)"
verdict "and the kernel is untouched" "$untouched" "$(held onprem)"

# The caller's own session.
session() { SSH_CONNECTION="$1 40000 $2 22" status onprem apply "$3" --machine onprem; }
verdict "a session that would be accepted is not refused" 0 "$(session 10.13.13.10 10.13.13.2 "$SITE")"
verdict "a session from the internet that would be dropped is refused" 2 "$(session 198.51.100.66 198.51.100.7 "$SITE")"
verdict "and names --force" yes "$(grep -q -- '--force' "$LAB/said" && echo yes)"
verdict "and so for a peer without the grant" 2 "$(session 10.13.13.1 10.13.13.2 "$SITE")"
verdict "force overrides" 0 "$(SSH_CONNECTION='198.51.100.66 40000 198.51.100.7 22' status onprem apply "$SITE" --machine onprem --force)"

node onprem nft delete table ip others-nat
node onprem nft delete table inet others-filter
