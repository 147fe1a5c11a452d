#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# siege.sh [CHANGES [KILLS [SEED]]]: policy changes under a flood from three sides (1000), and a daemon killed at random
# moments (200). Everything runs in namespaces of its own, which end with this process. Root.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${SIEGE_OUTSIDE:-}" ]; then
  [ "$(id -u)" = 0 ] || { echo "siege: it needs root" >&2; exit 1; }
  SIEGE_OUTSIDE=$(readlink /proc/self/ns/net)
  export SIEGE_OUTSIDE
  exec unshare -n -m -p --fork --kill-child --mount-proc "$0" "$@"
fi
if [ $$ -ne 1 ] || [ "$(readlink /proc/self/ns/net)" = "$SIEGE_OUTSIDE" ]; then
  echo "siege: this is not a namespace of its own" >&2
  exit 1
fi
program=$(realpath "${WGFENCE:-$here/../.build/release/wgfence}")
[ -x "$program" ] || { echo "siege: $program is missing: run 'make build'" >&2; exit 1; }
mkdir -p /run/netns
mount -t tmpfs none /run/netns
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
ip link set lo up
python=$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3)
PYTHONDONTWRITEBYTECODE=1 "$python" "$here/siege.py" "$program" "$state" "${1:-1000}" "${2:-200}" ${3:+"$3"}
