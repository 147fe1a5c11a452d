#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# All Swift tests, 2,000 proofs of random policies and the walks of 1,250 of them, random inputs for each parser, then the
# tests of the review snippets and of the audit's page, the daemon under a flood, among random events and under attack from its group, and the lab's tests with
# real packets. Fails when any fails; the last line sums up the lab.

set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
swift=${SWIFT:-swift}
status=0

# Built here, where packages can be downloaded; run in namespaces where no rule affects this host.
if [ -d Tests ]; then
  "$swift" build --build-tests || exit 1
  user=()
  [ "$(id -u)" = 0 ] || user=(--map-root-user)
  unshare "${user[@]}" -n sh -c 'ip link set lo up && exec "$1" test --skip-build' _ "$swift" || status=1
fi

# Random policies with every key of the language, proved, and for five eighths of them the walk of all packets through
# their rulesets compared with walks of single packets: optimized, since there are so many of them.
prove_random() {
  local count=${WGFENCE_PROOFS:-2000} program=.build/release/random-proofs
  "$swift" build -c release --static-swift-stdlib --disable-local-rpath -Xlinker -s -Xlinker -z -Xlinker now \
    -Xlinker -z -Xlinker relro --product random-proofs || return 1
  local mode
  for mode in proofs walks; do
    [ $mode = proofs ] || count=$(((count * 5 + 7) / 8))
    "$program" $mode $((count / 2)) 1 &
    "$program" $mode $((count - count / 2)) 1000000000 || { kill $! 2>/dev/null; wait; return 1; }
    wait $! || return 1
  done
}
prove_random || status=1

# Random inputs for each parser, a minute each, only in CI: the program for them takes minutes to build.
if [ -n "${CI:-}" ]; then
  SWIFT="$swift" Tests/Proof/fuzz.sh 60 || status=1
else
  echo "skip random inputs for each parser: outside CI, make fuzz gives them"
fi

Tests/Review/review.sh || status=1
Tests/Review/page.sh || status=1

# 60 changes of the daemon's policy under a flood, 10 kills, and a minute of random events around the daemon. The whole of
# it: make flood, make random-events.
if [ "$(id -u)" = 0 ]; then
  Tests/Stress/flood.sh 60 10 || status=1
  Tests/Stress/random-events.sh 60 || status=1
  Tests/Stress/limits.sh || status=1
else
  echo "skip the flood, the random events and the limits: they need root"
fi

Tests/Lab/run-tests.sh || status=1
exit $status
