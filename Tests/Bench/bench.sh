#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Measures the program against its goals, side by side with nft, in one interleaved run. See docs/performance.md.
# BENCH_RUNS (default 5): runs of each slow measurement. Root; touches nothing of this host.

set -euo pipefail

die() { echo "bench: $*" >&2; exit 1; }

# Everything below runs in namespaces of its own, which end with this process.
if [ -z "${BENCH_OUTSIDE:-}" ]; then
  [ "$(id -u)" = 0 ] || die "network namespaces need root: sudo $0"
  BENCH_OUTSIDE=$(readlink /proc/self/ns/net)
  export BENCH_OUTSIDE
  exec unshare -n -m -p --fork --kill-child --mount-proc "$0" "$@"
fi
if [ $$ -ne 1 ] || [ "$(readlink /proc/self/ns/net)" = "$BENCH_OUTSIDE" ]; then
  die "this is not a namespace of its own"
fi

here=$(cd "$(dirname "$0")" && pwd)
WGFENCE=${WGFENCE:-$here/../../.build/release/wgfence}
[ -x "$WGFENCE" ] || die "$WGFENCE is missing: run 'make build'"
for tool in nft ip cc python3; do
  command -v "$tool" >/dev/null || die "$tool is missing"
done

state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
python=$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3)
cc -O2 -Wall -Wextra -o "$state/tool" "$here/bench.c"
ip link set lo up
"$python" "$here/bench.py" "$(realpath "$WGFENCE")" "$state"
