#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Executes the commands of docs/quick-start.md as they are written, in their order, each in a new SSH session over a real
# WireGuard tunnel, on a machine of namespaces (guide-host.sh). Packets from the peer and from outside the tunnel are sent before
# and after. What the page says that a command prints must be printed.
#
# Prints `ok NAME` or `not ok NAME: expected …, saw …` for each claim, and last `quick-start: N passed, N failed, N skipped`. Ends
# with status 1 if one failed. PAGE names another page.

# shellcheck source=Tests/Lab/lib.sh
. "$(dirname "$0")/../Lab/lib.sh"
# shellcheck source=Tests/Review/guide-host.sh
. "$(dirname "$0")/guide-host.sh"

PAGE=$(realpath "${PAGE:-$ROOT/docs/quick-start.md}")
if [ "$(id -u)" != 0 ] || [ ! -c /dev/net/tun ] || [ ! -x "$WGFENCE" ]; then
  echo "skip quick-start: it needs root, /dev/net/tun and the program"
  echo "quick-start: 0 passed, 0 failed, 1 skipped"
  exit 0
fi
enter_lab "$@"
suite=quick-start
# shellcheck source=Tests/Review/claims.sh
. "$ROOT/Tests/Review/claims.sh"

# from_everywhere WHEN EXPECTED: the service from the peer, and from outside the tunnel.
from_everywhere() {
  try "$1, the laptop reaches the service over the tunnel" open tcp laptop 10.77.0.1 5432
  try "$1, the laptop reaches the service over the tunnel (IPv6)" open tcp laptop fd77::1 5432
  try "$1, outside the tunnel the service is $2" "$2" tcp internet 198.51.100.7 5432
  try "$1, outside the tunnel the service is $2 (IPv6)" "$2" tcp internet 2001:db8:198::7 5432
  try "$1, the laptop outside the tunnel: $2" "$2" tcp laptop 198.51.100.7 5432
  try "$1, SSH outside the tunnel: $2" "$2" tcp internet 198.51.100.7 22
  try "$1, SSH over the tunnel" open tcp laptop 10.77.0.1 22
  settle
}

site 2>/dev/null
serve server services --tcp 5432,22
stand_ins
touch "$LAB/wgfence_0.1.0_amd64.deb"
from_everywhere "before" open

cd "$LAB" || exit 1
for ((i = 1; i <= $(blocks "$PAGE"); i++)); do
  block "$PAGE" $i >"$LAB/block"
  said_on_page "$PAGE" $i >"$LAB/expected"
  on_server "$LAB/block"
  status=$?
  verdict "'$(head -1 "$LAB/block")' ends with" 0 "$status$([ $status = 0 ] || sed 's/^/ | /' "$LAB/said")"
  [ ! -s "$LAB/expected" ] || verdict "and prints what the page says" "" "$(missing "$LAB/expected")"
done
verdict "the page has commands" yes "$([ "$i" -gt 5 ] && echo yes || echo "no: $((i - 1))")"

from_everywhere "afterwards" silent
verdict "a table is loaded" 1 "$(node server nft list tables | grep -c 'inet wgfence')"

# The machine starts again: no process and no rule is left.
echo "systemctl stop wgfence; nft delete table inet wgfence; systemctl start wgfence-boot" >"$LAB/block"
on_server "$LAB/block"
verdict "the boot unit ends with" 0 $?
if node server test -e /var/lib/wgfence/boot; then
  from_everywhere "after a restart, before the daemon" silent
else
  skipped=1
  echo "skip quick-start: after a restart, before the daemon: 'confirm' without a daemon stored no ruleset for the boot"
  try "after a restart, before the daemon, outside the tunnel the service is silent" silent tcp internet 198.51.100.7 5432
  try "after a restart, before the daemon, outside the tunnel the service is silent (IPv6)" silent tcp internet 2001:db8:198::7 5432
  settle
fi
echo "systemctl start wgfence" >"$LAB/block"
on_server "$LAB/block"
verdict "the daemon's unit ends with" 0 $?
from_everywhere "after a restart" silent

conclude
