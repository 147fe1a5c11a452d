# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The first ruleset on a host on which nothing tracks connections: what is granted, and what the host and its containers
# began, goes on, also if the server sends first. What is not granted ends, also if the server sends first.
# 15433 speaks by itself four times a second, 18888 only answers.

policy adoption <<'YAML'
allow:
  - { to: onprem, services: [18888/tcp, 15433/tcp], from: laptop-eric }
YAML
# Nothing on this host tracks connections: the table of the containers does. And it holds no session of an earlier round: a
# client whose packets were dropped repeats its FIN with growing intervals, and the server's socket lives until one arrives.
untracked() {
  node onprem nft delete table inet docker-like 2>/dev/null
  until_true 60 sh -c "! ip netns exec onprem ss -Htn state established '( sport = :18888 or sport = :15433 or sport = :19090 )' | grep -q ."
  until_true 10 sh -c "ip netns exec onprem conntrack -F; ip netns exec onprem conntrack -L 2>/dev/null | wc -l | grep -qx 0"
}
untracked
asked() { ask "$1" "$2"; answer_of "$1"; }
serve onprem adopted --tcp 18888,19090 --chatter 15433

# In a container without NAT: its packets pass through the host as they are.
ip netns add guest
NODE_PID["guest"]=${NODE_PID[onprem]}
ip -n guest link set lo up
node guest sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad'
ip -n onprem link add br-guest type bridge
ip link add veth-guest netns onprem type veth peer name eth0 netns guest
ip -n onprem link set veth-guest master br-guest up
ip -n onprem link set br-guest up
address onprem br-guest 172.30.0.1/24 fd30::1/64
ip -n guest link set eth0 up
address guest eth0 172.30.0.2/24 fd30::2/64
default_route guest 172.30.0.1 fd30::1
ip -n internet route add 172.30.0.0/24 via 198.51.100.7
ip -n internet -6 route add fd30::/64 via 2001:db8:198::7
serve internet adopted --chatter 15433

for version in 4 6; do
  tunnel=10.13.13.2 public=198.51.100.7 outside=198.51.100.66
  if [ $version = 6 ]; then tunnel=fd13:13::2 public=2001:db8:198::7 outside=2001:db8:198::66; fi
  tag="(IPv$version)"
  session idle laptop-eric $tunnel 18888
  session chatty laptop-eric $tunnel 15433
  session own onprem $outside 15433
  session guest guest $outside 15433
  session foreign internet $public 15433
  session quiet internet $public 19090
  for name in idle chatty own guest foreign quiet; do ask $name say; done
  verdict "before the first ruleset nothing is tracked $tag" 0 "$(node onprem cat /proc/sys/net/netfilter/nf_conntrack_count)"
  wgfence_in onprem plan "$LAB/adoption.yaml" --machine onprem --format json >"$LAB/said"
  verdict "plan names what ends, and nothing else $tag" "15433 19090" \
    "$("$PYTHON" -c 'import json,sys; print(*sorted(c["port"] for c in json.load(open(sys.argv[1]))["cut"]))' "$LAB/said")"
  verdict "and says how many connections apply adopts $tag" 6 \
    "$("$PYTHON" -c 'import json,sys; print(json.load(open(sys.argv[1]))["adopted"])' "$LAB/said")"
  enforce adoption onprem
  # The servers send before any client does.
  sleep 1
  verdict "a granted session in which the server sends first goes on $tag" alive "$(asked chatty hear)"
  verdict "and one in which the client asks $tag" alive "$(asked idle say)"
  verdict "what the host itself began goes on $tag" alive "$(asked own hear)"
  verdict "and what its container began $tag" alive "$(asked guest hear)"
  verdict "what no line grants ends, though the server sends first $tag" dead "$(asked foreign hear)"
  verdict "and if the client asks $tag" dead "$(asked quiet say)"
  for name in idle chatty own guest foreign quiet; do hang_up $name; done
  unload onprem
  untracked
done

# An entry with the wrong opener, as conntrack makes it if it begins to track in the middle of a session.
session chatty laptop-eric 10.13.13.2 15433
ask chatty say
node onprem nft -f - <<'NFT'
table inet tracking { chain input { type filter hook input priority 0; ct state established counter; }; chain output { type filter hook output priority 0; ct state established counter; }; }
NFT
sleep 1
verdict "conntrack took the server as the opener" yes \
  "$(node onprem conntrack -L -p tcp 2>/dev/null | matches 'src=10.13.13.2 dst=10.13.13.10 sport=15433' && echo yes)"
enforce adoption onprem
verdict "the first ruleset corrects it, and the session goes on" alive "$(asked chatty hear)"
node onprem nft delete table inet tracking
hang_up chatty
unload onprem

# The boot unit on a host that runs already, as after the package is installed again: the same with the stored ruleset.
untracked
session chatty laptop-eric 10.13.13.2 15433
session foreign internet 198.51.100.7 15433
for name in chatty foreign; do ask $name say; done
verdict "before a boot on a running host nothing is tracked" 0 "$(node onprem cat /proc/sys/net/netfilter/nf_conntrack_count)"
wgfence_in onprem boot >"$LAB/said" 2>&1
verdict "it loads the stored ruleset" 0 $?
sleep 1
verdict "a granted session goes on, though the server sends first" alive "$(asked chatty hear)"
verdict "one that no line grants ends" dead "$(asked foreign hear)"
for name in chatty foreign; do hang_up $name; done
unload onprem
end_task onprem adopted
end_task internet adopted
ip -n onprem link del br-guest
ip netns del guest
