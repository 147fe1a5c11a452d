# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures wgfence against nft and prints one table. Started by Tests/Bench/bench.sh, inside namespaces of its own."""

import ctypes
import os
import random
import shutil
import statistics
import subprocess
import sys
import time

import bench_flows
from bench_audit import Sockets
from bench_daemon import Daemon
from bench_impact import Guests
from bench_networks import Networks, services
from bench_others import Firewalld, Ufw

WGFENCE, STATE = sys.argv[1:3]
TOOL = f"{STATE}/tool"
RUNS = int(os.environ.get("BENCH_RUNS", "5"))
ROUNDS = 3 * RUNS
PACKETS = 64 * 1000
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
MEDIAN = statistics.median


# --- namespaces and processes

def fresh_namespace():
    if LIBC.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    # Meanwhile the kernel removes the previous namespace: that is not measured.
    time.sleep(0.02)


def enter(namespace):
    if LIBC.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def do(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)}: exit status {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def timed(*command):
    """Milliseconds and MiB of one process."""
    nanoseconds, kib, status = do(TOOL, "run", *command).split()
    if status != "0":
        sys.exit(f"bench: {' '.join(command)}: exit status {status}")
    return int(nanoseconds) / 1e6, int(kib) / 1024


def interleaved(runs, *jobs):
    """Each job is (preparations, command): medians of milliseconds and MiB, every run in a fresh namespace."""
    results = [[] for _ in jobs]
    for turn in range(runs):
        for number in range(len(jobs)):
            at = (number + turn) % len(jobs)
            preparations, command = jobs[at]
            fresh_namespace()
            for preparation in preparations:
                do(*preparation)
            results[at].append(timed(*command))
    return [tuple(MEDIAN(column) for column in zip(*result)) for result in results]


def write(name, text):
    path = f"{STATE}/{name}"
    with open(path, "w") as file:
        file.write(text)
    return path


# --- inputs

def peers(count):
    return [f"10.13.{1 + n // 100}.{1 + n % 100}" for n in range(count)]


def ports(count):
    return [2000 + 3 * n for n in range(count)]


def policy(name, machines, services, blocked=None, extra=""):
    """machines × services grants, as people write them: one group, one service, one line."""
    names = [f"laptop-{n}" for n in range(machines)]
    lines = ["version: 1", "tunnels:", "  wg0: { prefixes: [10.13.0.0/16], listen: 51820 }", "machines:",
             "  gateway: { addresses: { wg0: 10.13.0.1 }, endpoint: [203.0.113.10] }"]
    lines += [f"  {n}: {{ addresses: {{ wg0: {a} }} }}" for n, a in zip(names, peers(machines))]
    lines += ["groups:", f"  laptops: [{', '.join(names)}]", "services:"]
    lines += [f"  apps: [{', '.join(f'{p}/tcp' for p in ports(services))}]"]
    if blocked:
        lines += ["lists:", f"  blocked: {{ file: {blocked} }}", "block: [blocked]"]
    lines += ["allow:", "  - { to: gateway, services: [apps], from: laptops }"]
    path = write(name + ".yaml", "\n".join(lines) + "\n" + extra)
    text = do(WGFENCE, "show", path, "--machine", "gateway")
    return path, write(name + ".nft", text)


def zone_policy(name, machines, services):
    """The same number of grants from addresses in a zone: packets that arrive by a veth, which cannot be a tunnel."""
    sources = ", ".join(peers(machines))
    apps = ", ".join(f"{p}/tcp" for p in ports(services))
    return write(name + ".yaml", f"""version: 1
tunnels:
  wg0: {{ prefixes: [10.99.0.0/16], listen: 51820 }}
machines:
  gateway:
    addresses: {{ wg0: 10.99.0.1 }}
    zones: {{ lan: {{ interfaces: [lan0], prefixes: [10.13.0.0/16] }} }}
services:
  apps: [{apps}]
allow:
  - {{ to: gateway, services: [apps], from: [{sources}] }}
""")


def apply(path):
    return (WGFENCE, "apply", path, "--machine", "gateway", "--force")


USUAL = """table inet filter {
%s	chain input {
		type filter hook input priority 0; policy drop;
		ct state established,related accept
		iif lo accept
%s	}
}
"""


def verdict_map(machines, services):
    elements = ",\n".join(f'"lan0" . {a} . tcp . {p} : accept' for a in peers(machines) for p in ports(services))
    return USUAL % (
        "	map grants {\n		typeof iifname . ip saddr . meta l4proto . th dport : verdict\n"
        "		elements = {\n%s\n}\n	}\n" % elements,
        "		iifname . ip saddr . meta l4proto . th dport vmap @grants\n")


def linear(machines, services):
    return USUAL % ("", "".join(
        f'		iifname "wg0" ip saddr {a} tcp dport {p} accept\n' for a in peers(machines) for p in ports(services)))


def prefixes(count):
    """Disjoint, sorted, of nine lengths in about the proportions of a real list; the same each time."""
    chance = random.Random(1)
    lengths, weights = list(range(16, 25)), [1, 1, 2, 4, 8, 10, 18, 16, 40]
    cursor, result = 1 << 16, []
    while len(result) < count:
        length = chance.choices(lengths, weights)[0]
        size = 1 << (24 - length)
        cursor = (cursor + size - 1) // size * size
        if cursor >> 16 in (10, 127):
            cursor = ((cursor >> 16) + 1) << 16
        result.append(f"{cursor >> 16}.{cursor >> 8 & 255}.{cursor & 255}.0/{length}")
        cursor += size + chance.randrange(1, 100)
    if cursor >= 198 << 16:
        sys.exit("bench: the prefixes do not fit")
    return result


# --- the table

ROWS = []


def figure(value, unit):
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def row(goal, what, ours, theirs, limit, unit, faster=False):
    ratio = theirs / ours if faster else ours / theirs
    met = ratio >= limit if faster else ratio <= limit
    sign, wanted = ("× faster", f"≥ {limit}") if faster else ("×", f"≤ {limit}")
    if limit < 0.01:
        ratio_text, wanted = f"1/{1 / ratio:.0f}", f"≤ 1/{1 / limit:.0f}"
    else:
        ratio_text = f"{ratio:.2f}{sign}"
    ROWS.append((goal, what, figure(ours, unit), figure(theirs, unit), ratio_text, wanted, "met" if met else "missed"))


def print_table():
    head = ("goal", "what", "ours", "theirs", "ratio", "goal ratio", "")
    widths = [max(len(r[c]) for r in ROWS + [head]) for c in range(len(head))]
    for line in [head, tuple("-" * w for w in widths)] + ROWS:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |")


# --- whole processes

def processes():
    small, small_text = policy("p50", 10, 5)
    large, large_text = policy("p10000", 100, 100)
    listed = prefixes(100_000)
    write("blocked.txt", "\n".join(listed) + "\n")
    huge, huge_text = policy("p100k", 10, 5, "blocked.txt")
    other, _ = policy("p100k-other", 10, 5, "blocked.txt",
                      "  - { to: gateway, services: [9999/tcp], from: laptop-1 }\n")
    replace = write("replace.nft", "table inet wgfence\ndelete table inet wgfence\n" + open(huge_text).read())
    interval = write("interval.nft", USUAL % (
        "	set blocked {\n		type ipv4_addr; flags interval;\n		elements = {\n%s\n}\n	}\n" % ",\n".join(listed),
        "		ip saddr @blocked drop\n"))
    hand = write("map.nft", verdict_map(100, 100))
    rules = write("linear.nft", linear(100, 100))

    ours, theirs, start, nft_start = interleaved(
        4 * RUNS + 1, ((), apply(small)), ((), ("nft", "-f", small_text)), ((), (WGFENCE, "--version")),
        ((), ("nft", "--version")))
    row("A2", "apply 50 grants : nft -f of the same text", ours[0], theirs[0], 1.3, "ms")
    row("G", "process start : 2.6 ms", start[0], 2.6, 1.0, "ms")
    note = (f"process start alone: wgfence --version {start[0]:.2f} ms, {100 * start[0] / ours[0]:.0f} % of its apply; "
            f"nft --version {nft_start[0]:.2f} ms")

    ours, own, mapped, ruled = interleaved(
        2 * RUNS + 1, ((), apply(large)), ((), ("nft", "-f", large_text)), ((), ("nft", "-f", hand)),
        ((), ("nft", "-f", rules)))
    row("A3", "apply 10,000 grants : nft -f of wgfence's own text", ours[0], own[0], 0.1, "ms")
    row("A3", "apply 10,000 grants : nft -f, verdict map by hand", ours[0], mapped[0], 0.1, "ms")
    row("A3", "apply 10,000 grants : nft -f, linear rules by hand", ours[0], ruled[0], 0.1, "ms")

    before = ((apply(huge)),)
    ours, theirs, one, whole = interleaved(
        RUNS, ((), apply(huge)), ((), ("nft", "-f", interval)), (before, apply(other)),
        (before, ("nft", "-f", replace)))
    row("A4", "apply 100,000 prefixes : nft -f, interval set", ours[0], theirs[0], 0.15, "ms")
    row("A4", "  the same, peak memory", ours[1], theirs[1], 0.35, "MiB")
    row("B", "one grant more at 100,000 prefixes, command line : nft -f of all", one[0], whole[0], 200, "ms",
        faster=True)

    ours, theirs, mapped = interleaved(
        2 * RUNS + 1, ((apply(large),), (WGFENCE, "plan", large, "--machine", "gateway")),
        ((apply(large),), ("nft", "-j", "list", "ruleset")),
        ((("nft", "-f", hand),), ("nft", "-j", "list", "ruleset")))
    row("E", "plan at 10,000 grants : nft -j list ruleset, of wgfence's table", ours[0], theirs[0], 1.0, "ms")
    row("E", "plan at 10,000 grants : nft -j list ruleset, verdict map by hand", ours[0], mapped[0], 1.0, "ms")
    return small, large, note


# --- the daemon

def daemon(small, large):
    """A changed file, one temporary grant, memory and sleep. Beside the reloads of ufw and firewalld."""
    notes = []
    for path, grants, most in ((small, "50", 10), (large, "10,000", 12)):
        fresh_namespace()
        do("ip", "link", "set", "lo", "up")
        text = open(path).read()
        more = text + "  - { to: gateway, services: [9999/tcp], from: laptop-1 }\n"
        with Daemon(WGFENCE, STATE, path) as ours:
            changes = [ours.change(more if turn % 2 == 0 else text) for turn in range(2 * RUNS + 1)]
            if any(commits != 1 for _, commits in changes):
                sys.exit(f"bench: {[commits for _, commits in changes]} commits for a change each")
            time.sleep(1)
            resident, woken = ours.facts("VmRSS", "voluntary_ctxt_switches")
            time.sleep(10)
            slept = ours.facts("voluntary_ctxt_switches")[0] - woken
            opened = MEDIAN(ours.open(3000 + 7 * turn) for turn in range(2 * RUNS + 1))
        milliseconds = MEDIAN(taken for taken, _ in changes)
        if grants == "50":
            found = reloads()
            for name, reload in found.items():
                row("A1", f"file changed to committed, 50 grants : {name} reload", milliseconds, reload,
                    1 / 1000 if name == "ufw" else 1 / 300, "ms")
            for name in {"ufw", "firewalld"} - found.keys():
                notes.append(f"A1 is not held against {name}, which is not here: scripts/setup.sh test")
        row("B", f"one temporary grant, request to commit, {grants} grants : 0.2 ms", opened, 0.2, 1.0, "ms")
        row("D", f"daemon resident, {grants} grants : {most} MiB", resident / 1024, most, 1.0, "MiB")
        notes.append(f"{grants} grants: file changed to committed {milliseconds:.2f} ms, one commit each; "
                     f"woken {slept} times in 10 s of nothing")
    return "\n".join(notes)


def audit(small):
    """An audit of 10,000 listening sockets, compared with programs that only list them."""
    fresh_namespace()
    for command in (("ip", "link", "set", "lo", "up"), ("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far"),
                    ("ip", "address", "add", "198.51.100.7/24", "dev", "eth0"), ("ip", "link", "set", "far", "up"),
                    ("ip", "link", "set", "eth0", "up")):
        do(*command)
    audited = (WGFENCE, "audit", small, "--machine", "gateway")
    with Sockets(10_000, 200):
        runs = {"bare": [timed(WGFENCE, "audit", "--format", "json", "--fail-on", "never") for _ in range(2 * RUNS + 1)]}
        do(*apply(small))
        jobs = {"audit": audited, "json": (*audited, "--format", "json"), "ss": ("ss", "-tulnp")}
        for _ in range(2 * RUNS + 1):
            for name, command in jobs.items():
                runs.setdefault(name, []).append(timed(*command))
    took = {name: tuple(MEDIAN(column) for column in zip(*results)) for name, results in runs.items()}
    row("audit", "10,000 sockets, 50 grants : 200 ms", took["audit"][0], 200, 1.0, "ms")
    row("audit", "its memory : 64 MiB", took["audit"][1], 64, 1.0, "MiB")
    return (f"audit of 10,000 sockets: text {took['audit'][0]:.0f} ms, {took['audit'][1]:.0f} MiB; JSON {took['json'][0]:.0f} ms, "
            f"{took['json'][1]:.0f} MiB; without a policy, 10,000 findings, JSON {took['bare'][0]:.0f} ms, {took['bare'][1]:.0f} MiB; "
            f"ss -tulnp, which lists them, {took['ss'][0]:.0f} ms, {took['ss'][1]:.0f} MiB")


def large_hosts():
    """Audits of hosts with many container networks, many containers, and many services of a cluster."""
    def audits(runs):
        taken = [timed(WGFENCE, "audit", "--format", "json", "--fail-on", "never") for _ in range(runs)]
        return tuple(MEDIAN(column) for column in zip(*taken))
    notes = []
    for networks, containers, most, runs in ((60, 60, 200, 3), (60, 1_000, 2_000, 1)):
        fresh_namespace()
        with Networks(networks, containers):
            milliseconds, mebibytes = audits(runs)
        row("audit", f"{networks} container networks, {containers:,} containers : {most / 1000:g} s", milliseconds, most, 1.0, "ms")
        notes.append(f"{networks} networks with {containers:,} containers {milliseconds:.0f} ms, {mebibytes:.0f} MiB")
    fresh_namespace()
    services(5_000)
    milliseconds, mebibytes = audits(1)
    row("audit", "a cluster's node with 5,000 services : 3 s", milliseconds, 3_000, 1.0, "ms")
    notes.append(f"5,000 services {milliseconds:.0f} ms, {mebibytes:.0f} MiB")
    return "audits of large hosts: " + "; ".join(notes)


def impact(small):
    """A changed policy on a host with much that must keep working: what it ends is found before the commit."""
    text = open(small).read() + "  - { to: gateway, services: [dns, dhcp], from: containers }\n"
    path = write("guests.yaml", text)
    more = text + "  - { to: gateway, services: [9999/tcp], from: laptop-1 }\n"
    took = []
    for bridges, connections in ((0, 0), (20, 10_000)):
        fresh_namespace()
        with Guests(bridges, connections, 200 if bridges else 0):
            with Daemon(WGFENCE, STATE, path) as ours:
                changes = [ours.change(more if turn % 2 == 0 else text) for turn in range(4 * RUNS + 1)]
            if any(commits != 1 for _, commits in changes):
                sys.exit(f"bench: {[commits for _, commits in changes]} commits for a change each")
            took.append(MEDIAN(taken for taken, _ in changes))
    row("impact", "file changed to committed, 20 bridges with guests, 10,000 connections : 50 ms", took[1], 50, 1.0, "ms")
    return (f"file changed to committed on a host without guests and connections {took[0]:.2f} ms, with 20 bridges of guests "
            f"and 10,000 connections {took[1]:.2f} ms")


def reloads():
    """Milliseconds of a reload with 50 rules of ufw and of firewalld, by name; only of the programs that are unpacked."""
    found = {}
    if Ufw.is_here:
        fresh_namespace()
        ufw = Ufw(f"{STATE}/ufw", peers(10), ports(5))
        do(*ufw.enable)
        found["ufw"] = MEDIAN(timed(*ufw.reload)[0] for _ in range(RUNS))
    if Firewalld.is_here:
        fresh_namespace()
        found["firewalld"] = MEDIAN(Firewalld(peers(10), ports(5)).reloads(TOOL, RUNS))
    return found


# --- packets

# Ends every new flow after the policy and before conntrack stores it or a socket answers: the same for all.
SINK = """table inet sink {
	counter seen { }
	chain input { type filter hook input priority 1000; policy accept; ct state new counter name seen drop; }
}
"""


INGRESS = """table netdev floor {
	chain ingress { type filter hook ingress device "eth0" priority -500; policy drop; }
}
"""


class Site:
    """A namespace with a veth named like the interface that packets come by."""

    def __init__(self, link, address, *commands):
        fresh_namespace()
        self.link = link
        for key in ("all", "default"):
            with open(f"/proc/sys/net/ipv4/conf/{key}/rp_filter", "w") as file:
                file.write("0")
        do("ip", "link", "set", "lo", "up")
        do("ip", "link", "add", link, "type", "veth", "peer", "name", "sender")
        for name in (link, "sender"):
            do("ip", "link", "set", name, "up")
        do("ip", "address", "add", address, "dev", link)
        do("ip", "route", "add", "default", "dev", link)
        self.mac = do("ip", "-o", "link", "show", link).split("link/ether ")[1].split()[0]
        for command in commands:
            do(*command)
        self.file = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def enter(self):
        enter(self.file)

    def flood(self, source, sources, target, port, xdp=()):
        """Nanoseconds a packet."""
        self.enter()
        return int(do(TOOL, "flood", "sender", self.mac, source, str(sources), target, str(port), str(PACKETS),
                      *xdp)) / PACKETS

    def counted(self, table, counter):
        self.enter()
        return int(do("nft", "list", "counter", "inet", table, counter).split("packets ")[1].split()[0])


def rounds(sites, *arguments, xdp=()):
    results = [[] for _ in sites]
    for turn in range(ROUNDS):
        for number in range(len(sites)):
            at = (number + turn) % len(sites)
            extra = ("xdp", sites[at].link) if at in xdp else ()
            results[at].append(sites[at].flood(*arguments, xdp=extra))
    # Shared cores only add time, so differences of medians are used.
    return [MEDIAN(result) for result in results]


def neighbours(small, sink):
    """The added cost of a new flow, ours first, by name and goal: two namespaces of each, in opposite orders."""
    setups = {"none": (), "ours": (apply(small),)}
    # Nothing but a drop at the end: no conntrack either.
    bare = ("nft", "-f", write("bare.nft", "table inet bare {\n\tchain input { type filter hook input priority 1000; policy drop; }\n}\n"))
    goals = {}
    if Ufw.is_here:
        setups["ufw"], goals["ufw"] = (Ufw(f"{STATE}/ufw", peers(10), ports(5)).enable,), 0.75
    if Firewalld.is_here:
        setups["firewalld"], goals["firewalld"] = (Firewalld(peers(10), ports(5)).enable,), 0.45
    names = list(setups)
    order = names + names[::-1]
    sites = [Site("lan0", "10.13.0.1/16", *setups[name], sink if name != "none" else bare) for name in order]
    costs = rounds(sites, peers(1)[0], 10, "10.13.0.1", ports(1)[0])
    mean = {name: (costs[at] + costs[len(order) - 1 - at]) / 2 for at, name in enumerate(names)}
    return {(name, goal): (mean["ours"] - mean["none"], mean[name] - mean["none"]) for name, goal in goals.items()}


def packets(small, large):
    sink = ("nft", "-f", write("sink.nft", SINK))
    # Two of each, created in opposite orders: the position of a ruleset in memory has a larger effect than the difference.
    by_hand = ("nft", "-f", write("few.nft", verdict_map(10, 5)))
    zone_small, zone_large = zone_policy("zone50", 10, 5), zone_policy("zone10000", 100, 100)
    kinds = [(sink,), (apply(zone_small), sink), (apply(zone_large), sink), (by_hand, sink)]
    inside = [Site("lan0", "10.13.0.1/16", *commands) for commands in kinds + kinds[::-1]]
    costs = rounds(inside, peers(1)[0], 10, "10.13.0.1", ports(1)[0])
    empty, few, many, hand = ((costs[at] + costs[7 - at]) / 2 for at in range(4))
    spread = max(abs(costs[at] - costs[7 - at]) for at in range(4))
    for site in inside:
        if site.counted("sink", "seen") < ROUNDS * PACKETS * 0.99:
            sys.exit("bench: C1 and C2: packets were lost on the way")
    row("C1", "a new flow's policy cost at 10,000 grants : at 50", many - empty, few - empty, 1.1, "ns")
    # The goals refer to these two; the usual input chain does far less than either.
    others = neighbours(zone_small, sink)
    for (name, goal), cost in others.items():
        row("C2", f"a new flow, policy and conntrack, 50 grants : {name}", cost[0], cost[1], goal, "ns")
    row("C2", "a new flow's policy cost at 50 grants : input chain by hand", few - empty, hand - empty, 3.0, "ns")

    usual = write("usual.nft", USUAL % ("", "		tcp dport { 22, 80, 443 } accept\n"))
    ingress = write("ingress.nft", INGRESS)
    kinds = [(), (("nft", "-f", ingress),), (apply(large),), (("nft", "-f", usual),)]
    outside = [Site("eth0", "203.0.113.10/24", *commands) for commands in kinds + kinds[::-1]]
    costs = rounds(outside, "198.18.0.1", 250, "203.0.113.10", 5432, xdp=(0, 7))
    xdp, ingress, ours, theirs = ((costs[at] + costs[7 - at]) / 2 for at in range(4))
    apart = max(abs(costs[at] - costs[7 - at]) for at in range(4))
    # A generic XDP program may first have to make headroom in the packet: then the drop at ingress is the lower floor.
    floor = min(xdp, ingress)
    if outside[2].counted("wgfence", "drop-not-granted-internet") < ROUNDS * PACKETS * 0.99:
        sys.exit("bench: C3: packets were lost on the way")
    row("C3", "a dropped SYN, above the earliest drop : the usual input chain", ours - floor, theirs - floor, 0.35, "ns")
    return (f"per packet, sending included: C1 no policy {empty:.0f} ns, 50 grants {few:.0f}, 10,000 grants {many:.0f}, input chain by hand {hand:.0f}, "
            f"equal namespaces differ by up to {spread:.0f};\n"
            f"C3 XDP drop {xdp:.0f}, ingress drop {ingress:.0f}, wgfence {ours:.0f}, usual input chain {theirs:.0f}, "
            f"equal namespaces differ by up to {apart:.0f}")


def flows():
    """Packets of established flows, in both directions, and those that a hub relays."""
    ours = write("flows.yaml", bench_flows.POLICY)
    setups = {"none": (), "tracked": (("nft", "-f", write("tracked.nft", bench_flows.TRACKED)),),
              "usual": (("nft", "-f", write("usual-flows.nft", bench_flows.USUAL)),), "ours": (apply(ours),)}
    if Ufw.is_here:
        setups["ufw"] = (Ufw(f"{STATE}/ufw-flows", peers(10), ports(5), "udp").enable,)
    if Firewalld.is_here:
        setups["firewalld"] = (Firewalld(peers(10), ports(5), "udp").enable,)
    found = bench_flows.measure(TOOL, setups, ROUNDS, PACKETS, do, fresh_namespace, enter)
    up, down, relayed = found["upload"], found["download"], found["relayed"]
    row("F1", "an established packet in the original direction, above no firewall : usual chain", up["ours"], up["usual"], 1.8, "ns")
    for name, goal in (("ufw", 1.0), ("firewalld", 0.6)):
        if name in up:
            row("F1", f"  the same : {name}", up["ours"], up[name], goal, "ns")
    row("F2", "a reply, above no firewall : usual chain", down["ours"], down["usual"], 1.0, "ns")
    row("F2", "a packet that a hub relays, above no firewall : usual chain", relayed["ours"], relayed["usual"], 1.3, "ns")
    return "established packets of 1,400 bytes, ns above no firewall: " + "; ".join(
        f"{kind} " + ", ".join(f"{name} {value:.0f}" for name, value in costs.items() if value is not None)
        for kind, costs in found.items())


def main():
    began = time.monotonic()
    if os.environ.get("BENCH_ONLY") == "flows":
        flowing = flows()
        print_table()
        print(f"\n{flowing}\nmedians of {ROUNDS} rounds of {PACKETS} packets, interleaved; {time.monotonic() - began:.0f} s")
        return
    small, large, note = processes()
    guarded = daemon(small, large)
    listed = audit(small)
    hosts = large_hosts()
    hosted = impact(small)
    other = packets(small, large)
    flowing = flows()
    print_table()
    print(f"\n{note}\n{guarded}\n{listed}\n{hosts}\n{hosted}\n{other}\n{flowing}")
    print(f"medians of {RUNS} runs of each process (A2: {4 * RUNS + 1}; A3, E: {2 * RUNS + 1}) and {ROUNDS} rounds of {PACKETS} packets, interleaved; "
          f"{time.monotonic() - began:.0f} s")


main()
