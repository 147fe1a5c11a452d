#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# firewalld.sh COMMAND…: firewalld, unpacked by scripts/setup.sh, on a message bus of its own in this network namespace; then
# COMMAND, which may use `firewall` as its command line. Its rules stay when this ends. For Tests/Bench/bench.py and the
# lab, which are in namespaces of their own: this is checked here again.

set -euo pipefail

if [ "$(readlink /proc/self/ns/net)" = "$(readlink /proc/1/ns/net)" ]; then
  echo "firewalld.sh: this is the machine's own network namespace" >&2
  exit 1
fi
if [ -z "${FIREWALLD_APART:-}" ]; then
  FIREWALLD_APART=1 exec unshare -m "$0" "$@"
fi
from=$(cd "$(dirname "$0")/../../.build/neighbours" && pwd)
python=$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3)
work=$(mktemp -d)
mount -t tmpfs none "$work"
mount -t tmpfs none /run
# Its files are at their usual paths only in this mount namespace.
for folder in /usr/lib /etc; do
  mkdir -p "$work$folder/upper" "$work$folder/work"
  mount -t overlay overlay -o "lowerdir=$folder,upperdir=$work$folder/upper,workdir=$work$folder/work" "$folder"
done
cp -r "$from/usr/lib/firewalld" /usr/lib/
cp -r "$from/etc/firewalld" /etc/
library=$from/usr/lib/$(uname -m)-linux-gnu
core=$from/lib/$(uname -m)-linux-gnu
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$from/usr/lib/python3/dist-packages
export GI_TYPELIB_PATH=$library/girepository-1.0 LD_LIBRARY_PATH=$library:$core
mkdir -p /run/dbus
cat >"$work/bus.conf" <<'BUS'
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
BUS
"$from/usr/bin/dbus-daemon" --config-file="$work/bus.conf" --nofork --nopidfile </dev/null >"$work/bus.log" 2>&1 &
bus=$!
for _ in $(seq 50); do [ ! -S /run/dbus/system_bus_socket ] || break; sleep 0.1; done
"$python" "$from/usr/sbin/firewalld" --nofork --nopid </dev/null >"$work/log" 2>&1 &
daemon=$!
# Killed, it leaves its rules; if it ended normally, it would remove them.
trap 'kill -9 $daemon $bus 2>/dev/null || true' EXIT
trap 'exit 143' TERM
printf '#!/bin/sh\nexec %s %s/usr/bin/firewall-cmd "$@"\n' "$python" "$from" >"$work/firewall"
chmod 755 "$work/firewall"
PATH=$work:$PATH
for _ in $(seq 100); do firewall --state >/dev/null 2>&1 && break; sleep 0.1; done
firewall --state >/dev/null || { echo "firewalld.sh: it did not start: $(tail -3 "$work/log")" >&2; exit 1; }
"$@"
