# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The audit of onprem is what nmap finds, TCP and UDP, from the internet, the LAN, two peers of the tunnel and a container, with the policy in force and without, beside Docker's own rules and ufw's.
# WGFENCE_LAB_SERVICES names a folder with Prometheus, node-exporter and Jupyter (Tests/Proof/audit-proof.sh), to have them in
# place of servers that only answer.

# shellcheck source=Tests/Lab/neighbours.sh disable=SC2154
policy audited <<'YAML'
services:
  shop: 18080/tcp
  task: 18081/tcp
allow:
  - { to: onprem, services: [postgres, shop, 8888/tcp, 5005/udp], from: laptop-eric }
  - { to: onprem, services: [task, 9100/tcp], from: [laptop-ryan, containers] }
  - { to: onprem, services: [3000/tcp], from: lan }
  - { to: onprem, services: [2377/tcp, 7946/udp], from: internet }
YAML
udp_ports="53 67 123 161 546 4789 5005 7946 9999"

# audit STATE [OPTION…]: leaves the report in $LAB/audit.STATE, and prints the exit status.
audit() {
  local state=$1
  shift
  node onprem env DOCKER_HOST="unix://$docker_at/socket" "$WGFENCE" audit "$LAB/audited.yaml" --machine onprem \
    --format json "$@" >"$LAB/audit.$state" 2>"$LAB/audit.said"
  echo $?
}

# said STATE ZONE SENDER ADDRESS PROTOCOL [PORT…]: what the audit calls reachable.
said() { "$PYTHON" "$LAB_HERE/audit.py" "$LAB/audit.$1" "${@:2}"; }

# tcp_ports SIDE: all of them; where WGFENCE_LAB_SCAN is not `all`, from two sides alone, and from the others those below
# 10,240 and around the published ones.
tcp_ports() {
  case "${WGFENCE_LAB_SCAN:-} $1" in
  all* | *internet | *laptop-eric) echo 1-65535 ;;
  *) echo 1-10240,18000-18200 ;;
  esac
}

# look STATE SIDE PROTOCOL: what nmap finds from a side, in a file.
look() {
  local state=$1 side=$2 protocol=$3 address
  local -a by rate=()
  # Where nothing answers nmap would wait for hours; where everything does, haste makes it miss what is open.
  [[ $state == unloaded* ]] || rate=(--min-rate 8000 --max-retries 3)
  case $side in
  internet) by=(node internet) address=198.51.100.7 ;;
  internet6) by=(node internet) address=2001:db8:198::7 ;;
  lan) by=(node lan) address=192.168.1.1 ;;
  laptop-*) by=(node "$side") address=10.13.13.2 ;;
  container) by=(node onprem nsenter -t "$container_pid" -n) address=172.17.0.1 ;;
  esac
  [[ $address != *:* ]] || set -- "$@" -6
  case $protocol in
  tcp) nmap_in "${by[@]}" -- -sS "${rate[@]}" -p "$(tcp_ports "$side")" "${@:4}" "$address" ;;
  udp) nmap_in "${by[@]}" -- -sU -p "${udp_ports// /,}" "${@:4}" "$address" ;;
  esac >"$LAB/nmap.$state.$side.$protocol"
}

# same STATE SIDE ZONE ADDRESS: nmap's ports are the audit's, both ways.
same() {
  local state=$1 side=$2 zone=$3 address=$4 sender=$2
  # shellcheck disable=SC2086 # a list of ports
  {
    verdict "$state: nmap from $side finds the TCP ports that the audit says" \
      "$(said "$state" "$zone" "$sender" "$address" tcp)" "$("$PYTHON" "$LAB_HERE/audit.py" --nmap "$LAB/nmap.$state.$side.tcp")"
    verdict "$state: and the UDP ports" "$(said "$state" "$zone" "$sender" "$address" udp $udp_ports)" \
      "$("$PYTHON" "$LAB_HERE/audit.py" --nmap "$LAB/nmap.$state.$side.udp")"
  }
}

