#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Compares the walk with the kernel for a long time: random rulesets in namespaces, real packets through them, each compared with
# the verdict of the walk. Prints the seeds, so that a failure can be reproduced:
#
#   WGFENCE_WALK_SEED=1234 WGFENCE_WALK_PACKETS=1000 Tests/Stress/soak.sh
#
# The same for the rulesets of Tests/Corpus/rulesets, or of WGFENCE_CORPUS, with WGFENCE_CORPUS_PACKETS packets (100,000).
# Then it compares what the impact analysis predicts for 20,000 random hosts with what happens to their packets.
#
# Without a seed it uses one from the clock. Needs root, or user namespaces.

set -uo pipefail

# First: leave this machine's own network namespace.
if [ "${1:-}" != --inside ]; then
  cd "$(dirname "$0")/../.." || exit 1
  swift=${SWIFT:-swift}
  "$swift" build --build-tests || exit 1
  "$swift" build -c release --static-swift-stdlib --disable-local-rpath -Xlinker -s -Xlinker -z -Xlinker now \
    -Xlinker -z -Xlinker relro --product random-proofs || exit 1
  user=()
  [ "$(id -u)" = 0 ] || user=(--map-root-user)
  exec unshare "${user[@]}" -n "$0" --inside "$swift"
fi
[ "$(readlink /proc/self/ns/net)" != "$(readlink /proc/1/ns/net 2>/dev/null)" ] || exit 1

cd "$(dirname "$0")/../.." || exit 1
ip link set lo up
export WGFENCE_WALK_PACKETS=${WGFENCE_WALK_PACKETS:-100000}
export WGFENCE_WALK_SEED=${WGFENCE_WALK_SEED:-$(date +%s)}
echo "soak: $WGFENCE_WALK_PACKETS packets from seed $WGFENCE_WALK_SEED on $(uname -r)"
export WGFENCE_CORPUS_PACKETS=${WGFENCE_CORPUS_PACKETS:-100000}
"$2" test --skip-build --filter 'WalkAgreesWithKernelTests|CorpusAgreesWithKernelTests' || exit 1
exec .build/release/random-proofs impacts "${WGFENCE_IMPACTS:-20000}" "$WGFENCE_WALK_SEED"
