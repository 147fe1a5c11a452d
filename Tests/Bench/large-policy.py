#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints a large policy, the same bytes for the same options: one tunnel with a hub, groups, services, grants, zones,
lists, encryption and tests. For measuring only."""

import argparse
import random


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machines", type=int, default=1000, help="2 to 40000, the hub among them")
    parser.add_argument("--services", type=int, default=500, help="1 to 20000 services of the policy's own")
    parser.add_argument("--grants", type=int, default=1500, help="lines of 'allow'")
    parser.add_argument("--groups", type=int, default=50)
    parser.add_argument("--tests", type=int, default=100, help="lines of 'tests'")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if not 2 <= options.machines <= 40000 or not 1 <= options.services <= 20000 or options.groups < 1:
        parser.error("--machines 2 to 40000, --services 1 to 20000, --groups 1 or more")
    return options


def addresses(number):
    return f'10.{64 + number // 65536}.{number // 256 % 256}.{number % 256}, "fd64::{number:x}"'


def write(options):
    dice = random.Random(options.seed)
    machines = [f"m{number:04}" for number in range(1, options.machines + 1)]
    hub, peers = machines[0], machines[1:]
    groups = {f"g{number:02}": sorted(dice.sample(machines, min(len(machines), dice.randint(3, 30))))
              for number in range(1, options.groups + 1)}
    services = [f"s{number:03}" for number in range(1, options.services + 1)]
    servers = [name for name in machines if dice.random() < 0.1] or [hub]
    zoned = [name for name in servers if dice.random() < 0.5] or [servers[0]]
    encrypted = sorted({hub, *servers[:4]} | {peers[0]})

    print("# A large policy, made by Tests/Bench/large-policy.py", *(f"--{key} {value}" for key, value in vars(options).items()))
    print("version: 1\n\ntunnels:")
    print(f'  wg0: {{ prefixes: [10.64.0.0/10, "fd64::/64"], listen: 51820, hub: {hub} }}')

    print("\nmachines:")
    for number, name in enumerate(machines, 1):
        own = [f"addresses: {{ wg0: [{addresses(number)}] }}"]
        if name in servers or name in encrypted:
            own.append(f"endpoint: 203.{number // 65536}.{number // 256 % 256}.{number % 256}")
        if name in zoned:
            prefix = f"172.{16 + number // 256 % 16}.{number % 256}.0/24"
            own.append(f"subnets: [{prefix}]")
            own.append(f"zones: {{ lan: {{ interfaces: [enp5s0], prefixes: [{prefix}] }} }}")
        print(f"  {name}: {{ {', '.join(own)} }}")

    print("\ngroups:")
    for name, members in groups.items():
        print(f"  {name}: [{', '.join(members)}]")
    print(f"  everyone: [{', '.join(machines)}]")

    print("\nservices:")
    for number, name in enumerate(services):
        port = 10000 + number * 2
        text = f"[{port}/tcp, {port}/udp]" if number % 7 == 0 else f"{port}/{'udp' if number % 5 == 0 else 'tcp'}"
        print(f"  {name}: {text}")

    print("\nlists:")
    for number, name in enumerate(("partners", "offices", "scanners")):
        print(f"  {name}: [{', '.join(f'198.{18 + number}.{part}.0/24' for part in range(0, 40, 2))}]")
    print("\nblock: [scanners]\n\nallow:")

    def ends():
        """Sources and destinations of grants: pairs that the language accepts."""
        kind = dice.random()
        if kind < 0.45:
            to, source = dice.choice(list(groups)), dice.choice(list(groups))
        elif kind < 0.7:
            to = dice.choice(servers)
            source = dice.choice([name for name in machines if name != to])
        elif kind < 0.85:
            to, source = dice.choice(servers), dice.choice(list(groups))
        elif kind < 0.9:
            to, source = dice.choice(servers), "internet"
        elif kind < 0.94:
            to, source = dice.choice(servers), dice.choice(("partners", "offices"))
        elif kind < 0.97:
            to, source = dice.choice(zoned), "lan"
        else:
            to = f"{dice.choice(zoned)}.lan"
            source = dice.choice([name for name in machines if name != to.split(".")[0]])
        return to, source

    grants = [("everyone", ["node-exporter", "ping"], servers[0])]
    print(f"  - {{ to: everyone, services: [node-exporter, ping], from: {servers[0]} }}")
    for _ in range(options.grants - 1):
        to, source = ends()
        granted = sorted(dice.sample(services, min(len(services), dice.randint(1, 3))))
        grants.append((to, granted, source))
        print(f"  - {{ to: {to}, services: [{', '.join(granted)}], from: {source} }}")

    print(f"\nencrypt:\n  - {{ between: [{', '.join(encrypted)}], tunnel: wg0 }}")
    print(f"\nfailsafe:\n  - {{ to: [{', '.join(servers)}], services: [ssh], from: {list(groups)[0]} }}")
    print("\ntests:" if options.tests else "")
    for number in range(options.tests):
        if number % 4 == 3:
            print(f"  - {{ from: internet, to: {dice.choice(peers)}, deny: [ssh, postgres] }}")
            continue
        to, granted, source = dice.choice(grants)
        print(f"  - {{ from: {source}, to: {to}, allow: [{', '.join(granted)}] }}")


if __name__ == "__main__":
    write(arguments())
