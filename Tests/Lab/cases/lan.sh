# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Traffic that onprem routes between its LAN and the tunnel.

policy lan <<'YAML'
services:
  printing: [631/tcp, 9100/tcp]
  traefik-ui: 8080/tcp
allow:
  - { to: onprem.lan, services: [printing], from: ec2 }
  - { to: ec2, services: [traefik-ui], from: onprem.lan }
YAML

try46 "without a policy the tunnel reaches the whole LAN" open tcp visitor 192.168.1.20 fd68:1::20 22
try46 "without a policy the internet reaches the LAN by routing" open tcp internet 192.168.1.20 fd68:1::20 22
try46 "without a policy the LAN reaches the whole hub" open tcp lan 10.13.13.1 fd13:13::1 9999
settle

enforce lan onprem ec2
try46 "a granted service in the LAN is open" open tcp ec2 192.168.1.20 fd68:1::20 9100
try46 "another port of the same host is not" silent tcp ec2 192.168.1.20 fd68:1::20 22
try46 "nor the granted port from another peer" silent tcp laptop-eric 192.168.1.20 fd68:1::20 9100
try46 "nor from the internet" silent tcp internet 192.168.1.20 fd68:1::20 9100
try46 "the same port of the router itself is not in the grant" silent tcp ec2 192.168.1.1 fd68:1::1 9100
try46 "a grant out of the LAN is open" open tcp lan 10.13.13.1 fd13:13::1 8080
try46 "another port there is not" silent tcp lan 10.13.13.1 fd13:13::1 9999
try46 "nor does the LAN get past the hub" silent udp lan 10.13.13.10 fd13:13::10 7
try46 "nor does onprem forward from the LAN to the internet" silent tcp lan 198.51.100.66 2001:db8:198::66 7
settle

# Each side alone drops the packets, too.
unload ec2
try46 "onprem alone keeps the LAN's other ports closed" silent tcp ec2 192.168.1.20 fd68:1::20 22
try46 "onprem alone keeps the LAN from other ports of the hub" silent tcp lan 10.13.13.1 fd13:13::1 9999
settle
unload onprem
enforce lan ec2
try46 "the hub alone keeps its other ports closed to the LAN" silent tcp lan 10.13.13.1 fd13:13::1 9999
settle
