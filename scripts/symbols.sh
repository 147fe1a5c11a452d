#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# symbols.sh FOLDER SWIFT build OPTION…: writes the debug symbols of .build/release/wgfence to FOLDER/ab/cdef….debug, a file that is
# named after the program's build ID, as debuggers look for it below /usr/lib/debug/.build-id.
#
# The program is linked without symbols. This links it again with them and with the same build ID, which compiles nothing, compares
# what both have without symbols, and keeps only the symbols. Last the program is linked as it was. So the program is the same,
# to the byte, whether anybody asks for its symbols or not.

set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8

die() { echo "symbols: $*" >&2; exit 1; }

[ $# -ge 3 ] || die "usage: symbols.sh FOLDER SWIFT build OPTION…"
folder=$1
shift
program=.build/release/wgfence
[ -x "$program" ] || die "$program is missing: run 'make build' first"
for tool in readelf strip objcopy; do
  command -v $tool >/dev/null || die "$tool is missing: apt-get install binutils"
done

id=$(readelf -n "$program" | sed -n 's/^ *Build ID: \([0-9a-f]*\)$/\1/p')
[[ $id =~ ^[0-9a-f]{40}$ ]] || die "$program has no build ID"
file=$folder/${id:0:2}/${id:2}.debug
if [ -f "$file" ]; then
  echo "$file"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -p "$program" "$work/program"
link() { "${build[@]}" "$@" >"$work/log" 2>&1 || die "$(cat "$work/log")"; }
build=("$@")
link -Xlinker --build-id=0x"$id"
cp "$program" "$work/whole"
link -Xlinker -s
cmp -s "$program" "$work/program" || die "the sources are not those of the program: run 'make build'"

# One tool for both: linkers order the names of sections in another way.
strip --strip-all -o "$work/one" "$work/program"
strip --strip-all -o "$work/two" "$work/whole"
cmp -s "$work/one" "$work/two" || die "the program with symbols is another one"
objcopy --only-keep-debug --compress-debug-sections=zlib "$work/whole" "$work/debug"
mkdir -p "${file%/*}"
chmod 644 "$work/debug"
mv "$work/debug" "$file"
echo "$file"
