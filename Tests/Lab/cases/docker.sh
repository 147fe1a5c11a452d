# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Beside a real Docker on onprem: what `explain --live` says about its published ports is what packets meet, with and
# without a policy, no matter whose chain decides.

# shellcheck source=Tests/Lab/neighbours.sh disable=SC2154
policy docker <<'YAML'
services:
  shop: 18080/tcp
allow:
  - { to: onprem, services: [shop, 8888/tcp], from: laptop-eric }
  - { to: onprem, services: [3000/tcp], from: lan }
YAML
live_policy=$LAB/docker.yaml

container_answers() { [ "$(tcp onprem 172.17.0.2 8080) $(tcp onprem 172.17.0.3 8080)" = "open open" ]; }

# steps FROM SERVICE TEXT: does a step of IPv4's explanation have TEXT?
steps() {
  if wgfence_in onprem explain "$live_policy" --machine onprem --live --from "$1" --to "$2" 2>/dev/null | matches -F -- "$3"; then
    echo yes
  else
    echo no
  fi
}

if [ ! -x "$neighbours/usr/sbin/dockerd" ] || ! command -v xtables-nft-multi >/dev/null; then
  skip "beside a real Docker" "Debian's docker.io is not there: scripts/setup.sh test"
  return
fi

real_bridge
if ! dockerd_up; then
  verdict "dockerd starts on onprem" started "$(tail -3 "$docker_at/log")"
  return
fi
docker_image
docker run -d --name shop -p 18080:8080 shop:1 >/dev/null
docker run -d --name office -p 19090:8080 shop:1 >/dev/null
verdict "two containers run and are published" 2 "$(docker ps -q | wc -l)"
until_true 5 container_answers

# The doctor asks this Docker, and looks into its containers.
examine() {
  DOCKER_HOST=unix://$docker_at/socket wgfence_in onprem doctor "$LAB/docker.yaml" --machine onprem >"$LAB/examined" 2>&1
  echo $?
}
examined() { if grep -E "$1" "$LAB/examined" | matches -F -- "$2"; then echo yes; else echo "no: $(cat "$LAB/examined")"; fi; }
verdict "doctor has no finding for two containers" 0 "$(examine)"
verdict "it examined both" yes "$(examined '^ok +tunnel-in-container ' ' other network namespaces')"
verdict "Docker reports that there is no Swarm" yes "$(examined '^ok +swarm-address ' '')"
docker network create --subnet 10.13.13.128/25 clash >/dev/null
verdict "a Docker network inside the tunnel's prefix is a finding" 2 "$(examine)"
verdict "with its bridge" yes "$(examined '^warning +allowed-ips-overlap ' 'contains 10.13.13.128/25, which is the network of the bridge br-')"
docker network rm clash >/dev/null
# The lab's own servers have Swarm's ports.
end_task onprem servers
docker swarm init --advertise-addr 198.51.100.7 >"$LAB/swarm" 2>&1 || cat "$LAB/swarm"
verdict "a Swarm outside the tunnel is a finding" 2 "$(examine)"
verdict "with its address" yes "$(examined '^(error|warning) +swarm-address ' '198.51.100.7, not an address of the tunnel')"
docker swarm leave --force >/dev/null
serve onprem servers --tcp 22,2049,2377,3000,8888,9090,9100,9999 --udp 68,546,5005,7946 --chatter 5433

# Without a policy.
for from in laptop-eric laptop-ryan internet lan; do
  door "without a policy Docker's port is open from $from" open $from shop 18080
done
door "and another one without a grant" open internet 19090/tcp 19090
door "and the host's own" open internet 8888/tcp 8888
settle
verdict "explain --live says by whose rule" "ip filter DOCKER" "$(decides 4 internet shop)"
verdict "and shows Docker's translation" yes "$(steps internet shop 'destination becomes 172.17.0.2 port 8080')"
verdict "and that no ruleset of ours is loaded" yes "$(steps internet shop 'no wgfence ruleset')"

# With it.
enforce docker onprem
door "a published port that is granted is open through the tunnel" open laptop-eric shop 18080
door "but not to another machine of the tunnel" silent laptop-ryan shop 18080
door "not to the internet" silent internet shop 18080
door "nor to the LAN" silent lan shop 18080
for from in laptop-eric internet lan; do
  door "a published port without a grant is closed to $from" silent $from 19090/tcp 19090
done
door "a port of the host that is granted is open" open laptop-eric 8888/tcp 8888
door "not to the internet" silent internet 8888/tcp 8888
door "one that the LAN is granted is open there" open lan 3000/tcp 3000
door "and not in the tunnel" silent laptop-eric 3000/tcp 3000
door "a port without a grant is closed in the tunnel" silent laptop-eric 9999/tcp 9999
door "and to the LAN" silent lan 9999/tcp 9999
settle
verdict "a line of the policy decides about Docker's port (IPv4)" "docker.yaml:19" "$(decides 4 laptop-eric shop)"
verdict "a line of the policy decides about Docker's port (IPv6)" "docker.yaml:19" "$(decides 6 laptop-eric shop)"

# A rule in the chain that Docker leaves to its users.
node onprem "$LAB/programs/iptables" -I DOCKER-USER -p tcp -m conntrack --ctorigdstport 18080 --ctdir ORIGINAL -j DROP
door "a drop in DOCKER-USER holds, beside our grant" silent laptop-eric shop 18080 open
door "and not for the host's own ports" open laptop-eric 8888/tcp 8888
settle
verdict "explain --live names DOCKER-USER" "ip filter DOCKER-USER" "$(decides 4 laptop-eric shop)"
unload onprem
door "without our policy too" silent internet shop 18080 open
settle
verdict "and it names it there" "ip filter DOCKER-USER" "$(decides 4 internet shop)"
node onprem "$LAB/programs/iptables" -D DOCKER-USER 1
door "taken away, the port is open" open internet shop 18080
settle

# By the container's port, as people write it who do not know of the translation. What iptables rejects with is to the
# caller what a closed port is.
node onprem "$LAB/programs/iptables" -I DOCKER-USER -i eth0 -p tcp --dport 8080 -j REJECT
door "a rejection in DOCKER-USER by the container's port is one" "refused reject" internet shop 18080 open
door "on its interface alone" open lan shop 18080
settle
node onprem "$LAB/programs/iptables" -D DOCKER-USER 1

# Without Docker the port is the host's again, and nothing listens on it.
docker kill shop office >/dev/null
enforce docker onprem
verdict "with the container gone, a line of the policy still decides" "docker.yaml:19" "$(decides 4 laptop-eric shop)"
try "and nothing listens" refused tcp laptop-eric 10.13.13.2 18080
settle
dockerd_down
