# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `init` writes a policy from what a host has. It passes check, its tests pass, the tunnel still reaches what it reached, and the
# internet reaches nothing.

mkdir "$LAB/wireguard"
{
  echo '[Interface]'
  echo 'ListenPort = 51820'
  for n in onprem laptop-eric laptop-ryan; do
    printf '\n# Name = %s\n[Peer]\nPublicKey = %s\nAllowedIPs = 0.0.0.0/0\n' "$n" "$(cat "$LAB/$n/public")"
  done
} >"$LAB/wireguard/wg0.conf"

# first NODE [OPTION…]: leaves the policy in $LAB/NODE/first.yaml; prints the exit status.
first() {
  local n=$1
  shift
  rm -f "$LAB/$n/first.yaml"
  wgfence_in "$n" init --machine "$n" --output "$LAB/$n/first.yaml" "$@" >"$LAB/said" 2>&1
  echo $?
}
checked() { wgfence_in "$1" check --strict "$LAB/$1/first.yaml" >"$LAB/said" 2>&1; echo $?; }
has() { if grep -qF -- "$2" "$LAB/$1/first.yaml"; then echo yes; else echo no; fi; }

verdict "init writes a policy on onprem" 0 "$(first onprem)"
verdict "which is valid, and whose tests pass" 0 "$(checked onprem)"
verdict "it knows the tunnel" yes "$(has onprem 'wg0: { prefixes: [10.13.13.0/24, "fd13:13::/64"], listen: 51820 }')"
verdict "the LAN" yes "$(has onprem 'lan: { interfaces: [enp5s0], prefixes: [192.168.1.0/24, "fd68:1::/64"] }')"
verdict "and the listening ports" yes "$(has onprem 'services: [5432/tcp], from: wg0')"
verdict "a published port too" yes "$(has onprem 'services: [15432/tcp], from: wg0')"
verdict "an existing file is not overwritten" 1 \
  "$(wgfence_in onprem init --machine onprem --output "$LAB/onprem/first.yaml" >/dev/null 2>&1; echo $?)"
verdict "init writes a policy on the hub" 0 "$(first ec2 --wireguard-dir "$LAB/wireguard")"
verdict "which is valid" 0 "$(checked ec2)"
verdict "it names peers as WireGuard's file does" yes "$(has ec2 'laptop-eric: { addresses: { wg0: [10.13.13.10, "fd13:13::10"] }')"
verdict "and one that has no name there by its address" yes "$(has ec2 'peer-10-13-13-12: {')"
verdict "and knows what is behind one" yes "$(has ec2 'subnets: [192.168.1.0/24, "fd68:1::/64"]')"
verdict "init writes one without a tunnel" 0 "$(first lan)"
verdict "which is valid" 0 "$(checked lan)"
verdict "without root it prints what it needs" 1 \
  "$(node onprem setpriv --reuid=65534 --regid=65534 --clear-groups "$WGFENCE" init >/dev/null 2>"$LAB/said"; echo $?)"

apply_policy onprem "$LAB/onprem/first.yaml"
try46 "in force, the tunnel still reaches PostgreSQL" open tcp laptop-eric 10.13.13.2 fd13:13::2 5432
try46 "and the published port" open tcp laptop-eric 10.13.13.2 fd13:13::2 15432
try46 "the internet loses it" silent tcp internet 198.51.100.7 2001:db8:198::7 5432
try46 "and SSH" silent tcp internet 198.51.100.7 2001:db8:198::7 22
try46 "as does the LAN" silent tcp lan 192.168.1.1 fd68:1::1 3000
settle
