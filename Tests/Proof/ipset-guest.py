#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in a guest: for rules of iptables with sets of ipset, `wgfence explain --live` must say what happens to packets.

Each rule accepts datagrams to a port of its own, if the packet is in a set; the rest is dropped. A machine behind a veth sends a
datagram from each of its addresses to each port, and the host's servers say what arrived. Prints a line for each difference, a
summary, and IPSET-END."""

import json
import socket
import subprocess
import sys

PROGRAM = "/usr/sbin/wgfence"
POLICY = "/tmp/policy.yaml"
HOST4, HOST6 = "192.0.2.1", "2001:db8::1"
SENDERS4 = ["192.0.2.10", "192.0.2.11", "192.0.2.77", "192.0.2.130"]
SENDERS6 = ["2001:db8::10", "2001:db8::77"]
# The definition of each set with its elements, and of each rule the sets that it names with the sides; of a rule with an
# addition, the set and sides that the rule before it adds to. A rule beginning with ! is inverted.
SETS = """
create addresses hash:ip
add addresses 192.0.2.10
create networks hash:net
add networks 192.0.2.0/26
add networks 192.0.2.11 nomatch
create pairs hash:ip,port
add pairs 192.0.2.10,udp:5003
add pairs 192.0.2.11,tcp:5003
create netports hash:net,port
add netports 192.0.2.64/26,udp:5004
create cards hash:net,iface
add cards 192.0.2.0/28,far0
add cards 192.0.2.128/25,other0
create marks hash:ip,mark
add marks 192.0.2.11,0x5
create ports bitmap:port range 5000-5100
add ports 5007
create range bitmap:ip range 192.0.2.0/25
add range 192.0.2.77
create triples hash:ip,port,ip
add triples 192.0.2.77,udp:5009,192.0.2.1
create lists list:set
add lists addresses
add lists netports
create learned hash:ip
create short hash:ip netmask 25
add short 192.0.2.10
create counted hash:ip counters
add counted 192.0.2.10
create six hash:ip family inet6
add six 2001:db8::10
create sixnets hash:net family inet6
add sixnets 2001:db8::/122
create timed hash:ip timeout 1000
add timed 192.0.2.11
"""
RULES = [
    # port, match of a set, preceding rule or None
    (5000, "addresses src", None), (5001, "! addresses src", None), (5002, "networks src", None),
    (5003, "pairs src,dst", None), (5004, "netports src,dst", None), (5005, "cards src,src", None),
    (5006, "marks src,src", "MARK --set-mark 0x5"), (5007, "ports dst", None), (5008, "range src", None),
    (5009, "triples src,dst,dst", None), (5010, "lists src,dst", None), (5004 + 7, "learned src", "SET --add-set learned src"),
    (5012, "short src", None), (5013, "counted src", None), (5014, "timed src", None), (5015, "addresses dst", None),
    (5016, "! networks src,dst", None), (5017, "pairs src", None),
]
RULES6 = [(5020, "six src", None), (5021, "! sixnets src", None)]


def do(*command, text=None, check=True):
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if check and done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}\nIPSET-END")
    return done.stdout


def rules(entries):
    lines = ["*filter", ":INPUT DROP [0:0]", ":FORWARD ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]"]
    for port, match, before in entries:
        words = match.split()
        inverted = words[0] == "!"
        name, sides = words[-2:]
        head = f"-A INPUT -p udp -m udp --dport {port}"
        if before and before.startswith("SET"):
            lines.append(f"{head} -j {before}")
        lines.append(f"{head} -m set {'! ' if inverted else ''}--match-set {name} {sides} -j ACCEPT")
    marks = [f"-A PREROUTING -p udp -m udp --dport {port} -j {before}"
             for port, _, before in entries if before and before.startswith("MARK")]
    if marks:
        lines = ["*mangle", *marks, "COMMIT"] + lines
    return "\n".join(lines) + "\nCOMMIT\n"


def predicted(source, port):
    done = subprocess.run([PROGRAM, "explain", POLICY, "--machine", "host", "--live", "--from", source, "--over", "far0",
                           "--to", f"{port}/udp", "--destination", HOST6 if ":" in source else HOST4, "--format", "json"],
                          capture_output=True, text=True)
    try:
        return json.loads(done.stdout)["verdict"]
    except (ValueError, KeyError):
        return f"error: {done.stderr.strip()}"


def main():
    for module in ("ip_set", "xt_set", "ip_set_list_set"):
        do("modprobe", module)
    do("ip", "link", "set", "lo", "up")
    do("ip", "netns", "add", "far")
    do("ip", "link", "add", "far0", "type", "veth", "peer", "name", "eth0", "netns", "far")
    for address in (f"{HOST4}/24", f"{HOST6}/64"):
        do("ip", "address", "add", address, "dev", "far0", *(["nodad"] if ":" in address else []))
    do("ip", "link", "set", "far0", "up")
    do("ip", "-n", "far", "link", "set", "eth0", "up")
    for address in [f"{one}/24" for one in SENDERS4] + [f"{one}/64" for one in SENDERS6]:
        do("ip", "-n", "far", "address", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))
    with open(POLICY, "w") as file:
        file.write("version: 1\ntunnels:\n  wg0: { prefixes: [10.13.13.0/24], listen: 51820 }\nmachines:\n"
                   "  host: { addresses: { wg0: 10.13.13.1 } }\nallow:\n  - { to: host, services: [ssh], from: wg0 }\n")
    servers = {}
    for port, _, _ in RULES + RULES6:
        servers[port] = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        servers[port].bind(("::", port))
        servers[port].settimeout(0.3)
    probe = ("import socket, sys\n"
             "for line in sys.stdin:\n"
             "    source, destination, port = line.split()\n"
             "    s = socket.socket(socket.AF_INET6 if ':' in source else socket.AF_INET, socket.SOCK_DGRAM)\n"
             "    s.bind((source, 0)); s.sendto(b'x', (destination, int(port))); s.close(); print('sent', flush=True)\n")
    far = subprocess.Popen(["ip", "netns", "exec", "far", sys.executable, "-c", probe], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, text=True, bufsize=1)
    # Neighbours are found before a rule can drop anything.
    do("ip", "netns", "exec", "far", "ping", "-c1", "-W2", HOST4, check=False)
    do("ip", "netns", "exec", "far", "ping", "-6", "-c1", "-W2", HOST6, check=False)
    count = wrong = undetermined = accepted = 0
    for kind in ("nft", "legacy"):
        do("ipset", "restore", text=SETS)
        do(f"iptables-{kind}-restore", text=rules(RULES))
        # Neighbour discovery.
        do(f"ip6tables-{kind}-restore", text=rules(RULES6).replace("COMMIT", "-A INPUT -p ipv6-icmp -j ACCEPT\nCOMMIT"))
        for family, senders, entries in ((4, SENDERS4, RULES), (6, SENDERS6, RULES6)):
            for port, match, before in entries:
                for source in senders:
                    if before and before.startswith("SET"):
                        do("ipset", "flush", "learned")
                    said = predicted(source, port)
                    far.stdin.write(f"{source} {HOST6 if family == 6 else HOST4} {port}\n")
                    far.stdout.readline()
                    try:
                        servers[port].recvfrom(16)
                        seen = "accept"
                    except TimeoutError:
                        seen = "drop"
                    count += 1
                    accepted += seen == "accept"
                    undetermined += said == "undetermined"
                    if said not in (seen, "undetermined"):
                        wrong += 1
                        print(f"IPSET {kind}: {source} to {port} ({match}): said {said}, seen {seen}")
                    elif said == "undetermined":
                        print(f"IPSET {kind}: {source} to {port} ({match}): undetermined, seen {seen}")
        for program in (f"iptables-{kind}", f"ip6tables-{kind}"):
            do(program, "-P", "INPUT", "ACCEPT")
            do(program, "-F")
        do(f"iptables-{kind}", "-t", "mangle", "-F")
        do("ipset", "destroy", "lists")
        do("ipset", "destroy")
    print(f"IPSET {count} packets, {accepted} accepted, {undetermined} undetermined, {wrong} wrong")


main()
print("IPSET-END", flush=True)
