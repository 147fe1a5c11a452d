#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The pages for users: each complete policy in README.md and docs passes `wgfence check`, those in docs/guides also
# `wgfence check --strict`; each link to a page of this repository leads to a file; each verb and option of wgfence in a block
# of shell commands exists. Needs no root and no network.
#
# A policy is complete if its block begins with `version: 1`, after comments, and has `machines:`.
#
# Prints `ok NAME` or `not ok NAME: expected …, saw …` for each, and last `guides: N passed, N failed, N skipped`.

set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
program=$(realpath "${WGFENCE:-.build/release/wgfence}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export NO_COLOR=1
suite=guides
# shellcheck source=Tests/Review/claims.sh
. Tests/Review/claims.sh

# policies FILE FOLDER: writes each complete policy of a page to FOLDER/LINE.yaml.
policies() {
  awk -v folder="$2" '
    /^ *```/ {
      if (inside && begins && machines) { file = folder "/" line ".yaml"; printf "%s", text >file; close(file) }
      inside = !inside && $0 ~ /^```yaml$/
      text = begins = machines = other = ""; line = NR + 1
      next
    }
    !inside { next }
    { text = text $0 "\n" }
    /^version: 1$/ && !other { begins = 1 }
    /^machines:/ { machines = 1 }
    !/^#/ && NF { other = 1 }' "$1"
}

# links FILE: the links of a page that lead to no file.
links() {
  local target
  awk '/^ *```/ { inside = !inside } !inside' "$1" | grep -oE '\]\([^)]+\)' | sed -E 's/^\]\(//; s/\)$//; s/#.*//; /^[a-z]+:/d; /^$/d' | sort -u |
    while read -r target; do [ -e "$(dirname "$1")/$target" ] || echo "$target"; done
}

# unknown FILE: the verbs and options of wgfence in blocks of shell commands that the program does not have.
unknown() {
  local words verb word next
  awk '/^ *```/ { inside = !inside && $0 ~ /^ *```sh$/; next } inside && !/systemctl/' "$1" | sed 's/ *#.*//; s/[|<>;)"].*//' |
    grep -oE '(^|[ (])wgfence [a-z].*' | sed 's/.*wgfence /wgfence /' |
    while read -ra words; do
      verb=${words[1]}
      next=2
      while :; do
        # shellcheck disable=SC2086 # a verb of a verb is two words
        [ -e "$scratch/help-$verb" ] || "$program" help $verb >"$scratch/help-$verb" 2>&1
        # Of a verb with verbs, the help that counts is that of the inner one.
        grep -q '^SUBCOMMANDS:' "$scratch/help-$verb" || break
        verb="$verb ${words[$next]:-}"
        next=$((next + 1))
      done
      grep -q "^USAGE: wgfence $verb" "$scratch/help-$verb" || { echo "$verb"; continue; }
      for word in "${words[@]:$next}"; do
        case $word in --*) grep -qE -- "(^|[ [,])${word%%=*}([] ,]|\$)" "$scratch/help-$verb" || echo "$verb $word" ;; esac
      done
    done
}

cp -r policies/lists "$scratch/lists"
count=0
for page in README.md docs/*.md docs/guides/*.md; do
  verdict "the links of $page lead to files" "" "$(links "$page")"
  verdict "the commands of $page exist" "" "$(unknown "$page")"
  rm -f "$scratch"/*.yaml
  policies "$page" "$scratch"
  for policy in "$scratch"/*.yaml; do
    [ -e "$policy" ] || continue
    count=$((count + 1))
    strict=()
    case $page in docs/guides/*) strict=(--strict) ;; esac
    if said=$("$program" check "${strict[@]}" "$policy" 2>&1); then status=0; else status="$? $said"; fi
    verdict "the policy in $page, line $(basename "$policy" .yaml), passes check" 0 "$status"
  done
done
verdict "there are policies" yes "$([ $count -gt 2 ] && echo yes || echo "no: $count")"
for page in docs/guides/*.md; do
  rm -f "$scratch"/*.yaml
  policies "$page" "$scratch"
  verdict "$page has a policy" yes "$(compgen -G "$scratch/*.yaml" >/dev/null && echo yes || echo no)"
done

conclude