# compare STATE: audits, looks from all sides, and compares.
compare() {
  local state=$1 side
  local -a looking=()
  audit "$state" >/dev/null
  # Two at a time: nmap under load takes what it lost for closed.
  for side in internet laptop-eric internet6 laptop-ryan lan container; do
    { look "$state" $side tcp; look "$state" $side udp; } &
    looking+=($!)
    [ ${#looking[@]} -lt 2 ] || { wait "${looking[@]}"; looking=(); }
  done
  same "$state" internet internet 198.51.100.7
  same "$state" internet6 internet 2001:db8:198::7
  same "$state" lan lan 192.168.1.1
  same "$state" laptop-eric wg0 10.13.13.2
  same "$state" laptop-ryan wg0 10.13.13.2
  same "$state" container containers 172.17.0.1
}

if [ ! -x "$neighbours/usr/bin/nmap" ] || [ ! -x "$neighbours/usr/sbin/dockerd" ]; then
  skip "the audit against nmap" "Debian's nmap and docker.io are not there: scripts/setup.sh test"
  return
fi
# real_services: Prometheus, node-exporter and Jupyter themselves, on every address.
real_services() {
  local from=$WGFENCE_LAB_SERVICES at=$LAB/onprem/services
  mkdir -p "$at"
  end_task onprem servers
  serve onprem servers --tcp 22,2049,2377,3000,9999 --udp 68,546,5005,7946 --chatter 5433
  printf 'scrape_configs:\n- job_name: node\n  static_configs: [{targets: ["127.0.0.1:9100"]}]\n' >"$at/prometheus.yml"
  task onprem prometheus "$from/usr/bin/prometheus" --config.file="$at/prometheus.yml" --storage.tsdb.path="$at/tsdb" \
    --web.listen-address=0.0.0.0:9090
  task onprem node-exporter "$from/usr/bin/prometheus-node-exporter" --web.listen-address=:9100
  task onprem jupyter env HOME="$at" "$from/jupyter/bin/jupyter-server" --allow-root --no-browser --ip=0.0.0.0 --port=8888 \
    --ServerApp.token=lab --ServerApp.root_dir="$at"
}
heard() { [ "$(tcp onprem 127.0.0.1 9090) $(tcp onprem 127.0.0.1 9100) $(tcp onprem 127.0.0.1 8888)" = "open open open" ]; }

real_bridge
if [ -n "${WGFENCE_LAB_SERVICES:-}" ]; then
  real_services
  until_true 60 heard
  verdict "Prometheus, node-exporter and Jupyter answer on onprem" 0 $?
fi
dockerd_up || die "dockerd did not start: $(tail -3 "$docker_at/log")"
docker_image
docker run -d --name shop -p 18080:8080 shop:1 >/dev/null
docker run -d --name only-lan -p 192.168.1.1:18090:8080 shop:1 >/dev/null
docker run -d --name host-net --network host shop:1 >/dev/null
docker swarm init --advertise-addr 10.13.13.2 --listen-addr 10.13.13.2:2378 --data-path-addr 10.13.13.2 >/dev/null
docker service create --detach --name task --no-resolve-image --publish mode=host,published=18081,target=8080 \
  --endpoint-mode dnsrr shop:1 >/dev/null
container_pid=$(docker inspect -f '{{.State.Pid}}' shop)
published() { [ "$(tcp internet 198.51.100.7 18080) $(tcp internet 198.51.100.7 18081)" = "open open" ]; }
until_true 60 published
verdict "a published port and a task of the Swarm answer the internet" 0 $?

compare unloaded
verdict "the audit finds what is exposed without a policy in force" 2 "$(audit unloaded)"
# reported_of PORT KEY…: a field of the last audit for the socket or published port of onprem.
reported_of() {
  "$PYTHON" -c 'import json, sys
rows = [l for l in json.load(open(sys.argv[1]))["listeners"] if l["port"] == int(sys.argv[2]) and l["namespace"] == "host"]
value = rows[0] if rows else {}
for key in sys.argv[3:]: value = (value or {}).get(key)
print(value)' "$LAB/audit.unloaded" "$@"
}
verdict "Docker names the container behind a published port" shop "$(reported_of 18080 container)"
verdict "its image" shop:1 "$(reported_of 18080 container_details image)"
verdict "and the Swarm's service" task "$(reported_of 18081 container_details swarm_service)"
verdict "a container on the host's network is one, too" host-net "$(reported_of 8080 container)"
enforce audited onprem
compare loaded
verdict "and nothing with it" 0 "$(audit loaded)"

# For cron and CI: only new findings count, from the given severity on.
verdict "an unused grant gives status 2 if information counts" 2 "$(audit information --fail-on information)"
verdict "not if it is in the baseline" 0 "$(audit known --fail-on information --baseline "$LAB/audit.information")"
serve onprem newcomer --tcp 7777
unload onprem
verdict "what is exposed is a finding beside a baseline without it" 2 "$(audit new --baseline "$LAB/audit.information")"
verdict "not with --fail-on never" 0 "$(audit new --fail-on never)"
verdict "an invalid baseline is an error" 1 "$(audit new --baseline "$LAB/audited.yaml")"
wgfence_in onprem audit "$LAB/audited.yaml" --machine onprem --format sarif >"$LAB/audit.sarif" 2>/dev/null
verdict "SARIF names the check, its severity and the policy" "exposed error audited.yaml" \
  "$("$PYTHON" -c 'import json, os, sys
run = json.load(open(sys.argv[1]))["runs"][0]
known = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
found = [r for r in run["results"] if "7777" in r["message"]["text"] and r["ruleId"] in known]
print(found[0]["ruleId"], found[0]["level"],
      os.path.basename(found[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]))' "$LAB/audit.sarif")"
end_task onprem newcomer
enforce audited onprem

# ufw beside Docker: what it drops is not reached, what Docker publishes passes it by; the policy closes that.
ufw_files
ufw default deny incoming
ufw allow 51820/udp
ufw allow 2377/tcp
ufw allow 5005/udp
ufw allow in on wg0 to any port 8888 proto tcp
ufw allow from 192.168.1.0/24 to any port 3000 proto tcp
ufw reject 9100/tcp
ufw --force enable
compare ufw-loaded
unload onprem
compare ufw
verdict "beside ufw, what Docker publishes is exposed" 2 "$(audit ufw)"
verdict "and said to be by whose rule" yes \
  "$("$PYTHON" -c 'import json, sys
found = [l for l in json.load(open(sys.argv[1]))["listeners"] if l["port"] == 18080 and l["address"] == "0.0.0.0"]
print("yes" if any("DOCKER" in r["because"] for l in found for r in l["reachable"] if r["zone"] == "internet") else found)' "$LAB/audit.ufw")"

# On a macvlan beside the host: no rule of the host sees its packets.
enforce audited onprem
ip netns add beside
ip -n onprem link add link enp5s0 name mv0 netns beside type macvlan mode bridge
ip -n beside link set lo up
ip -n beside link set mv0 up
ip -n beside address add 192.168.1.77/24 dev mv0
NODE_PID[beside]=${NODE_PID[onprem]}
mkdir -p "$LAB/beside"
serve beside servers --tcp 5432
try "a server on a macvlan is open to the LAN, although the policy is in force" open tcp lan 192.168.1.77 5432
settle
verdict "the audit finds it exposed" 2 "$(audit beside)"
verdict "and says what it is" "macvlan on enp5s0" \
  "$("$PYTHON" -c 'import json, sys
found = [l for l in json.load(open(sys.argv[1]))["listeners"] if l["exposed"]]
print(*{l["network"] for l in found})' "$LAB/audit.beside")"
