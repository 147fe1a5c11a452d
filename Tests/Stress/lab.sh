# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Sourced by the stress tests: they run in the node onprem of the lab (Tests/Lab/lib.sh). Each is a Python program that calls
# functions of the lab by their names (`Lab` in lab.py).

# shellcheck source=Tests/Lab/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../Lab/lib.sh"

# begin_stress ARGUMENT…: starts the calling script again in a lab; returns only there.
begin_stress() {
  enter_lab "$@"
  WGFENCE=$(realpath "$WGFENCE")
  [ -x "$WGFENCE" ] || die "$WGFENCE is missing: run 'make build'"
  # shellcheck source=Tests/Lab/neighbours.sh
  . "$LAB_HERE/neighbours.sh"
}

# attacked_site: the lab's site, in which internet, lan and ec2 (a peer of the tunnel) have routes to onprem's container. Its bridge
# leaves the name docker0 to a real Docker.
attacked_site() {
  site_up
  CONTAINER_BRIDGE=inside0 container_up
  node ec2 wg set wg0 peer "$(cat "$LAB/onprem/public")" \
    allowed-ips "${TUN[onprem]}/32,${TUN6[onprem]}/128,192.168.1.0/24,fd68:1::/64,172.17.0.2/32"
  ip -n ec2 route add 172.17.0.2 dev wg0
  # The node onprem does not see the names of the other nodes' namespaces.
  exec {CONTAINER_NAMESPACE}</run/netns/container
  export CONTAINER_NAMESPACE
}

# run_in_onprem FILE ARGUMENT…: runs a Python program of this folder, and the functions of the lab that it asks for. Returns its status.
run_in_onprem() {
  local program=$ROOT/Tests/Stress/$1 asked answers
  local -a words
  shift
  mkfifo "$LAB/asked" "$LAB/answers"
  # Open in both directions, so that neither side waits for the other one to open it.
  exec {asked}<>"$LAB/asked" {answers}<>"$LAB/answers"
  {
    LAB=$LAB WGFENCE=$WGFENCE PYTHONDONTWRITEBYTECODE=1 node onprem "$PYTHON" "$program" "$@"
    echo "exit $?" >&"$asked"
  } &
  while read -r -a words <&"$asked"; do
    [ "${words[0]}" != exit ] || return "${words[1]}"
    "${words[@]}" </dev/null >>"$LAB/functions.log" 2>&1
    echo $? >&"$answers"
  done
}
