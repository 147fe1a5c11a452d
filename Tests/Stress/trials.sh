#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# trials.sh [SECONDS [SEED]]: random sequences of applies, trials, panics and rollbacks against a daemon that is killed at random
# moments, compared with a model of what must be in force (300 seconds of them). Everything runs in namespaces of its own, which
# end with this process. Root. trials.py says what else it can do.

set -uo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
WGFENCE=$(realpath "${WGFENCE:-$HERE/../../.build/release/wgfence}")
PYTHON=$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3)
export WGFENCE

die() { echo "${0##*/}: $*" >&2; exit 1; }

if [ -z "${TRIALS_OUTSIDE:-}" ]; then
  [ "$(id -u)" = 0 ] || die "network namespaces need root: sudo $0"
  [ -x "$WGFENCE" ] || die "$WGFENCE is missing: run 'make build'"
  for tool in ip nft unshare nsenter setpriv mount; do
    command -v "$tool" >/dev/null || die "$tool is missing: run 'make setup'"
  done
  child=
  # Killing unshare kills process 1 of the namespaces, and with it everything inside.
  end() { trap '' INT TERM HUP; [ -z "$child" ] || { kill -KILL "$child" 2>/dev/null; wait "$child" 2>/dev/null; }; exit "$1"; }
  trap 'end 130' INT
  trap 'end 143' TERM
  trap 'end 129' HUP
  # Process 1 stays in a network namespace of its own, so that the one with the rules does not look like the machine's.
  TRIALS_OUTSIDE=$(readlink /proc/self/ns/net) setpriv --pdeathsig KILL unshare -n -m -p -i --fork --kill-child --mount-proc \
    bash -c 'unshare -n bash "$@" & wait $!' _ "$0" "$@" </dev/null &
  child=$!
  wait "$child"
  status=$?
  trap '' INT TERM HUP
  exit "$status"
fi

inside=$(readlink /proc/self/ns/net)
[ "$inside" != "$TRIALS_OUTSIDE" ] && [ "$inside" != "$(readlink /proc/1/ns/net)" ] ||
  die "this is not a network namespace of its own"
mount -t tmpfs -o mode=755 tmpfs /run || die "no private /run"
ip link set lo up || die "no loopback"
PYTHONDONTWRITEBYTECODE=1 exec "$PYTHON" "$HERE/trials.py" "$@"
