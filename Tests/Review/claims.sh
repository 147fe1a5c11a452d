# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Counted claims. Sourced by the scripts of this folder, which set $suite: the name before each line.

# shellcheck source=Tests/matches.sh
. "$(dirname "${BASH_SOURCE[0]}")/../matches.sh"

passed=0
failed=0
skipped=0

# verdict NAME EXPECTED SEEN: prints whether both are the same.
# shellcheck disable=SC2154 # the caller's
verdict() {
  if [ "$2" = "$3" ]; then
    passed=$((passed + 1))
    echo "ok $suite: $1"
  else
    failed=$((failed + 1))
    echo "not ok $suite: $1: expected $2, saw $3"
  fi
}

# skip REASON: a claim that cannot be tried here.
skip() {
  skipped=$((skipped + 1))
  echo "skip $suite: $1"
}

# conclude: the last line of the script. Its status is 1 if a claim failed.
conclude() {
  echo "$suite: $passed passed, $failed failed, $skipped skipped"
  [ "$failed" = 0 ]
}
