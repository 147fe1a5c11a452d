#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# machine.sh NAME: the first process of a machine of the site, in namespaces of its own. What a program may write there is
# memory: nothing is shared with another machine.
name=$1
state=/machines/$name
mkdir -p "$state/cgroup" "$state/etc"
echo "$name" >/proc/sys/kernel/hostname
mount --rbind /sys/fs/cgroup "$state/cgroup"
mount -t proc proc /proc
mount -t sysfs sys /sys
mount --rbind "$state/cgroup" /sys/fs/cgroup
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/{netns,wgfence,wireguard,lock} /var/lib/{docker,wgfence} /etc/{docker,wgfence,wireguard}
for folder in /var/lib/{docker,wgfence} /etc/{docker,wgfence,wireguard}; do mount -t tmpfs -o mode=711 tmpfs "$folder"; done
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$name" >"$state/etc/hosts"
printf 'nameserver 203.0.113.53\noptions timeout:2 attempts:2\n' >"$state/etc/resolv.conf"
echo "$name" >"$state/etc/hostname"
for file in hosts resolv.conf hostname; do
  [ -e "/etc/$file" ] || : >"/etc/$file"
  mount --bind "$state/etc/$file" "/etc/$file"
done
ip link set lo up
for i in all default; do
  echo 0 >"/proc/sys/net/ipv6/conf/$i/accept_dad"
  echo 0 >"/proc/sys/net/ipv6/conf/$i/accept_ra"
done
echo 0 >/proc/sys/net/ipv4/icmp_ratelimit 2>/dev/null
echo 0 >/proc/sys/net/ipv6/icmp/ratelimit 2>/dev/null
echo ready
exec >/dev/null 2>&1
trap 'exit 0' TERM
while :; do
  sleep 3600 &
  wait
done
