#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# random-events.sh [SECONDS [SEED]]: random events around a daemon (3600 seconds of them). Everything runs in namespaces of its
# own, which end with this process. RANDOM_EVENTS_JOURNAL names a file for a line per event. Root.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=Tests/Stress/own-namespaces.sh
. "$here/own-namespaces.sh"
enter_own_namespaces "$@"
export RANDOM_EVENTS_NEIGHBOURS=$here/../../.build/neighbours
# A small disk for the state: it can be filled.
mkdir "$state/state"
mount -t tmpfs -o size=4m,mode=700 none "$state/state"
"$python" "$here/random-events.py" "$program" "$state" "${1:-3600}" ${2:+"$2"}
