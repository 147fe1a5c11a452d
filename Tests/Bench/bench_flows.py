# SPDX-License-Identifier: GPL-3.0-or-later
"""What rules cost for each packet of an established flow. Used by bench.py, in namespaces of its own."""

import statistics

OWN, PEER, OTHER, PORT = "10.13.0.1", "10.13.1.1", "10.13.1.2", "20000"

USUAL = f"""table inet usual {{
	chain input {{
		type filter hook input priority 0; policy drop;
		ct state established,related accept
		iif lo accept
		iifname "wg0" ip saddr {PEER} udp dport {PORT} accept
	}}
	chain forward {{
		type filter hook forward priority 0; policy drop;
		ct state established,related accept
		iifname "wg0" oifname "wg0" ip saddr {PEER} udp dport {PORT} accept
	}}
}}
"""

# Connection tracking alone, which every stateful firewall needs.
TRACKED = """table inet tracked {
	chain input {
		type filter hook input priority 0; policy accept;
		ct state invalid counter
	}
}
"""

POLICY = f"""version: 1
tunnels:
  wg0: {{ prefixes: [10.13.0.0/16], listen: 51820, hub: gateway }}
machines:
  gateway: {{ addresses: {{ wg0: {OWN} }}, endpoint: [203.0.113.10] }}
  laptop-0: {{ addresses: {{ wg0: {PEER} }} }}
  laptop-1: {{ addresses: {{ wg0: {OTHER} }} }}
services:
  apps: [20000/udp, 20001/udp, 20002/udp, 20003/udp, 20004/udp]
allow:
  - {{ to: gateway, services: [apps], from: [laptop-0, laptop-1] }}
  - {{ to: laptop-1, services: [apps], from: laptop-0 }}
"""

KINDS = {"upload": ("established", PEER, OWN), "download": ("established", PEER, OWN, "reply"),
         "relayed": ("relayed", PEER, OTHER)}


class Host:
    """A namespace with a TUN device that has the name of the tunnel, and rules."""

    def __init__(self, do, fresh_namespace, enter, *commands):
        fresh_namespace()
        self.do, self.enter = do, enter
        do("ip", "link", "set", "lo", "up")
        do("ip", "tuntap", "add", "wg0", "mode", "tun")
        do("ip", "address", "add", f"{OWN}/16", "dev", "wg0")
        do("ip", "link", "set", "wg0", "up")
        for path, value in (("ip_forward", "1"), ("conf/all/rp_filter", "0"), ("conf/all/send_redirects", "0"),
                            ("conf/default/send_redirects", "0"), ("conf/wg0/send_redirects", "0")):
            with open(f"/proc/sys/net/ipv4/{path}", "w", encoding="ascii") as file:
                file.write(value)
        for command in commands:
            do(*command)
        self.file = open("/proc/self/ns/net", "rb")

    def packet(self, tool, kind, count):
        """Nanoseconds of one packet, sending included."""
        command, peer, own, *more = KINDS[kind]
        self.enter(self.file.fileno())
        return int(self.do(tool, command, "wg0", peer, own, PORT, str(count), *more)) / count


def measure(tool, setups, rounds, count, *helpers):
    """Nanoseconds above no firewall by kind and setup: two hosts of each setup, in opposite orders, interleaved."""
    names = list(setups)
    order = names + names[::-1]
    hosts = [Host(*helpers, *setups[name]) for name in order]
    found = {}
    for kind in KINDS:
        results = [[] for _ in hosts]
        for turn in range(rounds):
            for number in range(len(hosts)):
                at = (number + turn) % len(hosts)
                if kind == "relayed" and order[at] in ("ufw", "firewalld"):
                    continue
                results[at].append(hosts[at].packet(tool, kind, count))
        medians = [statistics.median(result) if result else None for result in results]
        each = {name: None if medians[at] is None else (medians[at] + medians[-1 - at]) / 2 for at, name in enumerate(names)}
        found[kind] = {name: None if value is None else value - each["none"] for name, value in each.items()}
        found[kind]["sending"] = each["none"]
    return found
