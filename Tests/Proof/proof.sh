#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The heavier proof: every shipped policy proved; every single mutation of their rulesets detected by the proof or by
# the policy's tests; a policy of 1,000 machines and 500 services proved and compared, with time and memory; forged packets;
# and the Debian package as an administrator uses it, under attack.

set -euo pipefail
cd "$(dirname "$0")/../.."
swift=${SWIFT:-swift}
WGFENCE=${WGFENCE:-.build/release/wgfence}
[ -x "$WGFENCE" ] || { echo "proof: $WGFENCE is missing: run 'make build'" >&2; exit 1; }

for policy in policies/*.yaml; do "$WGFENCE" check --prove --strict "$policy"; done

state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
Tests/Bench/large-policy.py --machines 1000 --services 500 --grants 1500 --tests 0 >"$state/old.yaml"
# Edits one line, which gives another group another service.
sed '0,/services: \[s482\], from: g30/s//services: [s482, ssh], from: g31/' "$state/old.yaml" >"$state/new.yaml"
cmp -s "$state/old.yaml" "$state/new.yaml" && { echo "proof: the large policy was not edited" >&2; exit 1; }
python3 - "$WGFENCE" "$state" <<'PYTHON'
import os
import sys
import time

program, state = sys.argv[1:]
LIMIT = (2.0, 300)
missed = 0


def measure(what, status, *arguments):
    """The median time of five runs, and the most memory, of a whole process that must end with this status."""
    global missed
    runs = []
    for _ in range(5):
        began = time.monotonic()
        pid = os.posix_spawn(
            program,
            [program, *arguments],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0), (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)],
        )
        _, ended, usage = os.wait4(pid, 0)
        runs.append((time.monotonic() - began, usage.ru_maxrss / 1024))
        if os.waitstatus_to_exitcode(ended) != status:
            sys.exit(f"proof: {what} ended with {os.waitstatus_to_exitcode(ended)}, not {status}")
    seconds = sorted(run[0] for run in runs)[len(runs) // 2]
    memory = max(run[1] for run in runs)
    met = seconds <= LIMIT[0] and memory <= LIMIT[1]
    missed += not met
    print(f"{what}: {seconds:.2f} s, {memory:.0f} MiB (goal {LIMIT[0]:.0f} s, {LIMIT[1]} MiB: {'met' if met else 'missed'})")


size = "1,000 machines, 500 services"
measure(f"check --prove, {size}", 0, "check", "--prove", f"{state}/old.yaml")
measure(f"diff of one line, {size}", 2, "diff", f"{state}/old.yaml", f"{state}/new.yaml")
measure("check of policies/rootski.yaml", 0, "check", "policies/rootski.yaml")
measure(f"diff of equals, {size}", 0, "diff", f"{state}/old.yaml", f"{state}/old.yaml")
PYTHON

"$swift" build --build-tests >/dev/null
user=()
[ "$(id -u)" = 0 ] || user=(--map-root-user)
# shellcheck disable=SC2016 # words for the inner shell
WGFENCE_MUTATIONS=all unshare "${user[@]}" -n sh -c 'ip link set lo up && exec "$1" test --skip-build --filter MutationTests' _ "$swift"

# Every verdict about a signature, against that of ssh-keygen.
# shellcheck disable=SC2016 # words for the inner shell
WGFENCE_SIGNATURES=10000 unshare "${user[@]}" -n sh -c 'ip link set lo up && exec "$1" test --skip-build --filter SSHSignatureTests' _ "$swift"

# Forged packets with real sockets, 25 rounds with other numbers each.
WGFENCE_FORGED_ROUNDS=25 Tests/Lab/run-tests.sh forged

# The package: quick start, reboot, upgrades, removal. Root; the guests need the network the first time.
Tests/Proof/deb-booted.sh
