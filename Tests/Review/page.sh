#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The page of `wgfence audit --format html` in a real browser. Audits a host of its own in namespaces (interfaces, sockets,
# a container-like namespace behind a published port, names that try to be markup) without a policy, with one that is not
# in force, and with one that is; then loads these pages with Debian's chromium, which runs in a network namespace
# with nothing but a loopback. The browser is one that is installed: with its libraries it is too large (120 MB in 23 packages
# on a bare Debian) to be unpacked beside the others that only tests run.
#
# Prints `ok NAME` or `not ok NAME: expected …, saw …` for each, and last `page: N passed, N failed, N skipped`.

set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
program=${WGFENCE:-$PWD/.build/release/wgfence}
python=$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3)

# In the namespaces: the host, and its three pages.
if [ "${1:-}" = inside ] && [ $$ -eq 1 ]; then
  scratch=$2
  mount -t tmpfs -o mode=755 tmpfs /run
  [ ! -d /etc/wgfence ] || mount -t tmpfs tmpfs /etc/wgfence
  hostname onprem
  ip link set lo up
  ip netns add outside
  for name in wg0 eth0 enp5s0; do
    ip link add $name type veth peer name $name netns outside
    ip link set $name up
    ip -n outside link set $name up
  done
  ip link add docker0 type bridge
  ip link set docker0 up
  ip addr add 10.13.13.2/24 dev wg0
  ip addr add 198.51.100.7/24 dev eth0
  ip addr add 192.168.1.1/24 dev enp5s0
  ip addr add 172.17.0.1/16 dev docker0
  ip netns add shop
  ip link add veth0 type veth peer name eth0 netns shop
  ip link set veth0 master docker0 up
  ip -n shop addr add 172.17.0.2/16 dev eth0
  ip -n shop link set eth0 up
  ip -n shop route add default via 172.17.0.1
  echo 1 >/proc/sys/net/ipv4/ip_forward
  nft -f - <<'NFT' || exit 1
table ip nat {
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		tcp dport 8080 dnat to 172.17.0.2:80 comment "<script>alert(2)</script>"
	}
}
table ip filter {
	chain input {
		type filter hook input priority filter; policy accept;
		iifname "enp5s0" tcp dport 9090 drop comment "'><img src=x onerror=alert(3)>"
	}
}
NFT
  cat >"$scratch/policy.yaml" <<'YAML'
version: 1
tunnels:
  wg0: { prefixes: [10.13.13.0/24], listen: 51820, hub: ec2 }
machines:
  ec2: { addresses: { wg0: 10.13.13.1 }, endpoint: [203.0.113.10] }
  onprem: { addresses: { wg0: 10.13.13.2 }, endpoint: [198.51.100.7], zones: { lan: { interfaces: [enp5s0], prefixes: [192.168.1.0/24] } } }
  laptop-eric: { addresses: { wg0: 10.13.13.10 } }
  laptop-ryan: { addresses: { wg0: 10.13.13.11 } }
groups:
  admins: [laptop-eric, laptop-ryan]
allow:
  - { to: onprem, services: [jupyter, postgres, prometheus, grafana], from: admins }
  - { to: onprem, services: [postgres], from: ec2, because: "<b>the API</b>" }
  - { to: onprem, services: [node-exporter], from: lan }
  - { to: onprem, services: [8080/tcp], from: lan }
failsafe:
  - { to: onprem, services: [ssh], from: admins }
YAML
  : >"$scratch/ready"
  "$python" Tests/Review/page.py listen "$scratch/ready" 22=sshd 3000=grafana 5432=postgres 8888=jupyter-lab \
    9090=prometheus 9100=node_exporter 7000='<script>alert(1' 7001='"><img src=x o' 127.0.0.1:6379=redis-server &
  ip netns exec shop "$python" Tests/Review/page.py listen "$scratch/ready" 80=nginx &
  for _ in {1..100}; do
    [ "$(wc -l <"$scratch/ready")" = 2 ] && break
    sleep 0.05
  done
  # audit NAME ARGUMENT…
  audit() {
    local name=$1
    shift
    "$program" audit "$@" --format html >"$scratch/$name.html" 2>"$scratch/$name.err"
    echo $? >"$scratch/$name.status"
    "$program" audit "$@" --format json >"$scratch/$name.json"
  }
  audit bare
  audit open "$scratch/policy.yaml" --machine onprem
  # --host: process 1 of these namespaces is in their network, so it looks like the initial one.
  "$program" apply "$scratch/policy.yaml" --machine onprem --host --force >"$scratch/apply" 2>&1 || cat "$scratch/apply" >&2
  audit enforced "$scratch/policy.yaml" --machine onprem
  exit 0
fi

skip() {
  echo "skip page: $1"
  echo "page: 0 passed, 0 failed, 1 skipped"
  exit 0
}

[ "$(id -u)" = 0 ] || skip "needs root, for a host in namespaces"
[ -x "$program" ] || skip "needs the program (make build)"
command -v chromium >/dev/null || skip "needs a browser (install chromium)"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
timeout 60 unshare -n -m -p -u --fork --kill-child --mount-proc bash "$PWD/Tests/Review/page.sh" inside "$scratch" </dev/null
timeout 120 unshare -n -p --fork --kill-child --mount-proc sh -c 'ip link set lo up && exec "$@"' _ \
  "$python" Tests/Review/page.py look "$scratch" </dev/null
