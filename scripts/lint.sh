#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# lint.sh: checks everything that is checked without running it:
#
# modules    the imports and the sizes of the modules: scripts/check-modules.sh
# format     swift format lint --strict, of all Swift sources
# shell      shellcheck, of all shell scripts; and that none ends a pipe with grep -q, which fails at random under pipefail
# pages      mandoc -Tlint, of the manual pages that are generated from the program
# package    lintian, of the newest Debian package below .build/deb
# claims     whether each promise has a claim in docs/evidence.md: Tests/evidence.py
# schemas    docs/schemas and docs/policy-1.schema.json as JSON Schemas, and all other JSON files as JSON
#
# Prints `ok lint: NAME`, `not ok lint: NAME` after what was found, or `skip lint: NAME: why`, and last
# `lint: N passed, N failed, N skipped`. Ends with status 1 if one failed. Changes nothing, and needs no root. WGFENCE names another
# program than .build/release/wgfence or .build/debug/wgfence; SWIFT another swift.

set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C.UTF-8
swift=${SWIFT:-swift}
python=$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3)
passed=0 failed=0 skipped=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check NAME COMMAND…
check() {
  local name=$1
  shift
  if "$@" >"$work/said" 2>&1; then
    passed=$((passed + 1))
    echo "ok lint: $name"
  else
    failed=$((failed + 1))
    cat "$work/said"
    echo "not ok lint: $name"
  fi
}
skip() {
  skipped=$((skipped + 1))
  echo "skip lint: $1: $2"
}
is_there() { command -v "$1" >/dev/null; }

# Everything in the repository, without what was built.
files() {
  if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files -co --exclude-standard
  else
    find . -path ./.build -prune -o -type f -printf '%P\n'
  fi
}
# The scripts: by their first lines.
shell_scripts() {
  local file first
  while IFS= read -r file; do
    [ -f "$file" ] || continue
    first=$(head -n 1 "$file" 2>/dev/null | tr -d '\0')
    grep -qE '^#!(/usr/bin/env |/bin/)(ba|da|)sh( |$)|^# shellcheck shell=' <<<"$first" && printf '%s\0' "$file"
  done < <(files)
}
json_files() { files | grep -E '\.json$' | while IFS= read -r file; do if [ -f "$file" ]; then printf '%s\0' "$file"; fi; done; }

check "the modules" scripts/check-modules.sh
check "the claims of docs/evidence.md" "$python" Tests/evidence.py --check

if is_there "${swift%% *}"; then
  # shellcheck disable=SC2086 # words
  check "the format of the Swift sources" $swift format lint --strict -r Sources Tests
else
  skip "the format of the Swift sources" "${swift%% *} is not in PATH"
fi

if is_there shellcheck; then
  shell_scripts >"$work/scripts"
  check "$(tr -cd '\0' <"$work/scripts" | wc -c) shell scripts" xargs -0 -a "$work/scripts" -n 8 -P 2 shellcheck -x -S warning
else
  skip "the shell scripts" "shellcheck is not installed: scripts/setup.sh lint"
fi
# Under pipefail, a pipe into grep -q fails at random: Tests/matches.sh.
no_quiet_grep() {
  shell_scripts | xargs -0 grep -l 'pipefail\|^# shellcheck shell=' | xargs grep -nE '\| *grep +-[A-Za-z]*q' | grep -v "sh -c ['\"]" && return 1
  return 0
}
check "no pipe into grep -q (use matches of Tests/matches.sh)" no_quiet_grep

program=${WGFENCE:-}
for built in .build/release/wgfence .build/debug/wgfence; do
  if [ -z "$program" ] && [ -x "$built" ]; then program=$built; fi
done
if [ -z "$program" ]; then
  skip "the manual pages" "there is no program: make build"
elif ! is_there mandoc; then
  skip "the manual pages" "mandoc is not installed: scripts/setup.sh lint"
elif ! "$python" scripts/man-pages.py "$program" "$work/pages" >"$work/said" 2>&1; then
  failed=$((failed + 1))
  cat "$work/said"
  echo "not ok lint: the manual pages are generated"
else
  check "$(find "$work/pages" -type f | wc -l) manual pages" find "$work/pages" -type f -exec mandoc -Tlint -W warning {} +
fi

package=$(find .build/deb -name 'wgfence_*.deb' -printf '%T@ %p\n' 2>/dev/null | sort -n | tail -n 1 | cut -d ' ' -f 2-)
if [ -z "$package" ]; then
  skip "the Debian package" "there is none below .build/deb: make deb"
elif ! is_there lintian; then
  skip "the Debian package" "lintian is not installed: scripts/setup.sh lint"
else
  symbols=${package/wgfence_/wgfence-dbgsym_}
  check "${package##*/}" lintian --allow-root --fail-on error,warning "$package"
  if [ -f "$symbols" ]; then check "${symbols##*/}" lintian --allow-root --fail-on error,warning "$symbols"; fi
fi

json_files >"$work/json"
if "$python" -c 'import jsonschema; jsonschema.Draft202012Validator' 2>/dev/null; then
  # shellcheck disable=SC2016 # python's text
  check "$(find docs/schemas -name '*.schema.json' | wc -l) schemas of reports, and that of the policy" "$python" -c '
import glob, json, jsonschema, sys
found = 0
for path in sorted(glob.glob("docs/schemas/*.schema.json")) + ["docs/policy-1.schema.json"]:
    root = json.load(open(path, encoding="utf-8"))
    kind = jsonschema.validators.validator_for(root, default=None)
    try:
        if kind is None:
            raise ValueError("no $schema that is known")
        kind.check_schema(root)
        if path.startswith("docs/schemas/"):
            name = path.split("/")[-1].removesuffix(".schema.json")
            if root["properties"]["schema"]["const"] != f"wgfence/{name}/1" or root["$id"] != f"urn:wgfence:{name}:1":
                raise ValueError("its names do not fit its file")
    except (ValueError, KeyError, jsonschema.SchemaError) as error:
        found += 1
        print(f"{path}: {error}".splitlines()[0])
sys.exit(1 if found else 0)'
else
  skip "the schemas" "python3-jsonschema is not installed: scripts/setup.sh lint"
fi
if is_there "$python"; then
  check "$(tr -cd '\0' <"$work/json" | wc -c) JSON files" "$python" -c '
import json, sys
found = 0
for path in open(sys.argv[1], encoding="utf-8").read().split("\0")[:-1]:
    try:
        json.load(open(path, encoding="utf-8"))
    except ValueError as error:
        found += 1
        print(f"{path}: {error}")
sys.exit(1 if found else 0)' "$work/json"
else
  skip "the JSON files" "python3 is not in PATH"
fi

echo "lint: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
