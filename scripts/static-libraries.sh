#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# static-libraries.sh SWIFT FOLDER: makes FOLDER with a link to the static C++ library that Swift's runtime needs. A linker that
# looks there first links it into the program: loading the shared one takes a fifth of the time of a short verb. Where the
# system has no static one, the folder stays empty and the program uses the shared one.

set -eu
swift=$(command -v "${1%% *}") || { echo "static-libraries: ${1%% *} is not in PATH" >&2; exit 1; }
folder=$2
mkdir -p "$folder"
for compiler in "$(dirname "$swift")/clang" clang cc; do
  library=$("$compiler" -print-file-name=libstdc++.a 2>/dev/null) || continue
  # A compiler that does not find it prints the bare name.
  [ -f "$library" ] || continue
  ln -sf "$(realpath "$library")" "$folder/libstdc++.a"
  break
done
