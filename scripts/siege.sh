#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# siege.sh [CHANGES [KILLS [SEED]]]: policy changes under a flood from three sides (1000), and a daemon and an apply
# killed at random moments (200 each). Everything runs in namespaces of its own, which end with this process. Root.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/apart.sh
. "$here/apart.sh"
apart "$@"
"$python" "$here/siege.py" "$program" "$state" "${1:-1000}" "${2:-200}" ${3:+"$3"}
