# SPDX-License-Identifier: GPL-3.0-or-later
"""audit.py REPORT ZONE SENDER ADDRESS PROTOCOL [PORT…]: the ports of the host that an audit calls reachable.

REPORT is what `wgfence audit --format json` wrote. Prints the ports, of those named where some are, that SENDER (or anyone)
reaches by ZONE at ADDRESS. `audit.py --nmap FILE [STATE…]` prints the ports that nmap found in one of these states (open).
"""

import ipaddress
import json
import re
import sys


def show(ports):
    print(" ".join(map(str, sorted(ports))) or "none")


def found(path, states):
    ports = set()
    for line in open(path):
        if "Ports: " in line:
            for port, state in re.findall(r"(\d+)/([a-z|]+)/", line.split("Ports: ")[1]):
                if state in states:
                    ports.add(int(port))
    show(ports)


def reachable(path, zone, sender, address, protocol, *wanted):
    ports = set()
    address = ipaddress.ip_address(address)
    for listener in json.load(open(path))["listeners"]:
        own = ipaddress.ip_address(listener["address"])
        if listener["protocol"] != protocol or listener["namespace"] != "host":
            continue
        if int(own) == 0:
            if own.version != address.version and not listener["dual_stack"]:
                continue
        elif own != address:
            continue
        if any(reach["zone"] == zone and reach["verdict"] == "accept" and {sender, "anyone"} & set(reach["from"])
               for reach in listener["reachable"]):
            ports.add(listener["port"])
    show(ports if not wanted else ports & set(map(int, wanted)))


if sys.argv[1] == "--nmap":
    found(sys.argv[2], sys.argv[3:] or ["open"])
else:
    reachable(*sys.argv[1:])
