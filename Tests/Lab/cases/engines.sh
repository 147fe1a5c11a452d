# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Beside a real podman and a real libvirt on onprem, started before and after the policy is in force. The virtual machine of
# libvirt's network is a network namespace on its bridge, which asks libvirt's DHCP and DNS server.

# shellcheck source=Tests/Lab/neighbours.sh disable=SC2154
policy engines <<'YAML'
services:
  shop: 18080/tcp
allow:
  - { to: onprem, services: [shop], from: laptop-eric }
  - { to: onprem, services: [dns, dhcp, 9100/tcp], from: containers }
failsafe:
  - { to: onprem, services: [ssh], from: laptop-eric }
tests:
  - { from: internet, to: onprem, deny: all }
  - { from: containers, to: onprem, allow: [dns, dhcp], deny: [ssh, shop] }
YAML

for tool in usr/bin/podman usr/sbin/libvirtd usr/sbin/dnsmasq bin/busybox; do
  if [ ! -x "$neighbours/$tool" ]; then
    skip "beside a real podman and libvirt" "Debian's ${tool##*/} is not there: scripts/setup.sh test"
    return
  fi
done

engines_at=$LAB/onprem/engines
mkdir -p "$engines_at"/{image/bin,image/www,image/etc,drivers,programs}

# engines_up: mounts in which the unpacked programs are where they expect themselves, and /etc is a copy.
engines_up() {
  cp "$neighbours"/usr/lib/*/libvirt/connection-driver/libvirt_driver_network.so "$engines_at/drivers/"
  nsenter -t "${NODE_PID[onprem]}" -u -p --net=/run/netns/onprem -- unshare -m bash -c '
    set -e
    mount -t proc proc /proc
    mount -t sysfs sysfs /sys
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mount -t tmpfs tmpfs "$2/programs"
    mkdir -p "$2/programs/upper" "$2/programs/work" "$2/programs/bin"
    for tool in iptables ip6tables; do ln -s "$(command -v xtables-nft-multi)" "$2/programs/bin/$tool"; done
    mount -t overlay overlay -o "lowerdir=$1/usr:/usr" /usr
    [ ! -d "$1/lib" ] || mount -t overlay overlay -o "lowerdir=$1/lib:/usr/lib" /usr/lib
    mount -t overlay overlay -o "lowerdir=/etc,upperdir=$2/programs/upper,workdir=$2/programs/work" /etc
    for folder in lib cache log; do mount -t tmpfs tmpfs /var/$folder; done
    mkdir -p /etc/libvirt /etc/containers /run/libvirt
    printf "auth_unix_rw = \"none\"\nunix_sock_group = \"root\"\n" >/etc/libvirt/libvirtd.conf
    printf "{\"default\":[{\"type\":\"insecureAcceptAnything\"}]}" >/etc/containers/policy.json
    printf "[storage]\ndriver = \"vfs\"\nrunroot = \"/run/containers\"\ngraphroot = \"/var/lib/containers\"\n" >/etc/containers/storage.conf
    printf "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\nruntime = \"crun\"\n[network]\nnetwork_backend = \"netavark\"\n" >/etc/containers/containers.conf
    echo $$ >"$2/pid"
    exec sleep infinity' _ "$neighbours" "$engines_at" </dev/null >"$engines_at/mounts" 2>&1 &
  ENGINES=$!
  until_true 5 test -s "$engines_at/pid"
}

engine() {
  nsenter -t "$(child_of "$ENGINES" | head -1)" -m -u -p --net=/run/netns/onprem -- \
    env PATH="$engines_at/programs/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" HOME=/var/lib \
    LIBVIRT_DRIVER_DIR="$engines_at/drivers" "$@"
}
virsh() { engine virsh -q -c network:///system "$@"; }

cat >"$engines_at/network.xml" <<'XML'
<network>
  <name>lab</name>
  <bridge name="virbr0"/>
  <forward mode="nat"><nat ipv6="yes"/></forward>
  <dns><host ip="192.168.122.9"><hostname>known.test</hostname></host></dns>
  <ip address="192.168.122.1" netmask="255.255.255.0">
    <dhcp><range start="192.168.122.50" end="192.168.122.99"/></dhcp>
  </ip>
  <ip family="ipv6" address="fd22::1" prefix="64"/>
</network>
XML
cat >"$engines_at/leased" <<'SH'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip -4 addr flush dev "$interface"
ip addr add "$ip/24" dev "$interface"
ip route replace default via "$router"
SH
chmod 755 "$engines_at/leased"
cp "$neighbours/bin/busybox" "$engines_at/image/bin/"
echo hello >"$engines_at/image/www/index.html"

busybox() { local n=$1; shift; node "$n" "$neighbours/bin/busybox" "$@"; }

# plug: the virtual machine's cable into libvirt's bridge.
plug() {
  cable onprem vnet0 vm eth0
  ip -n onprem link set vnet0 master virbr0
  address vm eth0 fd22::50/64
  ip -n vm -6 route add default via fd22::1
  # libvirt's bridges use the spanning tree protocol: a port forwards after its delay.
  until_true 10 forwards vnet0
}
forwards() { ip -n onprem -d link show "$1" | grep 'state forwarding'; }
libvirt_up() { virsh net-create "$engines_at/network.xml" >>"$engines_at/said" 2>&1 && plug; }
libvirt_down() { virsh net-destroy lab >>"$engines_at/said" 2>&1; ip -n onprem link del vnet0; }

podman() { engine podman "$@" >>"$engines_at/said" 2>&1; }
pod_up() {
  podman run -d --name shop --cgroups=disabled --rootfs --network shops -p 18080:8080 \
    "$engines_at/image" /bin/busybox httpd -f -p 8080 -h /www &&
    podman run -d --name client --cgroups=disabled --rootfs --network shops \
      "$engines_at/image" /bin/busybox sleep 3600
}
pod_down() { podman rm -f -t 0 shop client; }
# inside COMMAND…: in the network of the container `client`.
inside() {
  engine nsenter --net="$(engine podman inspect -f '{{.NetworkSettings.SandboxKey}}' client)" -- "$@"
}
pod_tcp() { shift; inside "$PYTHON" "$PROBE" tcp "$@"; }

lease() { if busybox vm udhcpc -f -n -q -t 8 -T 1 -i eth0 -s "$engines_at/leased" >/dev/null 2>&1; then echo leased; else echo none; fi; }
name_of() { if "$@" 2>/dev/null | matches 192.168.122.9; then echo known; else echo unknown; fi; }
resolved() { name_of busybox vm nslookup known.test "$1"; }
pod_resolved() {
  if inside "$neighbours/bin/busybox" nslookup shop.dns.podman "$1" 2>/dev/null | matches 10.89.9.; then echo known; else echo unknown; fi
}

# everything WHEN SHOP: what guests need, and who reaches the published port: SHOP for those who are not granted it.
everything() {
  verdict "$1: the virtual machine gets an address by DHCP" leased "$(lease)"
  try "$1: it asks libvirt's DNS server" known resolved 192.168.122.1
  try "$1: and over IPv6" known resolved fd22::1
  try46 "$1: it reaches the internet" open tcp vm 198.51.100.66 2001:db8:198::66 7
  try "$1: a container asks podman's DNS server" known pod_resolved 10.89.9.1
  try46 "$1: it reaches the internet" open pod_tcp client 198.51.100.66 2001:db8:198::66 7
  try46 "$1: and the other container" open pod_tcp client "$shop4" "$shop6" 8080
  try46 "$1: the published port answers in the tunnel" open tcp laptop-eric 10.13.13.2 fd13:13::2 18080
  try46 "$1: the published port, to who is not granted it" "$2" tcp laptop-ryan 10.13.13.2 fd13:13::2 18080
  try46 "$1: the published port, to the internet" "$2" tcp internet 198.51.100.7 2001:db8:198::7 18080
  try "$1: the host's other services, to the virtual machine" "$2" tcp vm 192.168.122.1 9999
  settle
}

new_nodes vm
engines_up || die "no mounts for the engines: $(cat "$engines_at/mounts")"
engine libvirtd -f /etc/libvirt/libvirtd.conf >"$engines_at/libvirtd.log" 2>&1 </dev/null &
until_true 10 virsh net-list
podman network create --ipv6 --subnet 10.89.9.0/24 --subnet fd89:9::/64 shops
verdict "podman makes a network" yes "$(engine podman network exists shops && echo yes)"
addresses() {
  shop4=$(engine podman inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' shop)
  shop6=$(engine podman inspect -f '{{range .NetworkSettings.Networks}}{{.GlobalIPv6Address}}{{end}}' shop)
}

# The attacker can route a packet to a container's own address by itself.
ip -n internet route add 10.89.9.0/24 via 198.51.100.7
ip -n internet -6 route add fd89:9::/64 via 2001:db8:198::7

pod_up
addresses
libvirt_up
verdict "podman publishes a port, and libvirt has a bridge" "yes yes" \
  "$([ -n "$shop4" ] && echo yes) $(ip -n onprem link show virbr0 >/dev/null 2>&1 && echo yes)"
everything "without a policy" open

enforce engines onprem
everything "started before the policy" silent
try46 "and ssh of the host, to a container" silent pod_tcp client 10.89.9.1 fd89:9::1 22
try46 "a container's own address, from the internet" silent tcp internet "$shop4" "$shop6" 8080
settle

# Both again, while the policy is in force.
pod_down
libvirt_down
pod_up
addresses
libvirt_up
everything "started after the policy" silent
verdict "plan has nothing to change beside them" 0 \
  "$(wgfence_in onprem plan "$LAB/engines.yaml" --machine onprem >"$LAB/said" 2>&1; echo $?)"

pod_down
libvirt_down
kill "$ENGINES" 2>/dev/null
