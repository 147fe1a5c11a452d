#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# step.sh github|gitlab ANCHOR: prints the shell of one step of the set-ups in docs/review.md: the first `|` block behind a line
# that reads ANCHOR. The action runs these steps, so that there is one copy of them, which Tests/Review/review.sh tests.
set -eu
page=$(dirname "$0")/../../docs/review.md
awk -v mark="<!-- snippet: $1 -->" '
  $0 == mark { wanted = 1; next }
  wanted && /^```/ { if (inside) exit; inside = 1; next }
  wanted && inside { print }' "$page" |
  awk -v anchor="$2" '
    { text = $0; sub(/^ */, "", text); indent = length($0) - length(text) }
    !found { if (text == anchor) found = 1; next }
    !inside { if (text ~ /\|$/) { inside = 1; parent = indent }; next }
    text != "" && indent <= parent { exit }
    { if (!cut && text != "") cut = indent; print substr($0, cut + 1); printed = 1 }
    # What runs the output must not succeed without it.
    END { if (!printed) print "echo no such step in docs/review.md >&2; exit 1" }'
