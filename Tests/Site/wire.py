# SPDX-License-Identifier: GPL-3.0-or-later
"""What travels on the wire between onprem and ec2, with the tunnel up, down, renamed and deleted; and how long a sender waits."""

import engine
import probes
from machines import do, until
from network import OUTSIDE, TUNNEL, tunnel_up

# On both sides of the internet: at the router's, and at ec2's.
WIRES = ("to-home", "to-ec2")
BETWEEN = ("((host 198.51.100.7 and host 203.0.113.10) or (host 2001:db8:198::7 and host 2001:db8:203::10))")
INSIDE = "(net 10.0.0.0/8 or net fd13:13::/64 or net 192.168.1.0/24 or net 172.16.0.0/12)"
# Neighbour and router discovery, which belongs to a link.
NEIGHBOURS = "arp or (icmp6 and ip6[40] >= 133 and ip6[40] <= 137)"
# The sender waits less than this for its error.
AT_ONCE = 1.0


class Wire:
    """A capture of everything on both wires, from one moment to another."""

    def __init__(self, site, name):
        self.site, self.name = site, name
        for wire in WIRES:
            site["internet"].task(f"{name}-{wire}", "tcpdump", "-i", wire, "-n", "-U", "-Z", "root", "--immediate-mode",
                                  "-w", self.file(wire), f"not ({NEIGHBOURS}) and ({BETWEEN} or {INSIDE})")
        for wire in WIRES:
            if until(30, lambda: "listening on" in site["internet"].said(f"{name}-{wire}")) is None:
                raise RuntimeError(f"tcpdump on {wire}: {site['internet'].said(f'{name}-{wire}')}")

    def file(self, wire):
        return f"/machines/{self.name}-{wire}.pcap"

    def end(self):
        for wire in WIRES:
            self.site["internet"].end(f"{self.name}-{wire}", "INT")

    def packets(self, words):
        """The packets of both wires that match, as tcpdump prints them."""
        return [line for wire in WIRES for line in
                do("tcpdump", "-n", "-r", self.file(wire), words, check=False).splitlines()]

    def verdicts(self, results, when, clear):
        """Without wgfence (clear) the wire must show the clear text that it must not show with it."""
        inside, between = self.packets(INSIDE), self.packets(f"{BETWEEN} and not udp port 51820")
        if clear:
            results.verdict(f"{when}, the wire shows packets in the clear", "seen",
                            "seen" if inside or between else "nothing")
        else:
            results.verdict(f"{when}, the wire shows no address from inside", "nothing", "; ".join(inside[:3]) or "nothing")
            results.verdict(f"{when}, and between onprem and ec2 nothing but WireGuard", "nothing",
                            "; ".join(between[:3]) or "nothing")


def senders(site):
    """The places of onprem and ec2 from which packets are sent, and the addresses of the other side: in the tunnel, outside."""
    onprem, ec2 = site["onprem"], site["ec2"]
    return [(onprem, "ec2"), (engine.container(onprem, "grafana"), "ec2"), (engine.container(onprem, "site_web"), "ec2"),
            (ec2, "onprem"), (engine.container(ec2, "site_web"), "onprem")]


def outside(site, results, enforced):
    """To the public address of the other node, past the tunnel."""
    when = "with the policy" if enforced else "without the policy"
    waiting = []
    for place, other in senders(site):
        for address in OUTSIDE[other] if not place.namespace.count("docker") else OUTSIDE[other][:1]:
            waiting.append((place, address, place.start(probes.timed_tcp, address, 22),
                            place.start(probes.udp_error, address, 7000)))
    for place, address, tcp, udp in waiting:
        word, seconds = tcp.result()
        said, waited = udp.result()
        results.verdict(f"{when}, {place.name} to {address} outside the tunnel: TCP", "refused" if enforced else "open", word)
        if enforced:
            results.verdict(f"{when}, {place.name} to {address} outside the tunnel: UDP", "an error",
                            "an error" if said in ("refused", "rejected", "unreachable") else said)
            at_once(results, f"{when}, {place.name} to {address}: the sender has its errors", seconds, waited)
        else:
            results.verdict(f"{when}, {place.name} to {address} outside the tunnel: UDP", "answered", said)


def at_once(results, name, *seconds):
    worst = max(seconds)
    results.verdict(f"{name} within {AT_ONCE:.0f} s", "yes", "yes" if worst < AT_ONCE else f"{worst:.2f} s")


def tunnel_gone(site, results, enforced, states=("down", "renamed", "deleted")):
    """While a node's tunnel is not there, its packets for the tunnel go nowhere."""
    for name, other in (("onprem", "ec2"), ("ec2", "onprem")):
        for state in states if name == "onprem" or enforced else ():
            machine = site[name]
            when = f"{'with' if enforced else 'without'} the policy, {name}'s wg0 {state}"
            wire = Wire(site, f"{'enforced' if enforced else 'open'}-{name}-{state}")
            change(machine, state)
            waiting = []
            for place, target in senders(site):
                if target == other:
                    for address in (TUNNEL[other] if place is machine else TUNNEL[other][:1]):
                        waiting.append((place, address, place.start(probes.timed_tcp, address, 9100),
                                        place.start(probes.udp_error, address, 7000)))
            for place, address, tcp, udp in waiting:
                (word, seconds), (said, waited) = tcp.result(), udp.result()
                if enforced:
                    ends = ["error" if one in ("refused", "rejected", "unreachable") else one for one in (word, said)]
                    results.verdict(f"{when}: TCP and UDP of {place.name} to {address} end in errors", "error error",
                                    " ".join(ends))
                    at_once(results, f"{when}: {place.name} to {address} has them", seconds, waited)
            wire.end()
            wire.verdicts(results, when, not enforced)
            restore(machine, state)
            # A peer notices only after some seconds that the other side has a new session.
            took = until(120, works, site)
            results.verdict(f"{when} and back: the tunnel works for onprem and the laptop", "yes",
                            "yes" if took is not None else "not in 120 s")


def works(site):
    """Whether packets of both peers of the hub pass, in both phases."""
    return all(site[name].run(probes.tcp, TUNNEL["ec2"][0], port, None, 3) == "open"
               for name, port in (("onprem", 9100), ("laptop", 22)))


def change(machine, state):
    if state == "down":
        machine.ip("link", "set", "wg0", "down")
    elif state == "renamed":
        machine.ip("link", "set", "wg0", "down")
        machine.ip("link", "set", "wg0", "name", "wg9")
        machine.ip("link", "set", "wg9", "up")
    else:
        machine.ip("link", "delete", "wg0")


def restore(machine, state):
    if state == "renamed":
        machine.ip("link", "delete", "wg9")
    if state in ("renamed", "deleted"):
        tunnel_up(machine)
        return
    machine.ip("link", "set", "wg0", "up")
    # The kernel forgets addresses of IPv6 and routes with the interface.
    machine.ip("address", "add", f"{TUNNEL[machine.name][1]}/64", "dev", "wg0", "nodad", check=False)
    if machine.name != "onprem":
        machine.ip("route", "replace", "192.168.1.0/24", "dev", "wg0")
