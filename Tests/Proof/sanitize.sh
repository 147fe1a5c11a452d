#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# All Swift tests under the address sanitizer, and under the thread sanitizer those of the modules that start threads, or that
# these threads call with more than values. The other modules compute with values that the compiler keeps apart (Swift 6
# language mode), and need hours under it. Each is built below a folder of its own (.build-asan, .build-tsan) and run in a network
# namespace of its own. The status is 1 if a sanitizer reports anything or the tests do not complete. Failed tests are listed:
# at a tenth of the speed, tests with a time limit, or with a listing that must end before a change, can fail. Ignore
# failures that do not occur in `swift test`.
#
#   Tests/Proof/sanitize.sh [address|thread]… [-- ARGUMENTS OF swift test]

set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
swift=${SWIFT:-swift}
kinds=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  case $1 in
    address | thread) kinds+=("$1") ;;
    *) echo "usage: Tests/Proof/sanitize.sh [address|thread]… [-- ARGUMENTS]" >&2; exit 64 ;;
  esac
  shift
done
[ $# -eq 0 ] || shift
[ ${#kinds[@]} -gt 0 ] || kinds=(address thread)

user=()
[ "$(id -u)" = 0 ] || user=(--map-root-user)
# Memory that is still referenced at exit is not a leak: libyaml's and Swift's own singletons would be reported.
export ASAN_OPTIONS=detect_leaks=0 TSAN_OPTIONS=halt_on_error=0:exitcode=66 SWIFT_BACKTRACE=enable=no
threaded='^(DaemonService|Enforcement|HostReports|LinuxHost|Netlink|Program)Tests\.'
status=0
for kind in "${kinds[@]}"; do
  folder=.build-${kind:0:1}san
  "$swift" build --build-tests --sanitize="$kind" --scratch-path "$folder" || { status=1; continue; }
  log=$folder/tests.log
  arguments=("$@")
  if [ "$kind" = thread ] && [ $# -eq 0 ]; then arguments=(--filter "$threaded"); fi
  unshare "${user[@]}" -n sh -c 'ip link set lo up && exec "$@"' _ \
    "$swift" test --skip-build --sanitize="$kind" --scratch-path "$folder" ${arguments[@]+"${arguments[@]}"} 2>&1 | tee "$log"
  result=${PIPESTATUS[0]}
  reports=$(grep -acE '(ERROR: (Address|Thread)Sanitizer|WARNING: ThreadSanitizer)' "$log")
  echo "sanitize: $kind: tests ended with $result, $reports reports of the sanitizer"
  grep -aE '^✘ Test .* recorded an issue' "$log" | sed 's/^✘/sanitize: failed:/'
  if [ "$reports" -ne 0 ] || ! grep -aqE 'Test run with [0-9]+ tests' "$log"; then status=1; fi
done
exit $status
