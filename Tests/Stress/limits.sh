#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Tests the limits of docs/security.md: what hostile members of its group, hostile readers of its metrics and
# large policies can cost. Needs root; runs in namespaces of its own.

set -euo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=Tests/Stress/own-namespaces.sh
. Tests/Stress/own-namespaces.sh
enter_own_namespaces "$@"

# A group wgfence that this host need not have, seen here alone.
sed '/^wgfence:/d' /etc/group >"$state/group"
echo 'wgfence:x:65000:' >>"$state/group"
mount --bind "$state/group" /etc/group
trap 'umount -l /etc/group 2>/dev/null || true; rm -rf "$state"' EXIT

"$python" Tests/Stress/limits.py "$program" "$state"
