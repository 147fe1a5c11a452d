#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# unrest.sh [SECONDS [SEED]]: random events around a daemon (3600 seconds of them). Everything runs in namespaces of its
# own, which end with this process. UNREST_JOURNAL names a file for a line per event. Root.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/apart.sh
. "$here/apart.sh"
apart "$@"
export UNREST_NEIGHBOURS=$here/../.build/neighbours
# A small disk for the state: it can be filled.
mkdir "$state/state"
mount -t tmpfs -o size=4m,mode=700 none "$state/state"
"$python" "$here/unrest.py" "$program" "$state" "${1:-3600}" ${2:+"$2"}
