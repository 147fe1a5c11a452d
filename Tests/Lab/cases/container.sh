# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Containers: published ports are granted by the port that is published; a container's own address is closed.
# 9000 → 172.17.0.2:9000 is published and granted to laptop-eric, 15432 → 172.17.0.2:5432 is published and not granted.

policy container <<'YAML'
allow:
  - { to: onprem, services: [9000/tcp], from: laptop-eric }
  - { to: onprem, services: [5432/tcp], from: laptop-ryan }
encrypt:
  - { between: [ec2, onprem], tunnel: wg0 }
YAML

ip -n laptop-eric route replace 172.17.0.0/16 dev wg0
ip -n ec2 route replace 172.17.0.0/16 dev wg0
node ec2 wg set wg0 peer "$(cat "$LAB/onprem/public")" \
  allowed-ips '10.13.13.2/32,fd13:13::2/128,192.168.1.0/24,fd68:1::/64,172.17.0.0/16'
node laptop-eric wg set wg0 peer "$(cat "$LAB/ec2/public")" \
  allowed-ips '10.13.13.0/24,fd13:13::/64,192.168.1.0/24,fd68:1::/64,172.17.0.0/16'

try46 "without a policy a published port is open to the internet" open tcp internet 198.51.100.7 2001:db8:198::7 15432
try46 "without a policy the container's own address is open by routing" open tcp internet 172.17.0.2 fd17::2 5432
try "without a policy the container's own address is open through the tunnel" open tcp laptop-eric 172.17.0.2 5432
settle

enforce container onprem
try46 "a published and granted port is open through the tunnel" open tcp laptop-eric 10.13.13.2 fd13:13::2 9000
try46 "but not to another machine of the tunnel" silent tcp laptop-ryan 10.13.13.2 fd13:13::2 9000
try46 "and not to the internet" silent tcp internet 198.51.100.7 2001:db8:198::7 9000
try46 "a published port without a grant is closed to the internet" silent tcp internet 198.51.100.7 2001:db8:198::7 15432
try46 "and in the tunnel" silent tcp laptop-eric 10.13.13.2 fd13:13::2 15432
try46 "a grant of the container's inner port does not open the published one" silent \
  tcp laptop-ryan 10.13.13.2 fd13:13::2 15432
try46 "nor does it open anything but the host's own port" open tcp laptop-ryan 10.13.13.2 fd13:13::2 5432
try46 "the container's own address is closed to the internet" silent tcp internet 172.17.0.2 fd17::2 5432
try46 "on the granted port too" silent tcp internet 172.17.0.2 fd17::2 9000
try46 "and on ports that are not published" silent tcp internet 172.17.0.2 fd17::2 22
try "and through the tunnel" silent tcp laptop-eric 172.17.0.2 9000
try46 "and from the LAN" silent tcp lan 172.17.0.2 fd17::2 9000
try46 "the container reaches out" open tcp container 198.51.100.66 2001:db8:198::66 7
try46 "and by UDP" answered udp container 198.51.100.66 2001:db8:198::66 7
try46 "and pings" answered echo_request container 198.51.100.66 2001:db8:198::66
try46 "the host reaches its container" open tcp onprem 172.17.0.2 fd17::2 5432
try46 "the container does not reach the host's ungranted ports" silent tcp container 172.17.0.1 fd17::1 8888
try46 "nor by another address of the host" silent tcp container 198.51.100.7 2001:db8:198::7 8888
settle

# A session through DNAT: only its first packet meets the nat table, every packet meets the grant.
policy published-revoked <<'YAML'
allow:
  - { to: onprem, services: [5432/tcp], from: laptop-ryan }
YAML
for target in 10.13.13.2 fd13:13::2; do
  enforce container onprem
  session published laptop-eric $target 9000
  ask published say
  verdict "a session to $target of a published port lives" alive "$(answer_of published)"
  enforce published-revoked onprem
  ask published say
  verdict "and dies at its next packet when the grant is removed" dead "$(answer_of published)"
  forget_connections onprem
  ask published say
  verdict "and stays dead when connection tracking is flushed" dead "$(answer_of published)"
  hang_up published
done

ip -n laptop-eric route del 172.17.0.0/16 dev wg0
ip -n ec2 route del 172.17.0.0/16 dev wg0
