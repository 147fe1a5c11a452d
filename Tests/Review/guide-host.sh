# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A host on which the pages for users are tried: a machine of its own (network, processes, mounts, name), with an empty
# /etc/wgfence, /var/lib/wgfence and /run/wgfence, and stand-ins for sudo, apt-get and systemctl. Sourced after Tests/Lab/lib.sh.
#
#   laptop 203.0.113.10 --- internet (and the attacker) --- 198.51.100.7 server
#   wg0: server 10.77.0.1, laptop 10.77.0.2; the same in fd77::/64
#
# On the server, process 1 is in the server's own network namespace. So wgfence takes this network for the machine's own,
# needs --host there, and uses the default folders.

TUN=([server]=10.77.0.1 [laptop]=10.77.0.2)

# block FILE N: the N-th block of shell commands of a page.
block() { awk -v wanted="$2" '/^```/ { if (inside) { inside = 0; next } if ($0 == "```sh") { n++; inside = n == wanted; next } } inside' "$1"; }
# said_on_page FILE N: what the page says that this block prints: a block of text directly after it.
said_on_page() {
  awk -v wanted="$2" '
    inside { if (/^```/) { if (text) exit; inside = 0; after = n == wanted } else if (text) print; next }
    /^```/ { text = after && $0 == "```text"; inside = 1; if (after && !text) exit; if ($0 == "```sh") n++; next }
    after && NF { exit }' "$1"
}
# blocks FILE: how many it has.
blocks() { grep -c '^```sh$' "$1"; }

# missing FILE: the lines of a text that $LAB/said does not have. Numbers and times differ from host to host.
missing() {
  plain() { sed -E 's/[0-9a-f]{16}/ID/g; s/[0-9T:-]{19}Z/TIME/g; s/(^|[^.0-9:/])[0-9]+([^.0-9:/a-z]|$)/\1N\2/g; s/:[0-9]+ /:N /g' "$1"; }
  grep -vxFf <(plain "$LAB/said") <(plain "$1")
}

# machine_up NODE: like new_nodes, but the node's first process is in the node's network.
machine_up() {
  local n=$1 line
  ip netns add "$n"
  exec {line}< <(exec nsenter --net="/run/netns/$n" unshare -m -u -p --fork --kill-child bash -c '
    read -r pid _ </proc/self/stat
    mkdir -p "$2/$1"
    echo "$1" >/proc/sys/kernel/hostname
    mount -t proc proc /proc
    mount -t sysfs sysfs /sys
    for folder in wireguard wgfence netns; do mount -t tmpfs -o mode=755 tmpfs "/run/$folder"; done
    mkdir "$2/upper" "$2/work"
    mount -t overlay -o "lowerdir=/etc,upperdir=$2/upper,workdir=$2/work" overlay /etc
    mount -t tmpfs -o mode=755 tmpfs /var/lib
    mkdir -p /etc/wireguard
    echo "$pid"
    exec >/dev/null
    sleep infinity & wait' _ "$n" "$LAB")
  read -r -t 20 "NODE_PID[$n]" <&"$line" || die "node $n did not start"
  node "$n" sh -c 'ip link set lo up; cd /proc/sys/net
    for i in all default; do echo 0 >ipv6/conf/$i/accept_dad; echo 0 >ipv6/conf/$i/accept_ra; done' 2>/dev/null
}

# keys NODE…: a key of WireGuard for each.
keys() {
  local n
  for n in "$@"; do
    (umask 077; wg genkey >"$LAB/$n/private")
    wg pubkey <"$LAB/$n/private" >"$LAB/$n/public"
  done
}

# tunnel_settings NODE PEER ENDPOINT: for `wg setconf`.
tunnel_settings() {
  cat <<WG
[Interface]
PrivateKey = $(cat "$LAB/$1/private")
ListenPort = 51820

# $2
[Peer]
PublicKey = $(cat "$LAB/$2/public")
AllowedIPs = ${TUN[$2]}/32, fd77::${TUN[$2]##*.}/128
${3:+Endpoint = $3:51820
PersistentKeepalive = 25}
WG
}

# tunnel NODE PEER ENDPOINT: wg0 of this node, with its one peer.
tunnel() {
  local n=$1
  task "$n" wireguard env LOG_LEVEL=error wireguard-go -f wg0
  tunnel_settings "$@" >"$LAB/$n/wg0.conf"
  until_true 10 node "$n" test -S /run/wireguard/wg0.sock || die "wireguard-go did not start in $n"
  node "$n" wg setconf wg0 "$LAB/$n/wg0.conf"
  address "$n" wg0 "${TUN[$n]}/24" "fd77::${TUN[$n]##*.}/64"
  ip -n "$n" link set wg0 mtu 1420 up
}

# site: the server, the laptop, the internet between them, and the tunnel.
site() {
  new_nodes internet laptop
  machine_up server
  cable internet server server eth0
  cable internet laptop laptop eth0
  address internet server 198.51.100.1/24 198.51.100.66/24 2001:db8:198::1/64 2001:db8:198::66/64
  address internet laptop 203.0.113.1/24 2001:db8:203::1/64
  address server eth0 198.51.100.7/24 2001:db8:198::7/64
  address laptop eth0 203.0.113.10/24 2001:db8:203::10/64
  default_route server 198.51.100.1 2001:db8:198::1
  default_route laptop 203.0.113.1 2001:db8:203::1
  forwarding internet
  keys server laptop
  tunnel server laptop ""
  tunnel laptop server 198.51.100.7
  node server cp "$LAB/server/wg0.conf" /etc/wireguard/wg0.conf
  until_true 10 handshaken laptop || die "no tunnel between laptop and server"
}

# stand_ins: sudo drops what sudo drops, apt-get installs this tree's files, systemctl starts the units' programs.
stand_ins() {
  mkdir -p "$LAB/bin" "$LAB/installed"
  ln -s "$ROOT" "$LAB/root"
  cat >"$LAB/bin/sudo" <<'SH'
#!/bin/sh
exec env -u SSH_CONNECTION -u SSH_CLIENT -u SSH_TTY "$@"
SH
  cat >"$LAB/bin/apt-get" <<'SH'
#!/bin/sh
# apt-get install ./wgfence_…_amd64.deb
[ "$1" = install ] && case $2 in ./wgfence_*.deb) ;; *) false ;; esac || { echo "apt-get: $*: not here" >&2; exit 100; }
cd "$LAB/root" && env DESTDIR="$LAB/installed" scripts/install.sh install >/dev/null
SH
  cat >"$LAB/bin/systemctl" <<'SH'
#!/bin/bash
# systemctl [enable|disable] [--now] UNIT…, start, stop, restart: the program of ExecStart=, as the unit would start it.
verb=$1 now=
shift
if [ "$1" = --now ]; then now=yes; shift; fi
units=$LAB/installed/usr/lib/systemd/system
stop() {
  [ ! -s "$LAB/$1.pid" ] || { kill "$(cat "$LAB/$1.pid")"; while kill -0 "$(cat "$LAB/$1.pid")" 2>/dev/null; do sleep 0.05; done; : >"$LAB/$1.pid"; } 2>/dev/null
}
start() {
  local words type
  read -ra words < <(sed -n 's|^ExecStart=/usr/sbin/||p' "$units/$1.service" | sed 's/ \$WGFENCE_DAEMON_OPTIONS//')
  type=$(sed -n 's/^Type=//p' "$units/$1.service")
  grep -q '^RuntimeDirectory=wgfence' "$units/$1.service" && install -d -m 750 /run/wgfence
  grep -q '^StateDirectory=wgfence' "$units/$1.service" && install -d -m 700 /var/lib/wgfence
  if [ "$type" = oneshot ]; then
    (cd / && exec env -i PATH="$PATH" "${words[@]}") >>"$LAB/journal" 2>&1
    return
  fi
  (cd / && exec env -i PATH="$PATH" setsid "${words[@]}") </dev/null >>"$LAB/journal" 2>&1 &
  echo $! >"$LAB/$1.pid"
  local tries
  for ((tries = 0; tries < 200; tries++)); do
    [ ! -S /run/wgfence/control.sock ] || return 0
    kill -0 $! 2>/dev/null || return 1
    sleep 0.05
  done
  return 1
}
status=0
for unit in "$@"; do
  unit=${unit%.service}
  [ -e "$units/$unit.service" ] || { echo "Failed to $verb unit: Unit file $unit.service does not exist." >&2; exit 5; }
  case $verb$now in
  enable | disable) ;;
  enableyes | start) start "$unit" || status=1 ;;
  disableyes | stop) stop "$unit" ;;
  restart) stop "$unit"; start "$unit" || status=1 ;;
  *) echo "systemctl: $verb: not here" >&2; exit 1 ;;
  esac
done
exit $status
SH
  chmod +x "$LAB"/bin/*
}

# on_server FILE: the commands of this file in a new SSH session from the laptop over the tunnel. The session's connection is a
# real one, which stays open until the commands end, after 30 s at the latest. What they print is in $LAB/said; the status is that of the last one.
SESSIONS=0
on_server() {
  local name port status
  SESSIONS=$((SESSIONS + 1))
  name=session$SESSIONS port=$((40000 + SESSIONS))
  session "$name" laptop 10.77.0.1 22 --source-port $port
  node server env -i PATH="$LAB/bin:$LAB/installed/usr/sbin:$PATH" HOME=/root LAB="$LAB" WGFENCE="$WGFENCE" NO_COLOR=1 \
    SSH_CONNECTION="10.77.0.2 $port 10.77.0.1 22" timeout 30 bash -e "$1" </dev/null >"$LAB/said" 2>&1
  status=$?
  hang_up "$name"
  return $status
}
