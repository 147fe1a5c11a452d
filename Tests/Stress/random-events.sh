#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# random-events.sh [SECONDS [SEED]]: random events around a daemon (3600 seconds of them). Everything runs in a lab of its
# own, which ends with this process. RANDOM_EVENTS_JOURNAL names a file for a line per event. Root.

# shellcheck source=Tests/Stress/lab.sh
. "$(dirname "$0")/lab.sh"
begin_stress "$@"
attacked_site
# A small disk for the state: it can be filled.
mkdir "$LAB/onprem/state"
node onprem mount -t tmpfs -o size=4m,mode=700 none "$LAB/onprem/state"
run_in_onprem random-events.py "${1:-3600}" ${2:+"$2"}
