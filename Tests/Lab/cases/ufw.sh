# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Beside ufw's own rules on onprem: a packet passes only if both accept it, `explain --live` says which one drops it, and real
# packets agree.

# shellcheck source=Tests/Lab/neighbours.sh disable=SC2154
policy ufw <<'YAML'
allow:
  - { to: onprem, services: [ssh, 8888/tcp, 3000/tcp, 9100/tcp], from: laptop-eric }
  - { to: onprem, services: [2049/tcp, 3000/tcp], from: lan }
  - { to: onprem, services: [2377/tcp], from: internet }
YAML
live_policy=$LAB/ufw.yaml

if [ ! -x "$neighbours/usr/sbin/ufw" ] || ! command -v iptables >/dev/null; then
  skip "beside ufw" "Debian's ufw is not there: scripts/setup.sh test"
  return
fi
ufw_files
ufw default deny incoming
# The tunnel itself has to come in, too.
ufw allow 51820/udp
ufw allow in on wg0 to any port 8888 proto tcp
ufw allow 2377/tcp
ufw allow from 192.168.1.0/24 to any port 3000 proto tcp
ufw reject 9100/tcp
ufw limit ssh/tcp
ufw --force enable
verdict "ufw's rules are in the kernel" yes "$(node onprem nft list chain ip filter ufw-user-input >/dev/null 2>&1 && echo yes)"

# Without a policy: what ufw lets in, and what not.
door "a port that ufw allows is open to the internet" open internet 2377/tcp 2377
door "one that it says nothing about is silent" silent internet 8888/tcp 8888
door "one that it allows on wg0 is open there" open laptop-eric 8888/tcp 8888
door "what it does not is silent there" silent laptop-eric 3000/tcp 3000
door "what it rejects is" "refused reject" laptop-eric 9100/tcp 9100
door "what it limits is open at first" open lan ssh 22
meets "what it allows a network is open to it (IPv4)" open 4 "$live_policy" lan 3000/tcp lan 3000 192.168.1.1
meets "and not to its IPv6 (IPv6)" silent 6 "$live_policy" lan 3000/tcp lan 3000 fd68:1::1
settle
verdict "explain --live names ufw's chain for what it allows (IPv4)" "ip filter ufw-user-input" "$(decides 4 internet 2377/tcp)"
verdict "explain --live names ufw's chain for what it allows (IPv6)" "ip6 filter ufw6-user-input" "$(decides 6 internet 2377/tcp)"
verdict "and the policy that drops the rest" "ip filter INPUT policy" "$(decides 4 internet 8888/tcp)"

# With it: both have to let a packet pass.
enforce ufw onprem
door "what both allow is open" open laptop-eric 8888/tcp 8888
door "but not to another machine of the tunnel" silent laptop-ryan 8888/tcp 8888
door "what both allow the internet is open to it" open internet 2377/tcp 2377
door "what only ufw allows is silent" silent lan 2377/tcp 2377
door "what only the policy grants is silent" silent laptop-eric 3000/tcp 3000
door "what the policy grants and ufw rejects is refused" "refused reject" laptop-eric 9100/tcp 9100
door "what the policy does not grant is silent, though ufw would reject it" silent laptop-ryan 9100/tcp 9100
door "what neither allows is silent" silent internet 9999/tcp 9999
door "what the policy grants and ufw limits is open at first" open laptop-eric ssh 22
meets "what both allow the LAN is open to it (IPv4)" open 4 "$live_policy" lan 3000/tcp lan 3000 192.168.1.1
meets "what ufw allows only IPv4 is silent by the other (IPv6)" silent 6 "$live_policy" lan 3000/tcp lan 3000 fd68:1::1
door "what the LAN is granted and ufw drops is silent" silent lan 2049/tcp 2049
settle
verdict "a line of the policy decides where both let it in" "ufw.yaml:17" "$(decides 4 laptop-eric 8888/tcp)"
verdict "explain --live shows that ufw drops what the policy grants (IPv4)" "ip filter INPUT policy" "$(decides 4 laptop-eric 3000/tcp)"
verdict "explain --live shows that ufw drops what the policy grants (IPv6)" "ip6 filter INPUT policy" "$(decides 6 laptop-eric 3000/tcp)"
verdict "and which of its chains rejects (IPv4)" "ip filter ufw-user-input" "$(decides 4 laptop-eric 9100/tcp)"
verdict "and which of its chains rejects (IPv6)" "ip6 filter ufw6-user-input" "$(decides 6 laptop-eric 9100/tcp)"
ufw insert 1 deny from 10.13.13.10 to any port 8888 proto tcp
meets "a denial put before what is allowed holds (IPv4)" silent 4 "$live_policy" laptop-eric 8888/tcp laptop-eric 8888 10.13.13.2
meets "for what it names (IPv6)" open 6 "$live_policy" laptop-eric 8888/tcp laptop-eric 8888 fd13:13::2
settle
verdict "and is named" "ip filter ufw-user-input" "$(decides 4 laptop-eric 8888/tcp)"

# ufw counts who comes: the seventh within half a minute is one too many. A walk asks about the first.
for _ in 1 2 3 4 5 6 7; do limited=$(tcp laptop-eric 10.13.13.2 22); done
verdict "a client over the rate limit is refused" refused "$limited"

# Unload both.
ufw --force disable
door "with ufw disabled the policy alone decides" open laptop-eric 3000/tcp 3000
door "and drops what it does not grant" silent internet 3000/tcp 3000
settle
unload onprem
door "without both everything is open" open internet 3000/tcp 3000
settle
