# SPDX-License-Identifier: GPL-3.0-or-later
"""Forged packets of a Swarm: frames in VXLAN, gossip, and packets for the routing mesh's own addresses, from outside."""

import engine
import probes
from network import ATTACKER, HOME, OUTSIDE, TUNNEL

# Sender, node, address, source (None: the sender's own). All are outside the Swarm.
FROM = [
    ("the internet", "internet", "onprem", OUTSIDE["onprem"][0], None),
    ("the LAN", "lan", "onprem", HOME, None),
    ("a laptop in the tunnel", "laptop", "onprem", TUNNEL["onprem"][0], None),
    ("the attacker beside ec2", "internet", "ec2", OUTSIDE["ec2"][0], ATTACKER["ec2"][0]),
    ("the attacker with onprem's address in the tunnel", "internet", "ec2", OUTSIDE["ec2"][0], TUNNEL["onprem"][0]),
    ("a laptop in the tunnel", "laptop", "ec2", TUNNEL["ec2"][0], None),
]


def overlay(site, results, enforced):
    """A frame for a task's hardware address, sent to its node's VXLAN port: does the task get it?"""
    onprem = site["onprem"]
    number = engine.vxlan_number(onprem, "site_plain")
    waiting = []
    tasks = {}
    for name in ("onprem", "ec2"):
        address, mac = engine.address(site[name], "site_web", "site_plain")
        place = engine.container(site[name], "site_web")
        tokens = [f"frame-{i}-{name}" for i in range(len(FROM))] + [f"frame-box-{name}", f"frame-gossip-{name}"]
        tasks[name] = place.start(probes.frames, tokens, 12), mac, address
    gossip = {name: site[name].start(probes.witness, [f"gossip-{i}-{name}" for i in range(len(FROM))] + [f"gossip-box-{name}"], 12)
              for name in ("onprem", "ec2")}
    # A container of one node sends to the other one, and to its own.
    box = engine.container(onprem, "grafana")
    senders = [(str(i), site[sender], node, address, source) for i, (_, sender, node, address, source) in enumerate(FROM)]
    senders += [("box", box, "ec2", TUNNEL["ec2"][0], None), ("box", box, "onprem", TUNNEL["onprem"][0], None)]
    for i, place, node, address, source in senders:
        _, mac, inner = tasks[node]
        frame = probes.inner_frame(mac, inner.rsplit(".", 1)[0] + ".250", inner, 4321, f"frame-{i}-{node}")
        waiting.append(place.start(probes.vxlan, address, number, frame, source))
        waiting.append(place.start(probes.send, address, 7946, f"gossip-{i}-{node}", source))
    for later in waiting:
        later.result()
    arrived = {name: set(task[0].result()) for name, task in tasks.items()}
    heard = {name: set(later.result()) for name, later in gossip.items()}
    when = "with the policy" if enforced else "without the policy"
    expected = "nothing" if enforced else "arrives"
    said = [(str(i), words, node) for i, (words, _, node, _, _) in enumerate(FROM)]
    said += [("box", "a container of onprem", "ec2"), ("box", "a container of onprem", "onprem")]
    for i, words, node in said:
        results.verdict(f"{when}, a frame in VXLAN from {words} to a task on {node}", expected,
                        "arrives" if f"frame-{i}-{node}" in arrived[node] else "nothing")
        results.verdict(f"{when}, gossip from {words} to {node}", expected,
                        "arrives" if f"gossip-{i}-{node}" in heard[node] else "nothing")


def mesh(site, results, enforced):
    """Packets that a neighbour routes to the addresses behind the routing mesh, past the published port."""
    when = "with the policy" if enforced else "without the policy"
    internet, ec2 = site["internet"], site["ec2"]
    gateway = sandbox(ec2)
    internet.ip("route", "replace", "172.16.0.0/12", "via", OUTSIDE["ec2"][0])
    internet.ip("route", "replace", "10.0.0.0/16", "via", OUTSIDE["ec2"][0])
    try:
        results.verdict(f"{when}, a neighbour of ec2 reaches the routing mesh's own address {gateway}, port 80",
                        "silent" if enforced else "open", internet.run(probes.tcp, gateway, 80, ATTACKER["ec2"][0], 6))
        results.verdict(f"{when}, and a task of an encrypted network by its own address", "silent",
                        internet.run(probes.tcp, engine.address(ec2, "site_agent", "site_sealed")[0], 8080, ATTACKER["ec2"][0], 6))
    finally:
        internet.ip("route", "delete", "172.16.0.0/12")
        internet.ip("route", "delete", "10.0.0.0/16")


def sandbox(machine):
    """The address of the namespace that does the routing mesh's work, on docker_gwbridge."""
    return engine.api(machine, "/networks/docker_gwbridge")["Containers"]["ingress-sbox"]["IPv4Address"].split("/")[0]
