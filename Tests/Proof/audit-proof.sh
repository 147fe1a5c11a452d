#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# audit-proof.sh: the audit against nmap with real servers (PostgreSQL, Prometheus, node-exporter, Jupyter, Docker, Swarm),
# all TCP ports from every side, with the policy in force and without, beside Docker's rules and ufw's. The servers are
# unpacked below .build, and not installed; Jupyter comes from Python's package index. Root.
#
# Before that the same on each ruleset of Tests/Corpus/rulesets, in network namespaces. `audit-proof.sh corpus` does only this.

set -euo pipefail
cd "$(dirname "$0")/../.."

say() { echo "audit-proof: $*"; }
swift=${SWIFT:-swift}

# Each test is in a namespace of its own; the one around them all is a second guard.
corpus() {
  "$swift" build --build-tests
  WGFENCE_CORPUS_SCANS=${WGFENCE_CORPUS_SCANS:-1000} unshare -n sh -c \
    'ip link set lo up && exec "$1" test --skip-build --filter AuditAgreesWithNmapTests' _ "$swift"
}
corpus
[ "${1:-}" != corpus ] || exit 0

services=$PWD/.build/services

if [ ! -x "$services/usr/bin/prometheus" ]; then
  say "unpacking Prometheus and node-exporter below .build/services (about 30 MB to download)"
  rm -rf "$services"
  mkdir -p "$services/packages"
  (cd "$services/packages" && apt-get -qq -o APT::Sandbox::User=root download prometheus prometheus-node-exporter >/dev/null)
  for deb in "$services"/packages/*.deb; do dpkg-deb -x "$deb" "$services"; done
  rm -rf "$services/packages"
fi
if [ ! -x "$services/jupyter/bin/jupyter-server" ]; then
  say "installing Jupyter's server into .build/services/jupyter (about 80 MB)"
  python=$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3)
  "$python" -m venv "$services/jupyter" || { say "python3-venv is missing: apt-get install python3-venv" >&2; exit 1; }
  "$services/jupyter/bin/pip" -q --disable-pip-version-check install jupyter-server
fi
WGFENCE_LAB_SERVICES=$services WGFENCE_LAB_SCAN=all Tests/Lab/run-tests.sh audit
