# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later

# matches [OPTION…] PATTERN: whether a line of the input matches, for the end of a pipe; the options are grep's. It reads the whole
# input: grep -q ends at the first match, and a program that still writes (nft writes word by word) then dies by SIGPIPE,
# which under pipefail is the status of the pipe.
matches() {
  local text
  text=$(cat)
  [ -n "$text" ] && grep -q "$@" <<<"$text"
}
