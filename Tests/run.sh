#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# All Swift tests, 2,000 proofs of random policies and the walks of 1,250 of them, the impact of a change on 2,000 random
# hosts compared with their packets, random inputs for each parser, then the tests of the review snippets, of the quick start's
# commands, of the policies and commands in the pages, of the audit's page, of the JSON documents and of the files for other
# programs, the daemon under a flood, among random events and under attack from its group, and the lab's tests with real packets.
#
# Every step runs, also after a failure. The last lines say which steps failed, each with the lines of its output that say
# what failed; the exit status is 1 then.

set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
swift=${SWIFT:-swift}
# Where each step's output stays: for Tests/evidence.py.
if [ -n "${WGFENCE_TEST_LOGS:-}" ]; then
  logs=$WGFENCE_TEST_LOGS
  mkdir -p "$logs"
else
  logs=$(mktemp -d)
  trap 'rm -rf "$logs"' EXIT
fi
failed=() passed=()

# Runs a step and keeps what it prints, for the summary.
step() { # NAME COMMAND...
  local name=$1 start=$SECONDS
  shift
  if "$@" 2>&1 | tee "$logs/$name"; then
    passed+=("$name: $((SECONDS - start)) s")
  else
    failed+=("$name")
  fi
}

# Built before the namespace is made: packages can be downloaded here, and no rule affects this host there.
swift_tests() {
  "$swift" build --build-tests || return 1
  local user=()
  [ "$(id -u)" = 0 ] || user=(--map-root-user)
  unshare "${user[@]}" -n sh -c 'ip link set lo up && exec "$1" test --skip-build' _ "$swift"
}

# Random policies with every key of the language, proved, and for five eighths of them the walk of all packets through
# their rulesets compared with walks of single packets; then 10,000 random rulesets before and after their optimization. The
# program is an optimized one, since there are so many of them.
random_policies() {
  local count=${WGFENCE_PROOFS:-2000} program=.build/release/random-proofs
  "$swift" build -c release --static-swift-stdlib --disable-local-rpath -Xlinker -s -Xlinker -z -Xlinker now \
    -Xlinker -z -Xlinker relro --product random-proofs || return 1
  local mode
  for mode in proofs walks optimizations; do
    [ $mode != walks ] || count=$(((count * 5 + 7) / 8))
    [ $mode != optimizations ] || count=${WGFENCE_OPTIMIZATIONS:-10000}
    "$program" $mode $((count / 2)) 1 &
    "$program" $mode $((count - count / 2)) 1000000000 || { kill $! 2>/dev/null; wait; return 1; }
    wait $! || return 1
  done
}

# What the impact analysis predicts for random hosts, compared with their packets. The program is that of the proofs. Each
# host is in a network namespace of its own; the one around them all is a second guard.
random_hosts() {
  local count=${WGFENCE_IMPACTS:-2000} program=.build/release/random-proofs user=()
  [ "$(id -u)" = 0 ] || user=(--map-root-user)
  unshare "${user[@]}" -n "$program" impacts $((count / 2)) 1 &
  unshare "${user[@]}" -n "$program" impacts $((count - count / 2)) 1000000000 || { kill $! 2>/dev/null; wait; return 1; }
  wait $!
}

step swift-tests swift_tests
step random-policies random_policies
step random-hosts random_hosts

# A minute each, only in CI: the program for them takes minutes to build.
if [ -n "${CI:-}" ]; then
  step random-inputs env SWIFT="$swift" Tests/Proof/fuzz.sh 60
else
  echo "skip random inputs for each parser: outside CI, make fuzz gives them"
fi

step review Tests/Review/review.sh
step quick-start Tests/Review/quick-start.sh
step guides Tests/Review/guides.sh
step audit-page Tests/Review/page.sh
step json Tests/Review/json.sh
step packaging Tests/Review/packaging.sh
step fleet Tests/Review/fleet.sh

# 60 changes of the daemon's policy under a flood, 10 kills, and a minute of random events around the daemon. The whole of
# it: make flood, make random-events. Interrupted trials, panics and rollbacks: make trials.
if [ "$(id -u)" = 0 ]; then
  step flood Tests/Stress/flood.sh 60 10
  step random-events Tests/Stress/random-events.sh 60
  step limits Tests/Stress/limits.sh
else
  echo "skip the flood, the random events and the limits: they need root"
fi

step lab Tests/Lab/run-tests.sh

echo
for name in ${passed[@]+"${passed[@]}"}; do echo "passed: $name"; done
for name in ${failed[@]+"${failed[@]}"}; do
  echo "failed: $name"
  # A failed expectation of the Swift tests, a claim of a shell test, an error of a build or of a script; else its last lines.
  grep -aE '^✘|^not ok|^FAIL|error:|Fatal error|differ' "$logs/$name" | head -n 40 | sed 's/^/  /' | grep . ||
    tail -n 15 "$logs/$name" | sed 's/^/  /'
done
[ ${#failed[@]} = 0 ]
