#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# flood.sh [CHANGES [KILLS [SEED]]]: policy changes under a flood from three sides (1000), and a daemon and an apply
# killed at random moments (200 each). Everything runs in a lab of its own, which ends with this process. Root.

# shellcheck source=Tests/Stress/lab.sh
. "$(dirname "$0")/lab.sh"
begin_stress "$@"
attacked_site
run_in_onprem flood.py "${1:-1000}" "${2:-200}" ${3:+"$3"}
