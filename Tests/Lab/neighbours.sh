# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Other programs on onprem, as Debian ships them and unpacked by scripts/setup.sh: Docker, ufw, and nmap to look from
# outside.

neighbours=$ROOT/.build/neighbours
docker_at=$LAB/onprem/docker
docker_path=$LAB/programs:$neighbours/usr/sbin:$neighbours/usr/bin:$PATH
docker_libraries=$neighbours/lib/$(uname -m)-linux-gnu:$neighbours/usr/lib/$(uname -m)-linux-gnu

# docker ARGUMENT…: Docker's command line, asking the one on onprem.
docker() { "$neighbours/usr/bin/docker" -H "unix://$docker_at/socket" "$@"; }

# dockerd_up [OPTION…]: dockerd of onprem's network, with processes, mounts and state below the lab, its cgroups below
# $LAB_CGROUP.
DOCKERD=
dockerd_up() {
  local tool
  mkdir -p "$docker_at" "$LAB/programs" "$LAB/cgroup"
  for tool in iptables ip6tables; do ln -sf "$(command -v xtables-nft-multi)" "$LAB/programs/$tool"; done
  # From the lab's mounts and not from the node's, whose /sys hides the cgroups.
  nsenter -t "${NODE_PID[onprem]}" -u -p --net=/run/netns/onprem -- unshare -m bash -c '
    mount -t proc proc /proc
    mount --rbind /sys/fs/cgroup "$1"
    mount -t sysfs sysfs /sys
    mount --rbind "$1" /sys/fs/cgroup
    mkdir -p /run/docker /run/containerd
    echo $$ >"$2/lab.pid"
    shift 2
    exec "$@"' _ "$LAB/cgroup" "$docker_at" \
    env PATH="$docker_path" LD_LIBRARY_PATH="$docker_libraries" HOME="$docker_at" \
    dockerd --data-root "$docker_at/data" --exec-root "$docker_at/exec" --pidfile "$docker_at/pid" \
    -H "unix://$docker_at/socket" --storage-driver vfs --cgroup-parent "/$LAB_CGROUP" --exec-opt native.cgroupdriver=cgroupfs \
    --userland-proxy-path "$neighbours/usr/sbin/docker-proxy" "$@" </dev/null >"$docker_at/log" 2>&1 &
  DOCKERD=$!
  until_true 20 docker version
}
dockerd_down() {
  node onprem kill "$(cat "$docker_at/lab.pid")" 2>/dev/null
  wait "$DOCKERD" 2>/dev/null
}

# One megabyte, from no registry: busybox as httpd. The trap ends it at once.
docker_image() {
  local image=$LAB/image
  mkdir -p "$image/bin" "$image/www"
  cp "$neighbours/bin/busybox" "$image/bin/"
  ln -s busybox "$image/bin/sh"
  ln -s busybox "$image/bin/httpd"
  echo hello >"$image/www/index.html"
  tar -C "$image" -c . |
    docker import -c 'CMD ["sh", "-c", "trap \"exit 0\" TERM; httpd -f -p 8080 -h /www & wait"]' - shop:1 >/dev/null
}

# real_bridge: the bridge is Docker's own from here on, and so are the rules.
real_bridge() {
  node onprem nft delete table inet docker-like
  end_task container servers
  ip netns del container
  ip -n onprem link del docker0
}

ufw_at=$LAB/onprem/ufw

# ufw ARGUMENT…: Debian's ufw in onprem, with its files below the lab. It insists on files that root owns.
ufw() {
  node onprem env PYTHONPATH="$ufw_at/usr/lib/python3/dist-packages" PYTHONDONTWRITEBYTECODE=1 \
    "$PYTHON" "$ufw_at/usr/sbin/ufw" --rootdir="$ufw_at" --datadir="$ufw_at" "$@" >>"$ufw_at/said" 2>&1
}

ufw_files() {
  local file part
  mkdir -p "$ufw_at/usr/lib/python3" "$ufw_at/usr/sbin" "$ufw_at/usr/share" "$ufw_at/etc/default" "$ufw_at/lib"
  for part in usr/lib/python3/dist-packages usr/share/ufw usr/sbin/ufw etc/ufw etc/default/ufw lib/ufw; do
    cp -r "$neighbours/$part" "$ufw_at/$part"
  done
  # As its postinst does.
  cp "$ufw_at/usr/share/ufw/ufw.conf" "$ufw_at/usr/share/ufw/iptables/"*.rules "$ufw_at/etc/ufw/"
  # ufw must not change the lab's kernel settings.
  sed -i 's|^IPT_SYSCTL=.*|IPT_SYSCTL=|' "$ufw_at/etc/default/ufw"
  chown -R 0:0 "$ufw_at"
  for file in "$ufw_at"/etc/ufw/*.rules; do chmod 640 "$file"; done
}

# nmap_in COMMAND… -- ARGUMENT…: nmap, run by COMMAND; what it found, as it prints for grep.
nmap_in() {
  local -a by=()
  while [ "$1" != -- ]; do by+=("$1"); shift; done
  shift
  "${by[@]}" env LD_LIBRARY_PATH="$docker_libraries:$neighbours/usr/lib/$(uname -m)-linux-gnu/blas" \
    NMAPDIR="$neighbours/usr/share/nmap" "$neighbours/usr/bin/nmap" -n -Pn --disable-arp-ping -T4 \
    -oG - "$@" 2>/dev/null
}
