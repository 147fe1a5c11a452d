# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches which port: the site's ports from every side, over IPv4 and IPv6, and what containers reach."""

import engine
import probes
from network import ATTACKER, CODE_HOST, HOME, NAME_SERVER, OUTSIDE, TUNNEL, WEB

# Ports of the machines' own programs, of containers, of the Swarm, and one that no line names.
PORTS = {"onprem": [22, 80, 2049, 2377, 3000, 5432, 7000, 7946, 8080, 8888, 9001, 9090, 9100],
         "ec2": [22, 80, 443, 7000, 7946, 8080, 9001, 9100, 9443]}
ALL = {name: " ".join(map(str, ports)) for name, ports in PORTS.items()}
FLEET = {"onprem": "2377 5432 7946 9100", "ec2": "7946 9100"}
# Sender, receiver, address, the ports with the policy; without it every port is open. Source addresses are the senders' own.
SIDES = [
    ("the internet", "internet", "onprem", OUTSIDE["onprem"][0], None, ""),
    ("the internet by IPv6", "internet", "onprem", OUTSIDE["onprem"][1], None, ""),
    ("the LAN", "lan", "onprem", HOME, None, "2049"),
    ("the LAN's other family, which the policy calls internet", "lan", "onprem", OUTSIDE["onprem"][1], None, ""),
    ("an admin's laptop in the tunnel", "laptop", "onprem", TUNNEL["onprem"][0], None, "22 3000 5432 8888 9001 9090 9100"),
    ("an admin's laptop in the tunnel by IPv6", "laptop", "onprem", TUNNEL["onprem"][1], None,
     "22 3000 5432 8888 9001 9090 9100"),
    ("an admin's laptop outside the tunnel", "laptop", "onprem", OUTSIDE["onprem"][0], None, ""),
    ("ec2 in the tunnel", "ec2", "onprem", TUNNEL["onprem"][0], None, FLEET["onprem"]),
    ("the attacker beside ec2", "internet", "ec2", OUTSIDE["ec2"][0], ATTACKER["ec2"][0], "80 443"),
    ("the internet by IPv6", "internet", "ec2", OUTSIDE["ec2"][1], None, "80 443"),
    ("the code host", "internet", "ec2", OUTSIDE["ec2"][0], CODE_HOST, "80 443 9443"),
    ("an admin's laptop in the tunnel", "laptop", "ec2", TUNNEL["ec2"][0], None, "22 8080"),
    ("an admin's laptop outside the tunnel", "laptop", "ec2", OUTSIDE["ec2"][0], None, "80 443"),
    ("onprem in the tunnel", "onprem", "ec2", TUNNEL["ec2"][0], None, FLEET["ec2"]),
    ("a host of onprem's LAN, through onprem and the tunnel", "lan", "ec2", TUNNEL["ec2"][0], None, "8080"),
]


def words(ports):
    return " ".join(map(str, ports)) if isinstance(ports, list) else ports


def ports(site, results, enforced):
    """Every side, all at once: a closed port costs the time of its silence."""
    waiting = []
    for side, sender, receiver, address, source, granted in SIDES:
        expected = granted if enforced else ALL[receiver]
        waiting.append((side, receiver, address, expected,
                        site[sender].start(probes.open_ports, address, PORTS[receiver], source, 40, 5.0)))
    for side, receiver, address, expected, later in waiting:
        results.verdict(f"{'with' if enforced else 'without'} the policy, {side} reaches of {receiver} ({address})",
                        expected or "nothing", words(later.result()) or "nothing")


def containers(site, results, enforced):
    """What containers reach: each other by overlay networks, the internet, their own host, the nodes."""
    onprem, ec2 = site["onprem"], site["ec2"]
    when = "with the policy" if enforced else "without the policy"
    box = engine.container(onprem, "grafana")
    task, other = engine.container(onprem, "site_web"), engine.container(ec2, "site_web")
    sealed, other_sealed = engine.container(onprem, "site_agent"), engine.container(ec2, "site_agent")
    for service, network, here, there in (("site_web", "site_plain", task, other),
                                          ("site_agent", "site_sealed", sealed, other_sealed)):
        for one, receiver in ((here, ec2), (there, onprem)):
            address = engine.address(receiver, service, network)[0]
            results.verdict(f"{when}, {one.name} talks to the task on {receiver.name} over {network}", "open",
                            one.run(probes.tcp, address, 8080, None, 10))
    seen = {task.run(probes.page, address, 8080) for address in task.run(probes.resolve, "127.0.0.11", "web") for _ in range(8)}
    results.verdict(f"{when}, a service's virtual address leads to its tasks on both nodes", 2, len(seen))
    for place in (box, task, other):
        results.verdict(f"{when}, {place.name} reaches the internet", "open", place.run(probes.tcp, WEB, 80))
    results.verdict(f"{when}, a container asks the internet's name server", [WEB],
                    box.run(probes.resolve, NAME_SERVER, "example.org"))
    results.verdict(f"{when}, and by Docker's own", [WEB], task.run(probes.resolve, "127.0.0.11", "example.org"))
    for address in (TUNNEL["onprem"][0], HOME):
        results.verdict(f"{when}, a container reaches a port of another container by its host's address {address}", "open",
                        box.run(probes.tcp, address, 3000))
    results.verdict(f"{when}, a container reaches its own published port", "open", box.run(probes.tcp, TUNNEL["onprem"][0], 3000))
    results.verdict(f"{when}, a container reaches a port of its host that is not granted to containers",
                    "silent" if enforced else "open", box.run(probes.tcp, TUNNEL["onprem"][0], 2049, None, 4))
    results.verdict(f"{when}, Prometheus in a container reads both nodes", "2", scraped(site))


def scraped(site):
    """How many nodes Prometheus has read since now."""
    import json
    from machines import until
    answer = []

    def both():
        text = site["onprem"].run(probes.page, "127.0.0.1", 9090, "/api/v1/query?query=time()-timestamp(up)<9*up", 20)
        try:
            answer[:] = [str(len(json.loads(text)["data"]["result"]))]
        except (ValueError, KeyError, TypeError):
            answer[:] = [str(text)[:200]]
        return answer == ["2"]
    until(60, both)
    return answer[0]
