#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Tests the limits of docs/security.md: what hostile members of its group, hostile readers of its metrics and
# large policies can cost. Everything runs in a lab of its own, which ends with this process. Root.

# shellcheck source=Tests/Stress/lab.sh
. "$(dirname "$0")/lab.sh"
begin_stress "$@"
new_nodes onprem
# A group wgfence that this host need not have, seen by onprem alone.
{ sed '/^wgfence:/d' /etc/group; echo 'wgfence:x:65000:'; } >"$LAB/group"
node onprem mount --bind "$LAB/group" /etc/group
run_in_onprem limits.py
