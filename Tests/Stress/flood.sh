#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# flood.sh [CHANGES [KILLS [SEED]]]: policy changes under a flood from three sides (1000), and a daemon and an apply
# killed at random moments (200 each). Everything runs in namespaces of its own, which end with this process. Root.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=Tests/Stress/own-namespaces.sh
. "$here/own-namespaces.sh"
enter_own_namespaces "$@"
"$python" "$here/flood.py" "$program" "$state" "${1:-1000}" "${2:-200}" ${3:+"$3"}
